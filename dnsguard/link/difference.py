"""Two snapshots → the delta between them, and a snapshot that deltas are folded into."""

from dnsguard.errors import DnsguardError
from dnsguard.link.messages import Delta, Identity, Snapshot
from dnsguard.span import exchanged


class WrongBase(DnsguardError):
    """A delta starts from a revision that the receiver does not hold: it needs a snapshot."""


def difference(old: Snapshot, new: Snapshot) -> Delta:
    """What turns ``old`` into ``new``. They must agree on table and query policy, which no delta can carry."""
    if (old.table, old.query_policy) != (new.table, new.query_policy):
        raise ValueError("a delta carries neither another table nor another query policy")
    had_feeds, has_feeds = exchanged(old.lease_sets, new.lease_sets)
    had_identities, has_identities = exchanged(old.identities, new.identities)
    old_feeds = {feed.id: feed for feed in had_feeds}
    old_identities = {identity.endpoint: identity for identity in had_identities}
    return Delta(
        revision=new.revision,
        base_revision=old.revision,
        lease_sets=tuple(feed for feed in has_feeds if old_feeds.get(feed.id) != feed),
        removed_lease_sets=tuple(sorted(old_feeds.keys() - {feed.id for feed in has_feeds})),
        identities=tuple(each for each in has_identities if old_identities.get(each.endpoint) != each),
        removed_identities=tuple(sorted(old_identities.keys() - {each.endpoint for each in has_identities})),
        configuration=() if old.configuration == new.configuration else (new.configuration,),
        keeps=new.keeps,
    )


def is_empty(delta: Delta) -> bool:
    """Nothing but the revision differs."""
    return not (
        delta.lease_sets
        or delta.removed_lease_sets
        or delta.identities
        or delta.removed_identities
        or delta.configuration
    )


def opens(old: Snapshot, new: Snapshot) -> bool:
    """Whether ``new`` asks forwarders to fill or to serve something that ``old`` did not; then rules wait for them."""
    had_feeds, has_feeds = exchanged(old.lease_sets, new.lease_sets)
    known = {feed.id for feed in had_feeds}
    if any(feed.id not in known for feed in has_feeds):
        return True
    had_identities, has_identities = exchanged(old.identities, new.identities)
    served = {identity.endpoint: identity for identity in had_identities}
    return any(_opens(served.get(identity.endpoint), identity) for identity in has_identities)


def refills(old: Snapshot, new: Snapshot) -> bool:
    """Whether ``new`` asks forwarders to fill in what endpoints have learned that ``old`` had, too: by rules that look
    there before that is done, they lose what was open to them."""
    had_feeds, has_feeds = exchanged(old.lease_sets, new.lease_sets)
    known = {feed.id for feed in had_feeds}
    if any(feed.id not in known for feed in has_feeds):
        return True
    had_identities, has_identities = exchanged(old.identities, new.identities)
    served = {identity.endpoint: identity for identity in had_identities}
    return any(
        not set(served[each.endpoint].lease_sets) >= set(each.lease_sets)
        for each in has_identities
        if each.endpoint in served
    )


def _opens(before: Identity | None, now: Identity) -> bool:
    return before is None or not (
        set(before.addresses) >= set(now.addresses)
        and set(before.lease_sets) >= set(now.lease_sets)
        and set(before.forwarded) >= set(now.forwarded)
    )


class Folded:
    """A snapshot that deltas are folded into, at the cost of the delta and not of the whole."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.revision = snapshot.revision
        self.table = snapshot.table
        self.query_policy = snapshot.query_policy
        self.configuration = snapshot.configuration
        self.lease_sets = {feed.id: feed for feed in snapshot.lease_sets}
        self.identities = {identity.endpoint: identity for identity in snapshot.identities}

    def fold(self, delta: Delta) -> None:
        """Raises WrongBase, and changes nothing then, when the delta does not start where this stands."""
        if delta.base_revision != self.revision:
            raise WrongBase(f"a delta from revision {delta.base_revision} does not fit revision {self.revision}")
        for lease_set in delta.removed_lease_sets:
            self.lease_sets.pop(lease_set, None)
        for endpoint in delta.removed_identities:
            self.identities.pop(endpoint, None)
        self.lease_sets.update((feed.id, feed) for feed in delta.lease_sets)
        self.identities.update((identity.endpoint, identity) for identity in delta.identities)
        for configuration in delta.configuration:
            self.configuration = configuration
        self.revision = delta.revision

    def snapshot(self) -> Snapshot:
        """The whole, sorted by identifier and by endpoint."""
        return Snapshot(
            revision=self.revision,
            table=self.table,
            lease_sets=tuple(self.lease_sets[key] for key in sorted(self.lease_sets)),
            identities=tuple(self.identities[key] for key in sorted(self.identities)),
            query_policy=self.query_policy,
            configuration=self.configuration,
        )
