"""Leases as people ask for them: who may reach what, because of which names, and for how long."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dnsguard.leases.held import Held
from dnsguard.leases.library import Library
from dnsguard.leases.roster import Roster
from dnsguard.leases.scope import Scope


class Lease(NamedTuple):
    """One address that a scope's look-ups led to."""

    scope: Scope
    client: bytes
    """The client's address that the kernel's element has, empty where no element stands."""

    address: bytes
    feeds: tuple[str, ...]
    """Lease sets that hold it now, sorted; empty when no policy asks for these names."""

    names: tuple[bytes, ...]
    """The names that lead there, sorted."""

    expires: float
    """The kernel's expiry where an element stands, otherwise when the last of the names stops leading there."""


def list_leases(roster: Roster, library: Library, held: Held, scopes: Iterable[Scope], now: float) -> Iterator[Lease]:
    """One lease for every address learned, and where elements stand one for every client address that has one."""
    for scope in scopes:
        graph = library.get(scope)
        if graph is None:
            continue
        names: dict[bytes, set[bytes]] = {}
        until: dict[bytes, float] = {}
        for name in list(graph.owners()):
            for address, expires in graph.reach(name, now)[0].items():
                names.setdefault(address, set()).add(name)
                until[address] = max(expires, until.get(address, 0.0))
        for address, expires in until.items():
            yield from _leases(roster, library, held, scope, address, tuple(sorted(names[address])), expires)


def _leases(
    roster: Roster, library: Library, held: Held, scope: Scope, address: bytes, names: tuple[bytes, ...], expires: float
) -> Iterator[Lease]:
    asked_for = library.serves(scope, frozenset().union(*(library.names.feeds(name) for name in names)))
    clients: dict[bytes, set[str]] = {}
    latest = 0.0
    for feed in asked_for:
        for client in roster.served_by(scope, feed):
            lasts = held.of(roster.feeds[feed].kernel_set(client), client).get(address, 0.0)
            if lasts:
                clients.setdefault(client, set()).add(feed)
                latest = max(latest, lasts)
    if not clients:
        yield Lease(scope, b"", address, (), names, expires)
    for client, feeds in sorted(clients.items()):
        yield Lease(scope, client, address, tuple(sorted(feeds)), names, latest)
