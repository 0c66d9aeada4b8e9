"""The published events over time: learned by the lease book, judged by the evaluator.

They hold where look-ups count for the whole node, without a shortest lease and without grace.
"""

from dataclasses import dataclass
from ipaddress import ip_address

import pytest

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Address, EndpointId
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.packet import TCP, Packet, PacketState
from dnsguard.dataplane import naming
from dnsguard.leases import NODE, Feed, LeaseBook, LocalClient, Terms
from dnsguard.resources.manifest import load
from tests.conformance import data_files, fixtures
from tests.conformance.events import Event, events
from tests.unit.leases.naive import Kernel, answer

POLICY = "case-7-4-seeds-000-and-001-domains-in-a-namespaced-policy.yaml"
TERMS = Terms(floor=0.0, extra=10.0, grace=0.0, slack=0.0)
ROLL1 = EndpointId("WorkloadEndpoint", "rollout-test", "roll1")


class Bench:
    """The policy of the example, a lease book with what its look-ups lead to, and a kernel that takes everything."""

    def __init__(self) -> None:
        documents = load(data_files.load(POLICY)["manifests"], POLICY)
        self.compiled = compile_policy([*fixtures.endpoints(), *(each.resource for each in documents)])
        self.book, self.kernel, self.now = LeaseBook(TERMS), Kernel(), 0.0
        (lease_set,) = self.compiled.lease_sets.values()
        self._sets = dict(zip((4, 6), naming.lease_set_names(lease_set.id), strict=True))
        feed = Feed(lease_set.id, self._sets[4], self._sets[6], lease_set.patterns)
        own = tuple(address.packed for address in self.compiled.endpoints[ROLL1].addresses)
        self.book.replace_policy([feed], [LocalClient("rollout-test/roll1", own, frozenset({feed.id}))], 0.0)

    def happen(self, event: Event) -> None:
        """Let a row's event happen at its time."""
        self.now = event.time
        if event.epoch_changes:
            self.kernel.take(self.book, self.book.discard(self.now, self.book.epoch + 1), self.now)
        elif event.answer:
            self.kernel.take(self.book, self.book.learn(NODE, answer(*event.answer), self.now).changes, self.now)
        self.book.expire(self.now)

    def members(self) -> dict[str, float]:
        """Address → when it leaves the set."""
        return {str(ip_address(place[2])): until for place, until in self.kernel.live(self.now).items()}

    def verdict(self, address: str, state: PacketState = PacketState.NEW) -> str:
        """On a packet of roll1."""
        there = ip_address(address)
        own = next(each for each in self.compiled.endpoints[ROLL1].addresses if each.version == there.version)
        packet = Packet(own, there, TCP, source_port=40_000, destination_port=443, state=state)
        verdict = Evaluator(self.compiled).evaluate(packet, self._leased)
        assert verdict.action is not None
        return verdict.action.value.capitalize()

    def _leased(self, _lease_set: str, client: Address, address: Address) -> bool:
        place = (self._sets[address.version], client.packed, address.packed)
        return place in self.kernel.live(self.now)


@dataclass(frozen=True)
class Moment:
    """A row, with the rows that lead to it."""

    event: Event
    before: tuple[Event, ...]


MOMENTS = [Moment(event, tuple(events()[:number])) for number, event in enumerate(events())]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: f"{moment.event.time:g} s")
def test_a_published_moment_is_as_it_says(moment: Moment) -> None:
    bench = Bench()
    for event in moment.before:
        bench.happen(event)
    before = bench.members()
    bench.happen(moment.event)
    event, members = moment.event, bench.members()
    if event.members is None:
        assert members == {address: until for address, until in before.items() if until > event.time}
    else:
        assert set(members) == {address for address, _ in event.members}
        assert all(members[address] == until for address, until in event.members if until is not None)
    assert event.connections
    for address, verdict in event.connections:
        assert bench.verdict(address) == verdict, address
    for address in event.established:
        assert bench.verdict(address, PacketState.ESTABLISHED) == "Allow"


def test_the_table_is_read_whole() -> None:
    rows = events()
    assert [event.time for event in rows] == [0, 1, 20, 41, 50, 70, 75, 90, 95]
    assert [len(event.answer) for event in rows] == [0, 1, 1, 0, 2, 1, 0, 1, 0]
    assert [len(event.connections) for event in rows] == [1, 1, 2, 1, 1, 2, 2, 2, 4]
    assert [event.time for event in rows if event.established] == [41]
    assert [event.time for event in rows if event.epoch_changes] == [95]
