"""What a domain name means to a client: where it led, which lease sets take it, whether a query is answered. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from dnsguard.api.views.explaining import Carrier, ExplainedName, LearnedAddress
from dnsguard.api.views.explaining import LearnedAlias as AliasView
from dnsguard.api.views.explaining import WithheldAddress as WithheldView
from dnsguard.calc.compiled import Compiled
from dnsguard.controller.explain.learned import Learned, wires
from dnsguard.controller.explain.origins import Origins
from dnsguard.domains import name_text
from dnsguard.link.messages import LearnedAlias, LearnedLease

MOST_STEPS = 64
"""Aliases shown of one name."""

NODE_WIDE = "node"


def explained_name(
    name: bytes, used: Collection[str], compiled: Compiled, learned: Learned, origins: Origins, query: str
) -> ExplainedName:
    """Everything that is known of a name, for one client.

    ``used``: the lease sets that its look-ups fill. ``query`` says whether its queries are answered.
    """
    steps = tuple(_steps(name, learned.aliases))
    chain = {name, *(wire for step in steps for wire in wires([step.target]))}
    return ExplainedName(
        name=name_text(name),
        aliases=tuple(AliasView(owner=s.owner, target=s.target, seconds_left=s.seconds_left) for s in steps),
        addresses=tuple(_addresses(name, learned.leases)),
        withheld=tuple(
            WithheldView(address=each.address, reason=each.reason, seconds_left=each.seconds_left)
            for each in learned.withheld_of(name)
        ),
        carriers=tuple(_carriers(chain, used, compiled, origins)),
        query=query,
    )


def _steps(name: bytes, aliases: Sequence[LearnedAlias]) -> Iterator[LearnedAlias]:
    """The aliases that a name led along, breadth first, each once."""
    by_owner: dict[bytes, list[LearnedAlias]] = {}
    for alias in aliases:
        for owner in wires([alias.owner]):
            by_owner.setdefault(owner, []).append(alias)
    seen, level, count = {name}, [name], 0
    while level:
        following = []
        for owner in level:
            for alias in sorted(by_owner.get(owner, ()), key=lambda each: each.target):
                if count == MOST_STEPS:
                    return
                count += 1
                yield alias
                following += [target for target in wires([alias.target]) if target not in seen]
                seen.update(following)
        level = following


def _addresses(name: bytes, leases: Sequence[LearnedLease]) -> Iterator[LearnedAddress]:
    by_address: dict[str, list[LearnedLease]] = {}
    for lease in leases:
        if name in wires(lease.names):
            by_address.setdefault(lease.address, []).append(lease)
    for address, found in by_address.items():
        holding = [lease for lease in found if lease.lease_sets]
        yield LearnedAddress(
            address=address,
            sets=tuple(sorted({lease_set for lease in holding for lease_set in lease.lease_sets})),
            node_wide=all(lease.client == NODE_WIDE for lease in holding or found),
            seconds_left=max(lease.seconds_left for lease in holding or found),
        )


def _carriers(chain: set[bytes], used: Collection[str], compiled: Compiled, origins: Origins) -> Iterator[Carrier]:
    rules = _rules_by_lease_set(compiled)
    found = []
    for lease_set in compiled.lease_sets.values():
        for pattern in lease_set.patterns:
            if any(pattern.matches(each) for each in chain):
                for origin, text in origins.of(lease_set.id, lease_set.description, pattern.canonical):
                    found.append(
                        Carrier(
                            lease_set=lease_set.id,
                            pattern=text or pattern.text,
                            origin=origin,
                            rules=rules.get(lease_set.id, ()),
                            used=lease_set.id in used,
                        )
                    )
    in_force = {(each.origin, each.pattern) for each in found}
    for origin, text in origins.matching(chain):
        if (origin, text) not in in_force:
            found.append(Carrier(lease_set="", pattern=text, origin=origin, rules=(), used=False))
    yield from sorted(found, key=lambda each: (not each.used, each.origin, each.pattern, each.lease_set))


def _rules_by_lease_set(compiled: Compiled) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    rules = [(str(policy.id), rule) for policy in compiled.policies.values() for rule in policy.egress]
    rules += [(f"profile {each.name}", rule) for each in compiled.profiles.values() for rule in each.egress]
    for owner, rule in rules:
        if rule.destination.leases is not None:
            found.setdefault(rule.destination.leases, []).append(f"rule {rule.index} of {owner}")
    return {lease_set: tuple(sorted(texts)) for lease_set, texts in found.items()}
