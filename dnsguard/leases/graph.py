"""What one scope has learned: edges from names to addresses and to aliased names, each until it expires."""

from collections.abc import Iterable, Iterator
from typing import Final

from dnsguard.leases.scope import Scope

_FOREVER: Final = float("inf")
_NO_ADDRESSES: Final[dict[bytes, float]] = {}
MAX_HOPS: Final = 32
"""Aliases followed on one walk, downwards or upwards."""


class Graph:
    """The edges of one scope. Expiries only ever rise; an expired edge counts for nothing, swept or not."""

    __slots__ = ("addresses", "aliases", "doubted", "edges", "parents", "scope", "sweep_after", "unsettled")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.addresses: dict[bytes, dict[bytes, float]] = {}
        """Owner → address → expiry. For reading; written through ``raise_address``."""

        self.aliases: dict[bytes, dict[bytes, float]] = {}
        """Owner → target → expiry. For reading; written through ``raise_alias``."""

        self.edges = 0
        self.unsettled: dict[bytes, int] = {}
        """Owners whose elements the kernel has not all acknowledged → serial of the last changes for them."""

        self.doubted = False
        """Whether the kernel may lack elements of any owner, whatever it acknowledged."""

        self.sweep_after = 0.0
        """Before this a sweep for lack of room is not worth trying again."""

        self.parents: dict[bytes, set[bytes]] = {}
        """Target → the owners of aliases that lead to it. For reading."""

    def __contains__(self, name: bytes) -> bool:
        """Whether any edge starts here."""
        return name in self.addresses or name in self.aliases

    def owners(self) -> Iterator[bytes]:
        """Every name an edge starts from, once."""
        yield from self.addresses
        for name in self.aliases:
            if name not in self.addresses:
                yield name

    def raise_address(self, owner: bytes, address: bytes, expires: float) -> bool:
        """Write an edge, or let it last longer; whether it is new."""
        edges = self.addresses.setdefault(owner, {})
        new = address not in edges
        self.edges += new
        edges[address] = max(expires, edges.get(address, expires))
        return new

    def raise_alias(self, owner: bytes, target: bytes, expires: float) -> bool:
        """Write an edge, or let it last longer; whether it is new."""
        edges = self.aliases.setdefault(owner, {})
        new = target not in edges
        if new:
            self.edges += 1
            self.parents.setdefault(target, set()).add(owner)
        edges[target] = max(expires, edges.get(target, expires))
        return new

    def with_ancestors(self, names: Iterable[bytes]) -> set[bytes]:
        """The names, and all that lead to one of them through aliases: each may be what a pattern matches."""
        found = set(names)
        if self.parents.keys().isdisjoint(found):
            return found
        level = found
        for _ in range(MAX_HOPS):
            level = {parent for name in level for parent in self.parents.get(name, ())} - found
            if not level:
                break
            found |= level
        return found

    def reach(self, name: bytes, now: float) -> tuple[dict[bytes, float], dict[bytes, float]]:
        """Where the name leads: live addresses with the expiry of their best path, and the names visited with theirs.

        A path lasts as long as its first edge to expire, an address as long as its best path. Loops end by themselves:
        going round never makes a path better.
        """
        if name not in self.aliases:
            addresses = self.addresses.get(name, _NO_ADDRESSES)
            return {address: expires for address, expires in addresses.items() if expires > now}, {name: _FOREVER}
        best = {name: _FOREVER}
        level = {name}
        for _ in range(MAX_HOPS):
            following = set()
            for owner in level:
                for target, expires in self.aliases.get(owner, {}).items():
                    if expires > now and (until := min(best[owner], expires)) > best.get(target, now):
                        best[target] = until
                        following.add(target)
            if not following:
                break
            level = following
        found: dict[bytes, float] = {}
        for owner, until in best.items():
            for address, expires in self.addresses.get(owner, {}).items():
                if expires > now:
                    found[address] = max(min(until, expires), found.get(address, now))
        return found, best

    def discard(self, owner: bytes) -> int:
        """Forget all edges that start here; how many there were."""
        targets = self.aliases.pop(owner, {})
        for target in targets:
            self._discard_parent(owner, target)
        gone = len(targets) + len(self.addresses.pop(owner, ()))
        self.edges -= gone
        self.unsettled.pop(owner, None)
        return gone

    def expire(self, now: float) -> list[bytes]:
        """Forget edges that have expired; the names that no edge starts from any more."""
        return [owner for owner in list(self.owners()) if not self.expire_owner(owner, now)]

    def expire_owner(self, owner: bytes, now: float) -> float:
        """Forget the edges of one name that have expired; when the next of them does, 0 where none is left."""
        first = _FOREVER
        addresses = self.addresses.get(owner, _NO_ADDRESSES)
        for address, expires in list(addresses.items()):
            if expires <= now:
                del addresses[address]
                self.edges -= 1
            elif expires < first:
                first = expires
        if not addresses:
            self.addresses.pop(owner, None)
        aliases = self.aliases.get(owner, _NO_ADDRESSES)
        for target, expires in list(aliases.items()):
            if expires <= now:
                del aliases[target]
                self.edges -= 1
                self._discard_parent(owner, target)
            elif expires < first:
                first = expires
        if not aliases:
            self.aliases.pop(owner, None)
        if first != _FOREVER:
            return first
        self.unsettled.pop(owner, None)
        return 0.0

    def _discard_parent(self, owner: bytes, target: bytes) -> None:
        parents = self.parents[target]
        parents.discard(owner)
        if not parents:
            del self.parents[target]
