"""Whatever happens in whatever order: the kernel holds what the rule says, no more and no less."""

from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dnsguard.domains import DomainPattern
from dnsguard.leases import NODE, OUTSIDERS, Changes, Feed, LeaseBook, LocalClient, Scope, Terms
from dnsguard.leases.prolonging import Pair
from tests.unit.leases.naive import Kernel, Naive, answer, packed

NAMES = ["a.example.org", "b.example.net", "c.example.net", "d.example.com", "e.example.com"]
PATTERNS = ["a.example.org", "*.example.net", "*.example.org", "c.example.net", "e.example.com"]
ADDRESSES = ["192.0.2.1", "2001:db8::1"]
CLIENTS = {"ns/one": ["10.0.0.1", "fd00::1"], "ns/two": ["10.0.0.2"], "host": ["10.0.0.1", "10.0.0.3"], OUTSIDERS: []}
FEEDS = ["f", "g"]
ASKING = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9", "fd00::1"]
SCOPES: list[Scope] = ["ns/one", "ns/two", "host", NODE, packed("10.0.0.9"), packed("10.0.0.2")]

records = st.one_of(
    st.builds("{} CNAME {} {}".format, st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from([0, 40, 200])),
    st.builds("{} A {} {}".format, st.sampled_from(NAMES), st.sampled_from(ADDRESSES), st.sampled_from([0, 40, 200])),
)


def chain(names: list[str], ttls: list[int], addresses: list[str]) -> list[str]:
    """From each name to the next, and from the last to the addresses."""
    found = [f"{a} CNAME {b} {ttl}" for (a, b), ttl in zip(pairwise(names), ttls, strict=False)]
    return found + [f"{names[-1]} A {address} {ttls[-1]}" for address in addresses]


chains = st.builds(
    chain,
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True),
    st.lists(st.sampled_from([0, 40, 200]), min_size=5, max_size=5),
    st.lists(st.sampled_from(ADDRESSES), min_size=1, unique=True),
)
answers = st.lists(records, min_size=1, max_size=3) | chains
patterns = st.frozensets(st.sampled_from(PATTERNS).map(DomainPattern.parse), max_size=3)


class Sequences(RuleBasedStateMachine):
    """Every step is taken by the book and by the naive rule."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.terms = Terms(extra=10)
        self.book = LeaseBook(self.terms)
        self.naive = Naive(self.terms)
        self.kernel = Kernel()
        self.waiting: list[Changes] = []
        self.owed = False
        self._put(
            [Feed(name, f"{name}4", f"{name}6", frozenset({DomainPattern.parse(pattern)}))
             for name, pattern in zip(FEEDS, PATTERNS, strict=False)],
            [LocalClient(name, tuple(map(packed, addresses)), frozenset(FEEDS)) for name, addresses in CLIENTS.items()],
        )  # fmt: skip

    def _put(self, feeds: list[Feed], locals_: list[LocalClient]) -> None:
        self.book.replace_policy(feeds, locals_, self.now)
        self.naive.feeds.update({f.id: f for f in feeds})
        self.naive.clients.update({c.endpoint: c for c in locals_})

    def _take(self, changes: Changes) -> None:
        self.kernel.take(self.book, changes, self.now)

    @rule(scope=st.sampled_from(SCOPES), texts=answers)
    def learn(self, scope: Scope, texts: list[str]) -> None:
        scope = self.book.scope_of(scope) if isinstance(scope, bytes) else scope
        if isinstance(scope, str) and scope not in self.book.roster.clients:
            return
        facts = answer(*texts)
        learned = self.book.learn(scope, facts, self.now)
        self.naive.learn(scope, facts, self.now)
        self._take(learned.changes)
        again = self.book.learn(scope, facts, self.now)
        assert again.changes.is_empty or self.owed
        self._take(again.changes)

    @rule(scope=st.sampled_from(SCOPES), texts=answers)
    def learn_and_wait(self, scope: Scope, texts: list[str]) -> None:
        """The kernel takes it later, after whatever comes between."""
        scope = self.book.scope_of(scope) if isinstance(scope, bytes) else scope
        if isinstance(scope, str) and scope not in self.book.roster.clients:
            return
        facts = answer(*texts)
        self.waiting.append(self.book.learn(scope, facts, self.now).changes)
        self.naive.learn(scope, facts, self.now)
        self.owed = True

    @rule(scope=st.sampled_from(SCOPES), texts=answers)
    def learn_and_fail(self, scope: Scope, texts: list[str]) -> None:
        """The kernel never takes it; but asked again, the book asks again."""
        scope = self.book.scope_of(scope) if isinstance(scope, bytes) else scope
        if isinstance(scope, str) and scope not in self.book.roster.clients:
            return
        facts = answer(*texts)
        first = self.book.learn(scope, facts, self.now).changes
        self.naive.learn(scope, facts, self.now)
        second = self.book.learn(scope, facts, self.now).changes
        assert set(second.add) == set(first.add)
        self._take(second)

    @rule()
    def write_what_waits(self) -> None:
        for changes in self.waiting:
            self._take(changes)
        self.waiting.clear()
        if self.owed:
            self._take(self.book.reconcile_part(self.book.places(), self.now))
            self._take(self.book.owed_removals())
        self.owed = False

    @rule(
        changed=st.dictionaries(st.sampled_from(FEEDS), st.none() | patterns | patterns, max_size=2),
        clients=st.dictionaries(
            st.sampled_from(sorted(CLIENTS)), st.none() | st.frozensets(st.sampled_from(FEEDS), min_size=1), max_size=1
        ),
        whole=st.sampled_from([False, False, False, True]),
        renamed=st.sampled_from([False, False, False, True]),
    )
    def change_policy(
        self,
        changed: dict[str, frozenset[DomainPattern] | None],
        clients: dict[str, frozenset[str] | None],
        whole: bool,
        renamed: bool,
    ) -> None:
        suffix = "new" if renamed else ""
        feeds = [Feed(k, f"{k}4{suffix}", f"{k}6{suffix}", p) for k, p in changed.items() if p is not None]
        locals_ = [LocalClient(k, tuple(map(packed, CLIENTS[k])), f) for k, f in clients.items() if f is not None]
        gone_feeds = [k for k, p in changed.items() if p is None]
        gone_clients = [k for k, f in clients.items() if f is None]
        if whole:
            gone_feeds = [k for k in FEEDS if changed.get(k) is None]
            gone_clients = [k for k in CLIENTS if clients.get(k) is None]
            changes = self.book.replace_policy(feeds, locals_, self.now)
        else:
            changes = self.book.apply_delta(feeds, gone_feeds, locals_, gone_clients, self.now)
        for key in gone_feeds:
            self.naive.feeds.pop(key, None)
        for key in gone_clients:
            self.naive.clients.pop(key, None)
            for edge in [edge for edge in self.naive.edges if edge[0] == key]:
                del self.naive.edges[edge]
        self.naive.feeds.update({f.id: f for f in feeds})
        self.naive.clients.update({c.endpoint: c for c in locals_})
        self.naive.move()
        for part in changes.parts(2):
            self._take(part)

    @rule(often=st.sampled_from([False, False, True]))
    def discard(self, often: bool) -> None:
        if often:
            self._take(self.book.discard(self.now, self.book.epoch + 1))
            self.naive.edges.clear()
            self.owed = False

    @rule(
        pairs=st.lists(
            st.builds(Pair, st.sampled_from(ASKING).map(packed), st.sampled_from(ADDRESSES).map(packed)), min_size=1
        )
    )
    def prolong(self, pairs: list[Pair]) -> None:
        """They talk to each other, whether there is a lease or not."""
        until = self.now + self.terms.lease(0) + self.terms.slack
        self.naive.prolong(pairs, until, self.now)
        for changes in self.book.prolong(pairs, until, self.now):
            self._take(changes)

    @rule(before=st.sampled_from([1.0, 30.0, 100.0]))
    def look_for_what_ends(self, before: float) -> None:
        found = {pair for step in self.book.ending(self.now + before, self.now) for pair in step}
        assert found == {
            (client, address)
            for (_, client, address), expires in self.kernel.live(self.now).items()
            if expires < self.now + before
        }

    @rule(seconds=st.sampled_from([1.0, 20.0, 70.0, 300.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(budget=st.none() | st.integers(1, 5))
    def expire(self, budget: int | None) -> None:
        self.book.expire(self.now, budget)

    @rule()
    def lose_the_kernel(self) -> None:
        self.kernel.elements.clear()
        self.kernel.rewrite(self.book, self.now)
        self.owed = False

    @invariant()
    def the_kernel_holds_what_the_rule_says(self) -> None:
        held, wanted = self.kernel.live(self.now), self.naive.elements(self.now)
        if self.owed:
            assert held.items() <= wanted.items() or all(held[p] <= wanted.get(p, 0.0) for p in held)
        else:
            assert held == wanted

    @invariant()
    def counts_agree(self) -> None:
        library = self.book.library
        graphs = [library.get(scope) for scope in library.scopes()]
        assert library.edges == sum(graph.edges for graph in graphs if graph)
        assert len(library.names) == len({name for graph in graphs if graph for name in graph.owners()})
        assert self.book.held.count == sum(len(self.book.held.of(*key)) for key in self.book.held.keys())  # noqa: SIM118


TestSequences = Sequences.TestCase
TestSequences.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
)
"""Not shrunk: that takes minutes, and a sequence this short can be read as it is."""
