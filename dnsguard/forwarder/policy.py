"""What the controller says, read once at the door: feeds and clients for the lease book, and who may ask what."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

from dnsguard.domains import DomainPattern, DomainPatternError
from dnsguard.leases import Feed, LocalClient
from dnsguard.link.messages import Delta, Identity, LeaseSetFeed, Snapshot

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Permission:
    """What one endpoint may ask, as its egress policy has it."""

    endpoint: str
    feeds: frozenset[str]
    """Lease sets whose names it may ask for even where DNS is denied to it."""

    listed: frozenset[str]
    """Lease sets whose names some policy allows it: those, and the ones for packets that the node forwards."""

    asks: frozenset[tuple[str, bytes]]
    """(``udp`` or ``tcp``, packed address of ours)."""


@dataclass(slots=True)
class Policy:
    """Who may ask what, folded from snapshot and deltas. The lease book holds the rest."""

    revision: int = 0
    listed_only: bool = False
    """``AllowListed``: names that no policy of the client allows are refused."""

    permissions: dict[str, Permission] = field(default_factory=dict)
    """By endpoint."""

    def replace(self, snapshot: Snapshot) -> None:
        self.revision = snapshot.revision
        self.listed_only = snapshot.query_policy == "AllowListed"
        self.permissions = {identity.endpoint: _permission(identity) for identity in snapshot.identities}

    def apply(self, delta: Delta) -> None:
        self.revision = delta.revision
        for endpoint in delta.removed_identities:
            self.permissions.pop(endpoint, None)
        self.permissions.update({identity.endpoint: _permission(identity) for identity in delta.identities})


def feeds_of(feeds: Iterable[LeaseSetFeed], problems: list[str]) -> list[Feed]:
    """Lease sets for the book. A pattern that is none feeds nothing, and is a problem to report."""
    return [
        Feed(feed.id, feed.kernel_set_v4, feed.kernel_set_v6, frozenset(_patterns(feed, problems))) for feed in feeds
    ]


def clients_of(identities: Iterable[Identity], problems: list[str]) -> list[LocalClient]:
    """Endpoints for the book. An address that is none is nobody's, and is a problem to report."""
    return [
        LocalClient(
            identity.endpoint,
            tuple(_addresses(identity, problems)),
            frozenset((*identity.lease_sets, *identity.forwarded)),
        )
        for identity in identities
    ]


def _patterns(feed: LeaseSetFeed, problems: list[str]) -> Iterable[DomainPattern]:
    for text in feed.patterns:
        try:
            yield DomainPattern.parse(text)
        except DomainPatternError as error:
            problems.append(f"lease set {feed.id}: {error}")


def _addresses(identity: Identity, problems: list[str]) -> Iterable[bytes]:
    for text in dict.fromkeys(identity.addresses):
        try:
            yield ip_address(text).packed
        except ValueError as error:
            problems.append(f"endpoint {identity.endpoint}: {error}")


def _permission(identity: Identity) -> Permission:
    asks = set()
    for entry in identity.may_query:
        transport, _, text = entry.partition("/")
        try:
            asks.add((transport, ip_address(text).packed))
        except ValueError:
            log.error("endpoint %s may ask %r, which is no address: ignored", identity.endpoint, entry)
    feeds = frozenset(identity.lease_sets)
    return Permission(identity.endpoint, feeds, feeds.union(identity.forwarded), frozenset(asks))
