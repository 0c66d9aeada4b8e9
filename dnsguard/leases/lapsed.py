"""Leases that ended under live connections while no forwarder was there to prolong them.

What was saved says what led where then. Where a client still talks to an address that one of its names led to, the
address is the client's again, as it would have stayed had somebody looked after it (`prolonging`): an edge from the
name straight to the address, in the graph of that client alone. Policy decides, as ever, what comes of the name.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from dnsguard.leases.graph import Graph
from dnsguard.leases.roster import Roster
from dnsguard.leases.scope import NODE, Scope

Saved = tuple[Scope, bytes, Mapping[bytes, float], Mapping[bytes, float]]
"""Scope, name, its addresses and its aliases, each until when."""


class Lapsed(NamedTuple):
    """One of them."""

    scope: Scope
    name: bytes
    address: bytes


def any_ended(saved: Iterable[Saved], now: float) -> bool:
    """Whether there is anything to look for."""
    return any(expires <= now for _, _, *edges in saved for each in edges for expires in each.values())


def lapsed(
    saved: Iterable[Saved], talks: Mapping[bytes, frozenset[bytes]], roster: Roster, then: float, now: float
) -> Iterator[Lapsed]:
    """Those that led to where a client talks to at the time ``then``, when it was saved, and do not ``now``.

    ``talks``: packed address of a client → addresses that it has a live connection to.
    """
    saved = list(saved)
    reached = frozenset().union(*talks.values())
    scopes = {scope for scope, _, addresses, _ in saved if not reached.isdisjoint(addresses)}
    graphs = {scope: Graph(scope) for scope in scopes}
    for scope, name, addresses, aliases in saved:
        graph = graphs.get(scope)
        if graph is not None:
            for address, expires in addresses.items():
                graph.raise_address(name, address, expires)
            for target, expires in aliases.items():
                graph.raise_alias(name, target, expires)
    for client, wanted in talks.items():
        own: Scope = roster.owners.get(client, client)
        for scope in (own, NODE) if isinstance(own, str) else (own,):
            graph = graphs.get(scope)
            if graph is not None:
                for name, address in _ended(graph, wanted, then, now):
                    yield Lapsed(own, name, address)


def _ended(graph: Graph, wanted: frozenset[bytes], then: float, now: float) -> Iterator[tuple[bytes, bytes]]:
    direct = [name for name, addresses in graph.addresses.items() if not wanted.isdisjoint(addresses)]
    for name in graph.with_ancestors(direct):
        led_then, leads_now = graph.reach(name, then)[0], graph.reach(name, now)[0]
        for address in wanted.intersection(led_then):
            if address not in leads_now:
                yield name, address
