"""Which names led a client to an address, whether policy asks for them or not."""

from collections.abc import Collection, Iterator
from heapq import nsmallest
from itertools import islice

from dnsguard.leases.library import Library
from dnsguard.leases.prolonging import find_owners
from dnsguard.leases.scope import NODE, Scope

MOST_NAMES = 16
"""Of one address: ten thousand names may lead to one."""

MOST_TRIED = 64
"""Names that are followed to see whether they lead there still."""


def names_of(
    library: Library, scope: Scope, addresses: Collection[bytes], now: float, found: dict[bytes, list[bytes]]
) -> Iterator[None]:
    """Put into ``found`` address → names, those first that no alias leads to, step by step: what was learned may change
    between two steps. What the node's look-ups led to counts for every client."""
    for place in dict.fromkeys((scope, NODE)):
        owners: dict[bytes, set[bytes]] = {}
        yield from find_owners(library, place, addresses, owners)
        graph = library.get(place)
        if graph is None:
            continue
        for address, direct in owners.items():
            names = found.setdefault(address, [])
            every = graph.with_ancestors(direct)
            likely = nsmallest(MOST_TRIED, every, key=lambda name: (name in graph.parents, name))
            leading = (name for name in likely if name not in names and address in graph.reach(name, now)[0])
            names += islice(leading, MOST_NAMES - len(names))
            yield
