"""What the controller may ask of us, in the words of the link."""

from collections.abc import Iterable
from ipaddress import ip_address

from dnsguard.domains import name_text
from dnsguard.leases import NODE, LeaseBook, Scope
from dnsguard.leases.listing import Lease
from dnsguard.link.messages import LearnedLease, LeasesReply

MAX_LEASES = 5_000
"""Of one reply: about a megabyte."""


def leases_reply(book: LeaseBook, request: int, client: str, now: float) -> LeasesReply:
    """The leases of one client, the node's among them, or of all where ``client`` is empty."""
    leases: list[LearnedLease] = []
    for lease in book.leases(_scopes(book, client), now):
        if client and lease.client and str(ip_address(lease.client)) != client and lease.scope == NODE:
            continue
        if len(leases) == MAX_LEASES:
            return LeasesReply(request, tuple(leases), truncated=True)
        leases.append(_learned(lease, now))
    return LeasesReply(request, tuple(leases))


def _scopes(book: LeaseBook, client: str) -> Iterable[Scope]:
    if not client:
        return book.library.scopes()
    try:
        return (book.scope_of(ip_address(client).packed), NODE)
    except ValueError:
        return ()


def _learned(lease: Lease, now: float) -> LearnedLease:
    scope = lease.scope
    whose = scope if isinstance(scope, str) else str(ip_address(scope)) if scope else "node"
    return LearnedLease(
        client=whose,
        client_address=str(ip_address(lease.client)) if lease.client else "",
        address=str(ip_address(lease.address)),
        lease_sets=lease.feeds,
        names=tuple(name_text(name) for name in lease.names),
        seconds_left=round(max(0.0, lease.expires - now), 3),
    )
