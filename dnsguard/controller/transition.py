"""What forwarders are told while rules change: as much as both the rules before and those to come can bear. Pure."""

from collections.abc import Collection
from dataclasses import replace

from dnsguard.leases import OUTSIDERS
from dnsguard.link.messages import Identity, Snapshot
from dnsguard.span import differing


def as_judged(wanted: Snapshot, judged: Collection[str]) -> Snapshot:
    """``wanted`` as far as rules of an earlier run judge its workloads, which have these addresses. What else those
    rules look into is not known, so nothing is to be taken away."""
    identities = []
    for each in wanted.identities:
        if "/" in each.endpoint:
            addresses = tuple(address for address in each.addresses if address in judged)
            if not addresses:
                continue
            each = each if addresses == each.addresses else replace(each, addresses=addresses)
        identities.append(each)
    return replace(wanted, identities=tuple(identities), keeps=True)


def for_both(before: Snapshot, wanted: Snapshot) -> Snapshot:
    """``wanted`` as far as endpoints have rules already, with the lease sets that those rules still look into."""
    _, had_feeds, has_feeds = differing(before.lease_sets, wanted.lease_sets)
    kept = {feed.id for feed in has_feeds}
    leaving = tuple(feed for feed in had_feeds if feed.id not in kept)
    return replace(
        wanted,
        lease_sets=(*wanted.lease_sets, *leaving) if leaving else wanted.lease_sets,
        identities=_identities_for_both(before.identities, wanted.identities),
    )


def _identities_for_both(before: tuple[Identity, ...], wanted: tuple[Identity, ...]) -> tuple[Identity, ...]:
    start, had, has = differing(before, wanted)
    known = {identity.endpoint: identity for identity in had}
    # No class of their own judges outsiders: what they may is in the sets alone, until no rule looks there any more.
    outsiders = known.setdefault(OUTSIDERS, Identity(OUTSIDERS, (), (), ()))
    both = [_of_both(known[each.endpoint], each) for each in has if each.endpoint in known]
    if outsiders.forwarded and not any(each.endpoint == OUTSIDERS for each in has):
        both.insert(0, outsiders)
    return (*wanted[:start], *both, *wanted[start + len(has) :]) if has or both else wanted


def _of_both(before: Identity, wanted: Identity) -> Identity:
    if before is wanted or before == wanted:
        return wanted
    return replace(
        wanted,
        addresses=tuple(address for address in wanted.addresses if address in before.addresses),
        lease_sets=tuple(sorted({*before.lease_sets, *wanted.lease_sets})),
        forwarded=tuple(sorted({*before.forwarded, *wanted.forwarded})),
    )
