"""A lease does not end under a connection, over hours, and whatever goes wrong in between."""

import asyncio
import errno
from collections.abc import Iterator

import pytest

from dnsguard.forwarder.committer import Committer
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.flows import PAUSE, SHARE, FlowKeeper
from dnsguard.leases import LeaseBook
from dnsguard.netlink.conntrack import ESTABLISHED, SEEN_REPLY, TCP, Flow
from dnsguard.netlink.socket import NetlinkError
from tests.unit.forwarder.test_committer import Kernel
from tests.unit.leases.naive import answer, client, feed, packed

ONE, TO = packed("10.0.0.1"), packed("192.0.2.1")
OPEN = Flow(ONE, TO, TO, TCP, SEEN_REPLY, ESTABLISHED)
HOURS = 3600.0


class Flows:
    """The connections there are, and a list of them that takes as long as it is told to."""

    def __init__(self, bench: "Bench") -> None:
        self.open: list[Flow] = []
        self.asked: list[frozenset[bytes]] = []
        self.problem: Exception | None = None
        self.takes = 0.0
        self._bench = bench

    def opened_by(self, clients: frozenset[bytes]) -> Iterator[Flow]:
        self.asked.append(clients)
        self._bench.now += self.takes
        if self.problem is not None:
            raise self.problem
        return iter([flow for flow in self.open if flow.source in clients])


class Bench:
    """A look-up with a TTL of 5 s, and a clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)
        self.kernel, self.counters, self.book, self.flows = Kernel(), ForwarderCounters(), LeaseBook(), Flows(self)
        self.committer = Committer(self.book, self.kernel, self.counters, deadline=0.25)
        self.keeper = FlowKeeper(self.book, self.committer, self.flows, self.counters)
        self.book.replace_policy([feed("a", "*.example.org")], [client("ns/a", "10.0.0.1", "a")], self.now)

    async def look_up(self) -> None:
        changes = self.book.learn("ns/a", answer("www.example.org A 192.0.2.1 5"), self.now).changes
        assert not await self.committer.write(changes)

    async def passes(self, seconds: float) -> set[bool]:
        """Look as often as it does in that time; whether the address was leased all along."""
        end, seen = self.now + seconds, set[bool]()
        while self.now < end:
            self.now += min(self.keeper.pause, end - self.now)
            seen.add(self.is_open)
            await self.keeper.look()
            self.book.expire(self.now, 100)
        return seen

    @property
    def is_open(self) -> bool:
        return self.book.held.of("a-4", ONE).get(TO, 0.0) > self.now


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


async def test_cilium_23086_a_connection_of_two_hours_keeps_the_lease_of_a_name_with_a_ttl_of_5_s(bench: Bench) -> None:
    await bench.look_up()
    bench.flows.open = [OPEN]
    assert await bench.passes(2 * HOURS) == {True}
    assert bench.counters.leases_prolonged < 2 * HOURS / 50
    bench.flows.open = []
    await bench.passes(120)
    assert not bench.is_open


async def test_without_a_connection_it_ends_in_time(bench: Bench) -> None:
    await bench.look_up()
    assert await bench.passes(74) == {True}
    await bench.passes(2)
    assert not bench.is_open
    assert bench.counters.leases_prolonged == 0


@pytest.mark.parametrize(
    "flow",
    [
        OPEN._replace(tcp_state=7),
        OPEN._replace(status=0),
        OPEN._replace(source=packed("10.0.0.2")),
        OPEN._replace(destination=packed("192.0.2.9"), reached=packed("192.0.2.9")),
        OPEN._replace(source=TO, destination=ONE, reached=ONE),
    ],
    ids=["closed", "unanswered", "another client's", "to another address", "opened by the other end"],
)
async def test_a_flow_that_is_not_one_of_the_client_to_the_address_keeps_nothing(bench: Bench, flow: Flow) -> None:
    await bench.look_up()
    bench.flows.open = [flow]
    await bench.passes(80)
    assert not bench.is_open


async def test_a_flow_that_is_translated_keeps_the_address_that_it_reaches(bench: Bench) -> None:
    await bench.look_up()
    bench.flows.open = [OPEN._replace(destination=packed("10.96.0.1"))]
    assert await bench.passes(HOURS) == {True}


async def test_nobody_is_asked_before_a_lease_is_near_its_end(bench: Bench) -> None:
    await bench.passes(HOURS)
    await bench.look_up()
    await bench.passes(50)
    assert bench.flows.asked == []
    await bench.passes(8)
    assert bench.flows.asked == [frozenset({ONE})]


async def test_a_name_whose_policy_is_gone_is_not_kept_by_a_connection(bench: Bench) -> None:
    await bench.look_up()
    bench.flows.open = [OPEN]
    assert await bench.passes(HOURS) == {True}
    assert not await bench.committer.write(bench.book.apply_delta([feed("a", "*.example.net")], [], [], [], bench.now))
    assert not bench.is_open
    assert await bench.passes(80) == {False}


async def test_a_list_that_fails_once_is_made_in_time_again(bench: Bench) -> None:
    await bench.look_up()
    bench.flows.open, bench.flows.problem = [OPEN], NetlinkError(errno.EPERM, None, "list of connections")
    assert await bench.passes(56) == {True}
    assert (bench.counters.flow_looks, bench.counters.flow_looks_failed) == (0, 1)
    assert bench.keeper.problem == (
        "leases end though their clients may have connections: list of connections: Operation not permitted"
        " (it takes CAP_NET_ADMIN)"
    )
    bench.flows.problem = None
    assert await bench.passes(HOURS) == {True}
    assert not bench.keeper.problem


async def test_what_the_kernel_refuses_once_is_written_the_next_time(bench: Bench) -> None:
    await bench.look_up()
    bench.flows.open, bench.kernel.refused = [OPEN], {"a-4": errno.ENOMEM}
    assert await bench.passes(60) == {True}
    assert bench.counters.leases_prolonged == 0
    assert bench.keeper.problem.startswith("leases of live connections are not prolonged yet: ")
    bench.kernel.refused = {}
    assert await bench.passes(HOURS) == {True}
    assert not bench.keeper.problem


@pytest.mark.parametrize(("takes", "pause"), [(0.1, PAUSE), (1.0, SHARE), (10.0, 30.0)])
async def test_a_large_table_is_read_the_less_often_and_nothing_is_lost(
    bench: Bench, takes: float, pause: float
) -> None:
    await bench.look_up()
    bench.flows.open, bench.flows.takes = [OPEN], takes
    assert await bench.passes(HOURS) == {True}
    assert bench.keeper.pause == pause
    await bench.keeper.look()
    changes = bench.book.learn("ns/a", answer("new.example.org A 192.0.2.2 5"), bench.now).changes
    assert not await bench.committer.write(changes)
    bench.flows.open += [OPEN._replace(destination=packed("192.0.2.2"), reached=packed("192.0.2.2"))]
    assert await bench.passes(HOURS) == {True}
    assert bench.book.held.of("a-4", ONE)[packed("192.0.2.2")] > bench.now, "it began right after a look"
    bench.flows.takes = 0.0
    assert await bench.passes(HOURS) == {True}
    assert bench.keeper.pause == PAUSE
