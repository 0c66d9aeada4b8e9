"""All graphs of all scopes, the names in them, and the bounds that hold them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dnsguard.leases.graph import Graph
from dnsguard.leases.names import NameTable
from dnsguard.leases.roster import Roster
from dnsguard.leases.scope import NODE, OUTSIDERS, Scope
from dnsguard.leases.terms import ALL_FULL, CLIENT_FULL, NAME_FULL, UNKNOWN_FULL, LimitReached, Limits
from dnsguard.leases.wheel import Wheel

_RETRY_SWEEP = 1.0
"""Seconds before a scope that is full is searched for room again: a search costs as much as the scope is large."""

_RELIEF = 16_384
"""Records to be rid of, and to be looked at for that, where all is full."""


class Facts(NamedTuple):
    """The edges of one answer, each (owner, to, needed until)."""

    aliases: list[tuple[bytes, bytes, float]]
    addresses: list[tuple[bytes, bytes, float]]

    def owners(self) -> set[bytes]:
        return {owner for edges in self for owner, _, _ in edges}


class Library:
    """Scope → graph. Every edge is written and forgotten here, so that counts and name table agree with them."""

    def __init__(self, limits: Limits, roster: Roster) -> None:
        self.names = NameTable()
        self.edges = 0
        self.wheel: Wheel[tuple[Scope, bytes]] = Wheel()
        """Every name that an edge starts from, by when the first of its edges may expire."""

        self._limits = limits
        self._roster = roster
        self._graphs: dict[Scope, Graph] = {}
        self._unknown_clients = 0
        self._relieved = float("-inf")

    def get(self, scope: Scope) -> Graph | None:
        return self._graphs.get(scope)

    def scopes(self) -> list[Scope]:
        return list(self._graphs)

    def outsiders(self) -> list[bytes]:
        """The clients that are no known endpoint and have looked something up."""
        return [scope for scope in self._graphs if isinstance(scope, bytes) and scope != NODE]

    def knows(self, scope: Scope, names: Iterable[bytes]) -> bool:
        """Whether the scope has learned one of the names."""
        graph = self._graphs.get(scope)
        return graph is not None and any(name in graph for name in names)

    def serves(self, scope: Scope, feeds: frozenset[str]) -> frozenset[str]:
        """Those of the lease sets that a look-up in this scope can fill."""
        if scope == NODE or not feeds:
            return feeds
        client = self._roster.clients.get(scope if isinstance(scope, str) else OUTSIDERS)
        return client.feeds & feeds if client is not None else frozenset()

    def open(self, scope: Scope) -> Graph:
        """The scope's graph, a new one where there was none."""
        graph = self._graphs.get(scope)
        if graph is None:
            graph = self._graphs[scope] = Graph(scope)
            self._unknown_clients += _unknown(scope)
        return graph

    def close(self, scope: Scope) -> None:
        """Forget all that a scope has learned."""
        graph = self._graphs.pop(scope, None)
        if graph is not None:
            self.edges -= graph.edges
            self._unknown_clients -= _unknown(scope)
            for name in graph.owners():
                self.names.release(name)

    def raise_alias(self, graph: Graph, owner: bytes, target: bytes, expires: float) -> None:
        if owner not in graph:
            self.enter(graph, owner, expires)
        self.edges += graph.raise_alias(owner, target, expires)

    def raise_address(self, graph: Graph, owner: bytes, address: bytes, expires: float) -> None:
        if owner not in graph:
            self.enter(graph, owner, expires)
        self.edges += graph.raise_address(owner, address, expires)

    def enter(self, graph: Graph, owner: bytes, expires: float) -> frozenset[str]:
        """Take note of a name that has an edge from now on and had none; the lease sets that it feeds."""
        self.wheel.put((graph.scope, owner), expires)
        return self.names.acquire(owner)

    def move(self, source: Scope, destination: Scope) -> bool:
        """Hand what one scope has learned to another; whether there was anything."""
        known = self._graphs.get(source)
        if known is None:
            return False
        graph = self.open(destination)
        for owner, edges in known.aliases.items():
            for target, expires in edges.items():
                self.raise_alias(graph, owner, target, expires)
        for owner, edges in known.addresses.items():
            for address, expires in edges.items():
                self.raise_address(graph, owner, address, expires)
        self.close(source)
        return True

    def expire(self, scope: Scope, now: float) -> int:
        """Forget what has expired in one scope; how many edges were looked at."""
        graph = self._graphs.get(scope)
        if graph is None:
            return 0
        looked_at = graph.edges
        for name in graph.expire(now):
            self.names.release(name)
        self.edges -= looked_at - graph.edges
        if not graph.edges:
            self.close(scope)
        return looked_at

    def expire_due(self, now: float) -> Iterator[None]:
        """Forget what has expired, a name at each step."""
        for scope, owner in self.wheel.due(now):
            graph = self._graphs.get(scope)
            if graph is not None and owner in graph:
                before = graph.edges
                first = graph.expire_owner(owner, now)
                self.edges -= before - graph.edges
                if first:
                    self.wheel.put((scope, owner), first)
                else:
                    self.names.release(owner)
                    if not graph.edges:
                        self.close(scope)
            yield

    def has_room(self, scope: Scope, facts: Facts, now: float) -> bool:
        """Whether the facts may be learned, after making room where that can be done.

        Raises ``LimitReached`` where they may not and a lease would come from them.
        """
        graph = self._graphs.get(scope)
        reached = self._bound_reached(scope, facts)
        if reached is not None and graph is not None and now >= graph.sweep_after:
            graph.sweep_after = now + _RETRY_SWEEP
            self.expire(scope, now)
            reached = self._bound_reached(scope, facts)
            if reached is not None:
                self._discard_idle(scope, graph, now)
                reached = self._bound_reached(scope, facts)
        if reached is None:
            return True
        names = graph.with_ancestors(facts.owners()) if graph is not None else facts.owners()
        if not any(self.serves(scope, self.names.matched(name)) for name in names):
            return False
        if reached[0] == ALL_FULL and self._relieve(now):
            reached = self._bound_reached(scope, facts)
        if reached is not None:
            raise LimitReached(*reached)
        return True

    def is_far_from_bounds(self, graph: Graph, aliases: int, addresses: int) -> bool:
        """Whether there would be room even if every edge were new, all addresses of one name that has none yet."""
        limits, new = self._limits, aliases + addresses
        return (
            graph.edges + new <= (limits.edges_of_node if graph.scope == NODE else limits.edges_per_scope)
            and self.edges + new <= limits.edges
            and addresses <= limits.addresses_per_name
        )

    def _bound_reached(self, scope: Scope, facts: Facts) -> tuple[str, int] | None:
        """The first bound that the facts would break."""
        graph, limits = self._graphs.get(scope), self._limits
        edges = graph.edges if graph is not None else 0
        new_addresses = set(_new(facts.addresses, graph.addresses if graph is not None else {}))
        new = len(new_addresses) + len(set(_new(facts.aliases, graph.aliases if graph is not None else {})))
        bound = limits.edges_of_node if scope == NODE else limits.edges_per_scope
        if new and edges + new > bound:
            return CLIENT_FULL, bound
        if new and self.edges + new > limits.edges:
            return ALL_FULL, limits.edges
        for name in {owner for owner, _ in new_addresses}:
            known = len(graph.addresses.get(name, ())) if graph is not None else 0
            if known + sum(owner == name for owner, _ in new_addresses) > limits.addresses_per_name:
                return NAME_FULL, limits.addresses_per_name
        if graph is None and _unknown(scope) and self._unknown_clients >= limits.unknown_clients:
            return UNKNOWN_FULL, limits.unknown_clients
        return None

    def _relieve(self, now: float) -> bool:
        """Make room for a lease where all is full: names that no lease comes from go, those of the largest scopes
        first, for a few hundredths of a second. Whether that was tried now: not again within a second."""
        if now < self._relieved + _RETRY_SWEEP:
            return False
        self._relieved = now
        bound, looked_at = self.edges - _RELIEF, 0
        for scope, graph in sorted(self._graphs.items(), key=lambda item: -item[1].edges):
            if self.edges <= bound or looked_at >= _RELIEF:
                break
            looked_at += graph.edges
            self._discard_idle(scope, graph, now)
            if not graph.edges:
                self.close(scope)
        return True

    def _discard_idle(self, scope: Scope, graph: Graph, now: float) -> None:
        """Forget names that no lease comes from."""
        useful: set[bytes] = set()
        for name in graph.owners():
            if self.serves(scope, self.names.feeds(name)):
                useful.update(graph.reach(name, now)[1])
        for name in [name for name in graph.owners() if name not in useful]:
            self.edges -= graph.discard(name)
            self.names.release(name)


def _unknown(scope: Scope) -> bool:
    return isinstance(scope, bytes) and scope != NODE


def _new(
    edges: Iterable[tuple[bytes, bytes, float]], known: dict[bytes, dict[bytes, float]]
) -> Iterator[tuple[bytes, bytes]]:
    return ((owner, to) for owner, to, _ in edges if to not in known.get(owner, ()))
