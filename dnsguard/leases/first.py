"""The way of nearly every answer that is no repetition: names that its scope has never met.

Nothing that was learned before leads to them or from them, so the elements follow from the answer alone and no graph is
walked. What is not so plain is left to ``Rule.owed``, which says the same of any answer at several times the price.
"""

from collections.abc import Callable
from typing import Final

from dnsguard.leases.changes import NOTHING, Changes, Debt, Element, Learned, Place
from dnsguard.leases.feeds import AnswerFacts
from dnsguard.leases.graph import Graph
from dnsguard.leases.held import Held
from dnsguard.leases.library import Library
from dnsguard.leases.rule import Rule
from dnsguard.leases.terms import Terms

_FOREVER: Final = float("inf")
_NONE: Final[frozenset[str]] = frozenset()
_new: Final = tuple.__new__
"""Makes a named tuple at a third of the price of calling its class."""

_Addresses = list[tuple[bytes, bytes, float]]
"""(owner, address, expiry)."""


class FirstLookUp:
    """Learns an answer of unknown names, or says that it is none."""

    def __init__(self, library: Library, held: Held, rule: Rule) -> None:
        self._library = library
        self._held = held
        self._rule = rule

    def learn(
        self, graph: Graph, answer: AnswerFacts, now: float, age: float, terms: Terms, eligible: Callable[[bytes], bool]
    ) -> Learned | None:
        """What the answer needs; ``None`` where it has to be looked at more closely: then nothing was learned.

        Raises ``LimitReached`` when the kernel's sets may not take so many; the names stay in debt.
        """
        names = _unknown_chain(graph, answer)
        if names is None:
            return None
        lease, slack = terms.lease, terms.slack
        addresses: _Addresses = []
        ttl, expires, until = -1, 0.0, _FOREVER
        for record in answer.addresses:
            owner, address = record.names[-1], record.address
            if owner not in names:
                return None
            if eligible(address):
                if record.ttl != ttl:
                    ttl = record.ttl
                    expires = now + lease(ttl - age) + slack
                    if expires < until:
                        until = expires
                addresses.append((owner, address, expires))
        steps = [now + lease(alias.ttl - age) + slack for alias in answer.aliases]
        if steps:
            until = min(until, *steps)
        if not self._library.is_far_from_bounds(graph, len(steps), len(addresses)):
            return None
        feeds = self._write(graph, names, steps, addresses)
        wanted = self._wanted(graph, names, steps, addresses, feeds)
        if not wanted:
            return _new(Learned, (NOTHING, until))
        changes = self._owed(graph, names, wanted)
        return _new(Learned, (changes, until))

    def _write(
        self, graph: Graph, names: list[bytes], steps: list[float], addresses: _Addresses
    ) -> list[frozenset[str]]:
        """Write the edges; the lease sets that each name feeds."""
        library = self._library
        feeds = []
        for at, expires in enumerate(steps):
            owner, target = names[at], names[at + 1]
            graph.aliases[owner] = {target: expires}
            graph.parents[target] = {owner}
            feeds.append(library.enter(graph, owner, expires))
        edges = graph.addresses
        new = len(steps)
        for owner, address, expires in addresses:
            known = edges.get(owner)
            if known is None:
                edges[owner] = {address: expires}
                new += 1
                if owner not in graph.aliases:
                    feeds.append(library.enter(graph, owner, expires))
            elif address not in known:
                known[address] = expires
                new += 1
            elif known[address] < expires:
                known[address] = expires
        if len(feeds) < len(names):
            feeds.append(_NONE)
        graph.edges += new
        library.edges += new
        return feeds

    def _wanted(
        self,
        graph: Graph,
        names: list[bytes],
        steps: list[float],
        addresses: _Addresses,
        feeds: list[frozenset[str]],
    ) -> dict[Place, float]:
        """The elements that each name of the chain is good for, in the sets that this scope fills."""
        wanted: dict[Place, float] = {}
        held = self._held.of
        for at, fed in enumerate(feeds):
            places = self._rule.places(graph.scope, fed) if fed else None
            if places is None:
                continue
            for owner, address, expires in addresses:
                end = names.index(owner)
                if end > at:
                    expires = min(expires, *steps[at:end])
                elif end < at:
                    continue
                for kernel_set, client in places[len(address) == 16]:
                    if held(kernel_set, client).get(address, 0.0) < expires:
                        place = _new(Place, (kernel_set, client, address))
                        if wanted.get(place, 0.0) < expires:
                            wanted[place] = expires
        return wanted

    def _owed(self, graph: Graph, names: list[bytes], wanted: dict[Place, float]) -> Changes:
        rule, unsettled, scope = self._rule, graph.unsettled, graph.scope
        rule.serial = serial = rule.serial + 1
        debts = []
        for name in names:
            if name in graph.addresses or name in graph.aliases:
                unsettled[name] = serial
                debts.append(_new(Debt, (scope, name, serial)))
        rule.make_room(wanted)
        add = tuple([_new(Element, each) for each in wanted.items()])
        return _new(Changes, (add, (), tuple(debts), rule.generation))


def _unknown_chain(graph: Graph, answer: AnswerFacts) -> list[bytes] | None:
    """The names of the answer in the order of its aliases, if they are one chain and the graph has none of them."""
    aliases = answer.aliases
    if aliases:
        names = [aliases[0].owner]
        for alias in aliases:
            if alias.owner != names[-1] or alias.target in names:
                return None
            names.append(alias.target)
    elif answer.addresses:
        names = [answer.addresses[0].names[-1]]
    else:
        return None
    for name in names:
        if name in graph.addresses or name in graph.aliases or name in graph.parents:
            return None
    return names
