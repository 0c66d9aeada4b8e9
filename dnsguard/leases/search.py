"""Names that were learned, looked for in all scopes: step by step, since there may be a million. Pure."""

from collections.abc import Callable, Iterator

from dnsguard.leases.library import Library
from dnsguard.leases.scope import Scope

STEP = 512
"""Names that are looked at in one step: a third of a millisecond."""


class FoundNames:
    """Names with the scopes that know them; no more names than so many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.scopes: dict[bytes, list[Scope]] = {}
        self.truncated = False
        """There are more."""

    def put(self, name: bytes, scope: Scope) -> None:
        """One more of them."""
        if name in self.scopes:
            self.scopes[name].append(scope)
        elif len(self.scopes) < self._limit:
            self.scopes[name] = [scope]
        else:
            self.truncated = True


def find_names(library: Library, matches: Callable[[bytes], bool], found: FoundNames) -> Iterator[None]:
    """Put the names that match into ``found``. What is learned between two steps may be missed."""
    looked_at = 0
    for scope in library.scopes():
        graph = library.get(scope)
        for name in () if graph is None else tuple(graph.owners()):
            if matches(name):
                found.put(name, scope)
            looked_at += 1
            if looked_at % STEP == 0:
                yield
