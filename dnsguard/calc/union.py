"""The addresses of many networks as few disjoint ones, while networks come and go."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping

from dnsguard.calc.compiled import Network
from dnsguard.calc.networks import NetworkKey, collapsed_keys, holds, joined, network_of, parent, sibling

FEW = 100
"""With more changes than these at once, or than networks, joining everything anew is as fast."""

NOTHING: Mapping[NetworkKey, Network] = {}


class NetworkUnion:
    """`collapsed` of all networks that are in, kept up to date: one that comes or goes costs a search, not a pass."""

    def __init__(self) -> None:
        self._counts: dict[NetworkKey, int] = {}
        """How often each network is in, as of now."""

        self._pending: dict[NetworkKey, Network | None] = {}
        """What came since `networks` was asked, and None for what went."""

        self._inputs: list[NetworkKey] = []
        """What was in then, ascending."""

        self._named: dict[NetworkKey, Network] = {}
        """The same, as they were given."""

        self._joined: list[NetworkKey] = []
        self._shown: list[Network] = []
        """`_joined` as networks."""

        self._result: tuple[Network, ...] = ()

    def replace(self, before: Mapping[NetworkKey, Network], after: Mapping[NetworkKey, Network]) -> None:
        """Takes one collection out, which was put in like this earlier, and puts the other one in."""
        for key in before.keys() - after.keys():
            self._counts[key] -= 1
            if not self._counts[key]:
                del self._counts[key]
                self._toggle(key, None)
        for key in after.keys() - before.keys():
            count = self._counts.get(key, 0)
            if not count:
                self._toggle(key, after[key])
            self._counts[key] = count + 1

    def networks(self) -> tuple[Network, ...]:
        """Disjoint, as few as can be, IPv4 first, ascending. The same object until something changes."""
        if not self._pending:
            return self._result
        if len(self._pending) > min(FEW, len(self._inputs)):
            self._join_anew()
        else:
            for key, network in self._pending.items():
                if network is None:
                    self._delete(key)
                else:
                    self._insert(key, network)
        self._pending.clear()
        self._result = tuple(self._shown)
        return self._result

    def _toggle(self, key: NetworkKey, network: Network | None) -> None:
        if key in self._pending:
            del self._pending[key]  # back to where it was
        else:
            self._pending[key] = network

    def _join_anew(self) -> None:
        for key, network in self._pending.items():
            if network is None:
                del self._named[key]
            else:
                self._named[key] = network
        self._inputs = sorted(self._named)
        self._joined = collapsed_keys(self._inputs)
        self._shown = [self._named.get(key) or network_of(key) for key in self._joined]

    def _insert(self, key: NetworkKey, network: Network) -> None:
        self._named[key] = network
        insort(self._inputs, key)
        at = end = bisect_right(self._joined, key)
        if at and holds(self._joined[at - 1], key):
            return
        while end < len(self._joined) and holds(key, self._joined[end]):
            end += 1
        while True:
            if at and (joint := joined(self._joined[at - 1], key)) is not None:
                at -= 1
            elif end < len(self._joined) and (joint := joined(key, self._joined[end])) is not None:
                end += 1
            else:
                break
            key = joint
        self._show(at, end, [key])

    def _delete(self, key: NetworkKey) -> None:
        at = end = bisect_left(self._inputs, key)
        del self._inputs[at], self._named[key]
        place = bisect_right(self._joined, key) - 1
        path = [key]
        while path[-1] != self._joined[place]:
            path.append(parent(path[-1]))
        if any(outer in self._named for outer in path):
            return  # covered all the same
        while end < len(self._inputs) and holds(key, self._inputs[end]):
            end += 1
        within = collapsed_keys(self._inputs[at:end])
        if within != [key]:
            self._show(place, place + 1, sorted([*within, *map(sibling, path[:-1])]))

    def _show(self, at: int, end: int, keys: list[NetworkKey]) -> None:
        self._joined[at:end] = keys
        self._shown[at:end] = [self._named.get(key) or network_of(key) for key in keys]
