"""Leases that must not end yet: those whose client has a live connection to the address.

Such a lease gets more time as if its name had been looked up again, and only as long as policy still wants the name and
the name still leads to the address. What is written down is an edge from each such name straight to the address, in the
graph of the client alone: it opens nothing else that aliases on the way lead to, and where the node's look-up opened
the address to all its endpoints, it stays open to the one that uses it.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dnsguard.leases.changes import NOTHING, Changes
from dnsguard.leases.held import Held
from dnsguard.leases.library import Facts, Library
from dnsguard.leases.roster import Roster
from dnsguard.leases.rule import Rule
from dnsguard.leases.scope import NODE, Scope
from dnsguard.leases.terms import LimitReached

STEP = 1_000
"""Records looked at between two looks at the event loop: about 0.1 ms."""


class Pair(NamedTuple):
    """Who talks to whom."""

    client: bytes
    address: bytes


def ending(held: Held, before: float, now: float) -> Iterator[list[Pair]]:
    """What the kernel holds now and not ``before`` any more, in steps between which leases may change."""
    found: list[Pair] = []
    looked_at = 0
    for kernel_set in held.kernel_sets():
        for client in held.clients(kernel_set):
            addresses = held.of(kernel_set, client)
            found += [Pair(client, address) for address, expires in addresses.items() if now < expires < before]
            looked_at += len(addresses)
            if looked_at >= STEP:
                yield found
                found, looked_at = [], 0
    yield found


def prolonged(
    roster: Roster, library: Library, rule: Rule, pairs: Iterable[Pair], until: float, now: float
) -> Iterator[Changes]:
    """Let these leases last ``until`` at least, as far as policy wants them; what the kernel then needs, in steps
    between which leases and policy may change. What there is no room for ends as it would have."""
    wanted: dict[Scope, set[bytes]] = {}
    for client, address in pairs:
        wanted.setdefault(roster.owners.get(client, client), set()).add(address)
    of_node = frozenset().union(*(addresses for scope, addresses in wanted.items() if isinstance(scope, str)))
    shared: dict[bytes, set[bytes]] = {}
    if of_node:
        for _ in find_owners(library, NODE, of_node, shared):
            yield NOTHING
    for scope, addresses in wanted.items():
        own: dict[bytes, set[bytes]] = {}
        for _ in find_owners(library, scope, addresses, own):
            yield NOTHING
        names = _leading(library, scope, scope, own, now)
        if isinstance(scope, str):
            concerned = {address: owners for address, owners in shared.items() if address in addresses}
            names += _leading(library, scope, NODE, concerned, now)
        yield _write(library, rule, scope, names, until, now)


def find_owners(
    library: Library, scope: Scope, addresses: Iterable[bytes], found: dict[bytes, set[bytes]]
) -> Iterator[None]:
    """Put into ``found`` address → names with an edge to it, in one scope, step by step."""
    graph, wanted = library.get(scope), frozenset(addresses)
    for number, owner in enumerate(list(graph.addresses) if graph is not None else (), 1):
        assert graph is not None  # noqa: S101 - or there would be no owner
        for address in wanted.intersection(graph.addresses.get(owner, ())):
            found.setdefault(address, set()).add(owner)
        if not number % STEP:
            yield


def _leading(
    library: Library, whose: Scope, scope: Scope, owners: dict[bytes, set[bytes]], now: float
) -> list[tuple[bytes, bytes]]:
    """(name, address) for every name of ``scope`` that leads to an address and that policy wants for ``whose``."""
    graph = library.get(scope)
    if graph is None:
        return []
    return [
        (name, address)
        for address, direct in owners.items()
        for name in graph.with_ancestors(direct)
        if library.serves(whose, library.names.feeds(name)) and address in graph.reach(name, now)[0]
    ]


def _write(
    library: Library, rule: Rule, scope: Scope, names: list[tuple[bytes, bytes]], until: float, now: float
) -> Changes:
    written: set[bytes] = set()
    for name, address in names:
        try:
            if not library.has_room(scope, Facts([], [(name, address, until)]), now):
                continue
        except LimitReached:
            continue
        library.raise_address(library.open(scope), name, address, until)
        written.add(name)
    graph = library.get(scope)
    if graph is None or not written:
        return NOTHING
    try:
        return rule.owed(scope, graph, written, now)
    except LimitReached:
        return NOTHING
