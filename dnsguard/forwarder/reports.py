"""What the controller may ask of us, in the words of the link."""

from collections.abc import Iterable
from ipaddress import ip_address
from itertools import islice

from dnsguard.domains import name_text
from dnsguard.forwarder.withheld import Withheld
from dnsguard.leases import NODE, LeaseBook, Scope
from dnsguard.leases.listing import Lease
from dnsguard.link.messages import LearnedAlias, LearnedLease, LeasesReply

MAX_LEASES = 5_000
"""Of one reply: about a megabyte."""


def leases_reply(
    book: LeaseBook, request: int, client: str, now: float, withheld: Withheld | None = None
) -> LeasesReply:
    """The leases of one client, the node's among them, or of all where ``client`` is empty."""
    kept = tuple(withheld.of(scopes_of(book, client), now)) if withheld is not None and client else ()
    leases: list[LearnedLease] = []
    aliases = _aliases(book, client, now)
    for lease in book.leases(scopes_of(book, client), now):
        if client and lease.client and str(ip_address(lease.client)) != client and lease.scope == NODE:
            continue
        if len(leases) == MAX_LEASES:
            return LeasesReply(request, tuple(leases), truncated=True, aliases=aliases, withheld=kept)
        leases.append(learned_lease(lease, now))
    return LeasesReply(request, tuple(leases), aliases=aliases, withheld=kept)


def _aliases(book: LeaseBook, client: str, now: float) -> tuple[LearnedAlias, ...]:
    """Those that still lead somewhere, as many as fit."""
    found = (
        LearnedAlias(name_text(owner), name_text(target), round(expires - now, 3))
        for scope in (scopes_of(book, client) if client else ())
        if (graph := book.library.get(scope)) is not None
        for owner, targets in graph.aliases.items()
        for target, expires in targets.items()
        if expires > now
    )
    return tuple(islice(found, MAX_LEASES))


def scopes_of(book: LeaseBook, client: str) -> Iterable[Scope]:
    """Where what counts for a client was learned; all scopes where ``client`` is empty, none of what is no address."""
    if not client:
        return book.library.scopes()
    try:
        return (book.scope_of(ip_address(client).packed), NODE)
    except ValueError:
        return ()


def scope_text(scope: Scope) -> str:
    """Whose look-ups they are: an endpoint, an address, or ``node``."""
    return scope if isinstance(scope, str) else str(ip_address(scope)) if scope else "node"


def learned_lease(lease: Lease, now: float) -> LearnedLease:
    """A lease in the words of the link."""
    return LearnedLease(
        client=scope_text(lease.scope),
        client_address=str(ip_address(lease.client)) if lease.client else "",
        address=str(ip_address(lease.address)),
        lease_sets=lease.feeds,
        names=tuple(name_text(name) for name in lease.names),
        seconds_left=round(max(0.0, lease.expires - now), 3),
    )
