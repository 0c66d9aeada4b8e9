"""The lease book: what was learned, what policy wants of it, and where the kernel falls short of both.

The rule it keeps stands in ``rule``. A change that was handed out and not acknowledged is owed: the next answer that
leads there asks for it again, and ``reconcile`` asks for all of it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain, islice

from dnsguard.leases.changes import NOTHING, Changes, Element, Learned, Place
from dnsguard.leases.feeds import AnswerFacts, Feed, LocalClient
from dnsguard.leases.first import FirstLookUp
from dnsguard.leases.graph import Graph
from dnsguard.leases.held import Held
from dnsguard.leases.library import Facts, Library
from dnsguard.leases.listing import Lease, list_leases
from dnsguard.leases.prolonging import Pair, ending, prolonged
from dnsguard.leases.revision import revise
from dnsguard.leases.roster import Roster
from dnsguard.leases.rule import Rule
from dnsguard.leases.scope import Scope
from dnsguard.leases.terms import Limits, Terms

_FOREVER = float("inf")
_PORTION, _PLACE = 1_000, 20
"""Names that are looked at between two answers, and how many of them the work for each place is like."""


def _any_address(_: bytes) -> bool:
    return True


class LeaseBook:
    """One writer. Methods return what the kernel still needs; only ``acknowledged`` says that it has it."""

    def __init__(
        self,
        terms: Terms | None = None,
        limits: Limits | None = None,
        eligible: Callable[[bytes], bool] = _any_address,
    ) -> None:
        """``eligible`` says which addresses may be leased at all; others are never learned."""
        self.terms = terms or Terms()
        self.limits = limits or Limits()
        self.roster = Roster()
        self.library = Library(self.limits, self.roster)
        self.held = Held()
        self.unlearned = 0
        """Answers that were not learned for lack of room, where no policy asked for them."""

        self.epoch = 0
        """Of what was learned: it changes with ``discard``, and is saved with the rest."""

        self.eligible = eligible
        self._doubted: dict[str, dict[bytes, dict[bytes, float]]] = {}
        """What the kernel was thought to hold when that began to be doubted, as far as it is not settled."""

        self._owed: dict[tuple[str, bytes], list[Place]] = {}
        """What had to go from there by then."""

        self._rule = Rule(self.limits, self.roster, self.library, self.held)
        self._first = FirstLookUp(self.library, self.held, self._rule)

    def scope_of(self, address: bytes) -> Scope:
        """The scope of a client that is no part of the node: its endpoint, or the address itself."""
        return self.roster.owners.get(address, address)

    def learn(self, scope: Scope, answer: AnswerFacts, now: float, age: float = 0.0) -> Learned:
        """Take in what an answer says; ``age`` is how long ago its TTLs were counted.

        Raises ``LimitReached`` when there is no room for a lease that the answer leads to.
        """
        graph = self.library.get(scope)
        if graph is not None:
            if until := self._settled_until(graph, answer, now, age):
                return tuple.__new__(Learned, (NOTHING, until))
            learned = self._first.learn(graph, answer, now, age, self.terms, self.eligible)
            if learned is not None:
                return learned
        facts = self._facts(answer, now, age)
        if not facts.aliases and not facts.addresses:
            return Learned(NOTHING, _FOREVER)
        if not self.library.has_room(scope, facts, now):
            self.unlearned += 1
            return Learned(NOTHING, now + self.terms.floor)
        graph = self.library.open(scope)
        short = self._raise(graph, facts)
        first = _FOREVER
        for owner, target, _ in facts.aliases:
            first = min(first, graph.aliases[owner][target])
        for owner, address, _ in facts.addresses:
            first = min(first, graph.addresses[owner][address])
        return Learned(self._rule.owed(scope, graph, short, now), first)

    def _settled_until(self, graph: Graph, answer: AnswerFacts, now: float, age: float) -> float:
        """When the first edge behind the answer expires if all last long enough and owe nothing; otherwise 0.

        The one path that a repeated answer takes, so it allocates nothing.
        """
        unsettled, lease, first = graph.unsettled, self.terms.lease, _FOREVER
        if graph.doubted:
            return 0.0
        for alias in answer.aliases:
            owner = alias.owner
            edges = graph.aliases.get(owner)
            expires = edges.get(alias.target, 0.0) if edges is not None else 0.0
            if expires < now + lease(alias.ttl - age) or owner in unsettled:
                return 0.0
            if expires < first:
                first = expires
        for record in answer.addresses:
            owner = record.names[-1]
            edges = graph.addresses.get(owner)
            if edges is None:
                return 0.0
            expires = edges.get(record.address, 0.0)
            if not expires:
                if self.eligible(record.address):
                    return 0.0
                continue
            if expires < now + lease(record.ttl - age) or owner in unsettled:
                return 0.0
            if expires < first:
                first = expires
        return first

    def _facts(self, answer: AnswerFacts, now: float, age: float) -> Facts:
        lease = self.terms.lease
        return Facts(
            [(a.owner, a.target, now + lease(a.ttl - age)) for a in answer.aliases],
            [(r.names[-1], r.address, now + lease(r.ttl - age))
             for r in answer.addresses if self.eligible(r.address)],
        )  # fmt: skip

    def _raise(self, graph: Graph, facts: Facts) -> set[bytes]:
        """Write the edges that fall short; the owners whose elements the kernel may lack."""
        slack, library = self.terms.slack, self.library
        short = {owner for owner in facts.owners() if graph.doubted or owner in graph.unsettled}
        for owner, target, needed in facts.aliases:
            if graph.aliases.get(owner, _NO_EDGES).get(target, 0.0) < needed:
                library.raise_alias(graph, owner, target, needed + slack)
                short.add(owner)
        for owner, address, needed in facts.addresses:
            if graph.addresses.get(owner, _NO_EDGES).get(address, 0.0) < needed:
                library.raise_address(graph, owner, address, needed + slack)
                short.add(owner)
        return short

    def replace_policy(self, feeds: Iterable[Feed], clients: Iterable[LocalClient], now: float) -> Changes:
        """Put this policy in place of the one there was. What an endpoint learned that exists no more is forgotten."""
        new_feeds: dict[str, Feed | None] = {feed.id: feed for feed in feeds}
        new_clients: dict[str, LocalClient | None] = {client.endpoint: client for client in clients}
        for scope in self.library.scopes():
            if isinstance(scope, str) and scope not in new_clients:
                new_clients[scope] = None
        new_feeds.update(dict.fromkeys(self.roster.feeds.keys() - new_feeds))
        new_clients.update(dict.fromkeys(self.roster.clients.keys() - new_clients))
        return self._change(new_feeds, new_clients, now)

    def apply_delta(
        self,
        feeds: Iterable[Feed],
        removed_feeds: Iterable[str],
        clients: Iterable[LocalClient],
        removed_clients: Iterable[str],
        now: float,
    ) -> Changes:
        """Change the policy. New patterns are fed from what was learned before; what nothing justifies goes."""
        new_feeds: dict[str, Feed | None] = dict.fromkeys(removed_feeds)
        new_clients: dict[str, LocalClient | None] = dict.fromkeys(removed_clients)
        new_feeds.update({feed.id: feed for feed in feeds})
        new_clients.update({client.endpoint: client for client in clients})
        return self._change(new_feeds, new_clients, now)

    def _change(self, feeds: dict[str, Feed | None], clients: dict[str, LocalClient | None], now: float) -> Changes:
        known_feeds, known_clients = self.roster.feeds, self.roster.clients
        feeds = {key: feed for key, feed in feeds.items() if feed is None or known_feeds.get(key) != feed}
        clients = {key: client for key, client in clients.items() if client is None or known_clients.get(key) != client}
        narrowed = [
            key for name, feed in feeds.items() if (old := known_feeds.get(name)) is not None
            and (feed is None or old.patterns - feed.patterns)
            for kernel_set in (old.kernel_set_v4, old.kernel_set_v6) for key in self.held.inherited_at(kernel_set)
        ]  # fmt: skip
        touched = revise(self.roster, self.library, feeds, clients).union(narrowed)
        if not (self.library.edges or self.held.count or self.held.inherited()):
            touched = set()  # nothing can be due, and nobody is answered before this is done
        return self._rule.settle(touched, now)

    def inherit(self, elements: Iterable[Element], *, void: bool = False) -> None:
        """Take note of what a process before us left in the kernel, which the saved data may not account for.

        Such an element may stay, until policy changes for its set and client: nobody can say then what it is there for.
        To an address that may not be leased any more none stays, and with ``void``, of an epoch that is over, none that
        we have not written ourselves.
        """
        for element in elements:
            place = element.place
            if not self.eligible(place.address):
                self.held.doom(place)
            elif not void:
                self.held.inherit(place, element.expires)
            elif place.address not in self.held.of(place.kernel_set, place.client):
                self.held.doom(place)

    def owed_removals(self) -> Changes:
        """What the kernel is to be rid of and, by its own word, is not."""
        return Changes((), self.held.all_doomed())

    def places(self) -> list[tuple[str, bytes]]:
        """Every (kernel set, client) that holds something or may: for ``reconcile_part``."""
        return list(self._rule.everything())

    def portions(self) -> Iterator[list[tuple[str, bytes]]]:
        """All of ``places``, in portions that take a millisecond or two, unless one of them takes longer by itself."""
        portion: list[tuple[str, bytes]] = []
        work = 0
        for place in self.places():
            feed = self.roster.feed_of(place[0])
            portion.append(place)
            work += _PLACE + (len(self.library.names.members(feed.id)) if feed is not None else 0)
            if work > _PORTION:
                yield portion
                portion, work = [], 0
        yield portion

    def doubt(self) -> None:
        """From now on nothing counts as held, for the kernel may have lost elements: answers write again what they lead
        to. For the rest, every portion is to be reconciled, written and settled, until ``believe``."""
        doubted = self.held.clear()
        for kernel_set, clients in self._doubted.items():  # of a time before, that did not come to its end
            for client, addresses in clients.items():
                known = doubted.setdefault(kernel_set, {}).setdefault(client, {})
                known.update({each: expires for each, expires in addresses.items() if each not in known})
        self._doubted, self._owed = doubted, {}
        for place in self.held.all_doomed():
            self._owed.setdefault((place.kernel_set, place.client), []).append(place)
        for scope in self.library.scopes():
            if (graph := self.library.get(scope)) is not None:
                graph.doubted = True

    def settle_doubts(self, places: Iterable[tuple[str, bytes]]) -> Changes:
        """What was due for these is written: what else may stand there has to go."""
        remove: list[Place] = []
        for kernel_set, client in places:
            held = self.held.of(kernel_set, client)
            remove += [place for place in self._owed.pop((kernel_set, client), ()) if self.held.doomed(place)]
            for address in self._doubted.get(kernel_set, {}).pop(client, {}):
                if address not in held:
                    remove.append(Place(kernel_set, client, address))
                    self.held.doom(remove[-1])
        return Changes((), tuple(remove))

    def believe(self) -> None:
        """All that was doubted is settled."""
        self._doubted, self._owed = {}, {}
        for scope in self.library.scopes():
            if (graph := self.library.get(scope)) is not None:
                graph.doubted = False

    def reconcile_part(self, places: Iterable[tuple[str, bytes]], now: float) -> Changes:
        """What the kernel lacks, or holds without reason, of these. What came of the part before is to be written
        first."""
        return self._rule.settle(places, now, spare_inherited=True)

    def discard(self, now: float, epoch: int) -> Changes:
        """Forget all that was learned, by a process before us too: nothing that stands in the kernel has a reason.
        What is learned from now on is of this epoch."""
        self.epoch = epoch
        places = self._rule.everything().union(self.held.inherited())
        for scope in self.library.scopes():
            self.library.close(scope)
        return self._rule.settle(places, now)

    def due(self, changes: Changes, now: float) -> Changes:
        """What is left of changes handed out before: less what the kernel has by now and what policy wants no more, or
        not for so long. Nothing that a process before us wrote is shortened.

        To be asked right before writing, and the acknowledgement given before anything else is asked of the book.
        """
        current, held = changes.generation == self._rule.generation, self.held.of
        add = []
        for element in changes.add:
            place, expires = element
            kernel_set, client, address = place
            there = max(now, held(kernel_set, client).get(address, 0.0))
            if not current and expires > there:
                # The reason for all of that time may have gone, and one for less of it be there.
                expires = min(expires, self._rule.lasts(place, now, expires, changes.debts))
                element = Element(place, expires)
            if expires > there:
                inherited = self.held.inherited_until(place)
                add.append(element if inherited <= expires else Element(place, inherited))
        remove = tuple([place for place in changes.remove if self.held.doomed(place)]) if changes.remove else ()
        return tuple.__new__(Changes, (tuple(add), remove, changes.debts, changes.generation))

    def has_room(self, places: Collection[Place]) -> bool:
        """Whether the kernel's sets may take these, too."""
        return self.held.count + len(places) <= self.limits.elements or self._rule.has_room(places)

    def acknowledged(self, changes: Changes) -> None:
        """The kernel has these."""
        for place in changes.remove:
            self.held.removed(place)
        for element in changes.add:
            self.held.added(element)
        for scope, name, serial in changes.debts:
            graph = self.library.get(scope)
            if graph is not None and graph.unsettled.get(name) == serial:
                del graph.unsettled[name]

    def ending(self, before: float, now: float) -> Iterator[list[Pair]]:
        """Who has a lease to what that the kernel holds now and not ``before`` any more, in small steps, between which
        anything may be done with the book. A pair comes once for every set that has it."""
        return ending(self.held, before, now)

    def prolong(self, pairs: Iterable[Pair], until: float, now: float) -> Iterator[Changes]:
        """Let these leases last ``until`` at least where policy wants them now, see ``prolonging``; in small steps,
        between which anything may be done with the book. What each returns is to be written."""
        eligible = [pair for pair in pairs if self.eligible(pair.address)]
        return prolonged(self.roster, self.library, self._rule, eligible, until, now)

    def expire(self, now: float, budget: int | None = None) -> None:
        """Forget what has expired. With a budget: look at that many records, and go on from there next time."""
        for _ in islice(chain(self.library.expire_due(now), self.held.expire_due(now)), budget):
            pass

    def leases(self, scopes: Iterable[Scope], now: float) -> Iterator[Lease]:
        """What these scopes have learned and what the kernel holds of it, for people."""
        return list_leases(self.roster, self.library, self.held, scopes, now)


_NO_EDGES: dict[bytes, float] = {}
