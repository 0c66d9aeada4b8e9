"""Server and client together, over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from dnsguard.link.client import Acknowledge, LinkClient
from dnsguard.link.codec import encode
from dnsguard.link.messages import (
    Ack,
    AskedServer,
    AskingRight,
    Delta,
    DnsLogQuery,
    DnsLogStop,
    Hello,
    KnownName,
    LearnedLease,
    LeasesQuery,
    LeasesReply,
    LeasesSearch,
    NamesFound,
    NamesQuery,
    NamesReply,
    NamesSearch,
    RightsQuery,
    RightsReply,
    SetUses,
    Snapshot,
    Stats,
    Visited,
    VisitedNames,
)
from dnsguard.link.server import NAMES_ASKED, SEARCHES, LinkServer
from tests.unit.link.strategies import feed, identity, snapshot

ONE = snapshot(0, (feed("s1", "example.org"),), (identity("shop/cart", "192.0.2.7"),))
TWO = snapshot(0, (feed("s1", "example.org"), feed("s2", "example.net")), ())


class Forwarder:
    """Writes down what it is told, and acknowledges at once unless told to hold."""

    def __init__(self, path: Path, name: str = "f1", holds: bool = False) -> None:
        self.client = LinkClient(path, lambda: Hello(name, ("192.0.2.53#53",), 0), self)
        self.told: asyncio.Queue[Snapshot | Delta | LeasesQuery | str] = asyncio.Queue()
        self.rights: asyncio.Queue[RightsReply | None] = asyncio.Queue()
        """What it was told of rights; None where that is void."""

        self.holds = holds
        self.asked: asyncio.Queue[DnsLogQuery | DnsLogStop | SetUses] = asyncio.Queue()

    def on_snapshot(self, snapshot: Snapshot, acknowledge: Acknowledge) -> None:
        self._told(snapshot, acknowledge)

    def on_delta(self, delta: Delta, acknowledge: Acknowledge) -> None:
        self._told(delta, acknowledge)

    def _told(self, what: Snapshot | Delta, acknowledge: Acknowledge) -> None:
        self.told.put_nowait(what)
        if not self.holds:
            acknowledge(what.revision, "")

    def on_dns_log(self, message: DnsLogQuery | DnsLogStop | SetUses) -> None:
        self.asked.put_nowait(message)

    def on_search(self, search: NamesSearch | LeasesSearch) -> None:
        if isinstance(search, NamesSearch):
            known = KnownName(search.pattern, (), search.limit)
            self.client.reply(NamesFound(search.request, (known,), truncated=True))
        else:
            lease = LearnedLease(search.client, "", search.address, (search.lease_set,), (search.name,), 5.0)
            self.client.reply(LeasesReply(search.request, (lease,)))

    def on_names_query(self, query: NamesQuery) -> None:
        names = [VisitedNames(each.client, each.address, ("www.example.org",)) for each in query.visited]
        self.client.reply(NamesReply(query.request, tuple(names)))

    def on_leases_query(self, query: LeasesQuery) -> None:
        lease = LearnedLease("shop/cart", "192.0.2.7", "198.51.100.1", ("s1",), ("example.org",), 60.0)
        self.client.reply(LeasesReply(query.request, (lease,)))

    def on_rights(self, reply: RightsReply) -> None:
        self.rights.put_nowait(reply)

    def on_rights_void(self) -> None:
        self.rights.put_nowait(None)

    def on_disconnected(self, reason: str) -> None:
        self.told.put_nowait(reason)


class Link:
    def __init__(self, path: Path, queue_messages: int = 64) -> None:
        self.path = path
        self.hello = asyncio.Event()
        self.server = LinkServer(path, self.hello.set, queue_messages)
        self.tasks: list[asyncio.Task[None]] = []

    async def join(self, forwarder: Forwarder) -> asyncio.Task[None]:
        self.hello.clear()
        task = asyncio.create_task(forwarder.client.run())
        self.tasks.append(task)
        await self.hello.wait()
        return task


@asynccontextmanager
async def link(path: Path, queue_messages: int = 64) -> AsyncIterator[Link]:
    made = Link(path / "link.sock", queue_messages)
    await made.server.start()
    try:
        yield made
    finally:
        for task in made.tasks:
            task.cancel()
        await asyncio.gather(*made.tasks, return_exceptions=True)
        await made.server.close()


async def test_a_forwarder_gets_a_snapshot_and_then_deltas_and_acknowledges(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        forwarder = Forwarder(made.path)
        await made.join(forwarder)
        assert made.server.publish(ONE) == 1
        assert await made.server.acknowledged(1, 5) == ()
        assert made.server.publish(TWO) == 2
        assert await made.server.acknowledged(2, 5) == ()
        first, second = forwarder.told.get_nowait(), forwarder.told.get_nowait()
        assert isinstance(first, Snapshot)
        assert isinstance(second, Delta)
        assert (second.base_revision, second.removed_identities) == (1, ("shop/cart",))
        assert forwarder.client.held is not None
        assert forwarder.client.held.snapshot().lease_sets == TWO.lease_sets


async def test_what_changes_nothing_is_not_sent(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        forwarder = Forwarder(made.path)
        await made.join(forwarder)
        made.server.publish(ONE)
        assert made.server.publish(ONE) == 1
        assert await made.server.acknowledged(1, 5) == ()
        assert forwarder.told.qsize() == 1


async def test_that_what_was_kept_may_go_is_sent_where_nothing_else_differs(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        forwarder = Forwarder(made.path)
        await made.join(forwarder)
        made.server.publish(replace(ONE, keeps=True))
        assert made.server.publish(ONE) == 2
        assert made.server.publish(ONE) == 2
        assert await made.server.acknowledged(2, 5) == ()
        first, second = forwarder.told.get_nowait(), forwarder.told.get_nowait()
        assert isinstance(first, Snapshot)
        assert isinstance(second, Delta)
        assert (first.keeps, second.keeps) == (True, False)


async def test_somebody_is_there_once_a_forwarder_said_hello(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        assert not await made.server.attended(0)
        waiting = asyncio.create_task(made.server.attended(20))
        await made.join(Forwarder(made.path))
        assert await waiting


async def test_reassert_sends_a_snapshot_to_those_who_have_one(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        forwarder = Forwarder(made.path)
        await made.join(forwarder)
        made.server.publish(ONE)
        made.server.publish(ONE, reassert=True)
        assert await made.server.acknowledged(2, 5) == ()
        told = [forwarder.told.get_nowait(), forwarder.told.get_nowait()]
        assert [type(each) for each in told] == [Snapshot, Snapshot]


async def test_one_that_does_not_acknowledge_is_named_when_the_time_is_up(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        await made.join(Forwarder(made.path, "prompt"))
        await made.join(Forwarder(made.path, "late", holds=True))
        revision = made.server.publish(ONE)
        assert await made.server.acknowledged(revision, 0.05) == ("late",)
        assert await made.server.acknowledged(revision, 3600, ignoring={"late"}) == ("late",)


async def test_one_that_goes_away_is_not_waited_for(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        forwarder = Forwarder(made.path, holds=True)
        task = await made.join(forwarder)
        revision = made.server.publish(ONE)
        waiting = asyncio.create_task(made.server.acknowledged(revision, 3600))
        await forwarder.told.get()
        assert not waiting.done()
        assert made.server.listen == {"192.0.2.53#53"}
        task.cancel()
        assert await asyncio.wait_for(waiting, 10) == ()
        assert made.server.forwarders == ()
        assert made.server.listen == {"192.0.2.53#53"}


async def test_nobody_connected_is_nobody_to_wait_for(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        assert await made.server.acknowledged(made.server.publish(ONE), 60) == ()


async def test_a_forwarder_that_does_not_read_blocks_nobody_and_is_disconnected(tmp_path: Path) -> None:
    async with link(tmp_path, queue_messages=4) as made:
        reader, writer = await asyncio.open_unix_connection(str(made.path))
        writer.write(encode(Hello("stuck", (), 0)))
        await made.hello.wait()
        prompt = Forwarder(made.path, "prompt")
        await made.join(prompt)
        large = tuple(f"{n}.example.org" for n in range(20_000))
        for n in range(40):
            revision = made.server.publish(snapshot(0, (feed(f"s{n}", *large),)))
            await made.server.acknowledged(revision, 0.02)
        assert [state.name for state in made.server.forwarders] == ["prompt"]
        assert await made.server.acknowledged(revision, 60) == ()
        writer.close()
        del reader


async def test_after_a_restart_of_the_controller_the_forwarder_comes_back(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        forwarder = Forwarder(made.path)
        await made.join(forwarder)
        made.server.publish(TWO)
        await made.server.acknowledged(1, 5)
        await made.server.close()
        made.hello.clear()
        made.server = LinkServer(made.path, made.hello.set)
        await made.server.start()
        await made.hello.wait()
        made.server.publish(ONE)
        assert await made.server.acknowledged(1, 5) == ()
        assert forwarder.client.held is not None
        assert forwarder.client.held.snapshot().identities == ONE.identities
        assert forwarder.told.get_nowait() != (reason := forwarder.told.get_nowait())
        assert reason == "the controller closed the connection"


async def test_many_who_ask_at_once_disconnect_nobody_and_all_are_answered(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        forwarder = Forwarder(made.path)
        await made.join(forwarder)
        made.server.publish(ONE)
        asking = [made.server.leases("shop/cart", 20.0) for _ in range(300)]
        assert [len(replies) for replies in await asyncio.gather(*asking)] == [1] * 300
        assert len(made.server.forwarders) == 1


async def test_leases_are_asked_of_every_forwarder(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        await made.join(Forwarder(made.path, "f1"))
        await made.join(Forwarder(made.path, "f2"))
        made.server.publish(ONE)
        replies = await made.server.leases("192.0.2.7", 5)
        assert [reply.leases[0].address for reply in replies] == ["198.51.100.1"] * 2


async def test_statistics_arrive(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        forwarder = Forwarder(made.path)
        await made.join(forwarder)
        stats = Stats({"queries": 3}, {"192.0.2.1#53": "up"})
        forwarder.client.report(stats)
        made.server.publish(ONE)
        await made.server.acknowledged(1, 5)
        # Acknowledgements overtake; a reply comes after what was put in the ring before it.
        await made.server.leases("", 5)
        assert made.server.forwarders[0].stats == stats


async def test_names_are_asked_of_forwarders_that_say_they_know_them(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        visited = (Visited("192.0.2.7", "198.51.100.1"),)
        for name, counted in (("f1", "queries"), ("f2", NAMES_ASKED)):
            forwarder = Forwarder(made.path, name)
            await made.join(forwarder)
            made.server.publish(ONE)
            assert await made.server.names(visited, 5) == ()
            forwarder.client.report(Stats({counted: 0}, {}))
            await made.server.leases("", 5)  # whose answers come after it
        (reply,) = await made.server.names(visited, 5)
        assert reply.visited == (VisitedNames("192.0.2.7", "198.51.100.1", ("www.example.org",)),)


async def test_searches_are_asked_of_forwarders_that_take_them(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        for name, counted in (("f1", NAMES_ASKED), ("f2", SEARCHES)):
            forwarder = Forwarder(made.path, name)
            await made.join(forwarder)
            made.server.publish(ONE)
            assert await made.server.search_names("*.example.org", 3, 5) == ()
            forwarder.client.report(Stats({counted: 0}, {}))
            await made.server.leases("", 5)  # whose answers come after it
        (names,) = await made.server.search_names("*.example.org", 3, 5)
        assert (names.names, names.truncated) == ((KnownName("*.example.org", (), 3),), True)
        (leases,) = await made.server.search_leases("192.0.2.7", "example.org", "198.51.100.1", "s:a", 3, 5)
        assert leases.leases == (LearnedLease("192.0.2.7", "", "198.51.100.1", ("s:a",), ("example.org",), 5.0),)


@pytest.mark.parametrize(
    "data",
    [b"\xff\xff\xff\xff", encode(Ack(1)), encode(Hello("", (), 0)), encode(Hello("f", (), 0)) * 2, encode(ONE)],
    ids=["garbage", "no hello", "no name", "two hellos", "not for the controller"],
)
async def test_who_does_not_keep_to_the_protocol_is_disconnected(tmp_path: Path, data: bytes) -> None:
    async with link(tmp_path) as made:
        reader, writer = await asyncio.open_unix_connection(str(made.path))
        writer.write(data)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        assert made.server.forwarders == ()
        writer.close()


ASKED = RightsQuery(5, (AskedServer("shop/cart", "198.51.100.53"),))
ALLOWED = RightsReply(5, (AskingRight("shop/cart", "198.51.100.53", ("udp",)),))


async def test_rights_are_answered_and_made_void_for_those_who_were_told(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        asking, silent = Forwarder(made.path), Forwarder(made.path, "f2")
        made.server._on_rights = lambda query: replace(ALLOWED, request=query.request)
        await made.join(asking)
        await made.join(silent)
        assert asking.client.ask_rights(ASKED)
        assert await asking.rights.get() == ALLOWED
        made.server.void_rights()
        made.server.void_rights()
        assert await asking.rights.get() is None
        asking.client.ask_rights(ASKED)
        assert await asking.rights.get() == ALLOWED
        made.server.publish(ONE)
        await silent.told.get()
        assert silent.rights.empty()


async def test_a_question_of_rights_that_comes_before_policy_is_answered_when_that_is_there(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        answers: list[RightsReply | None] = [None, None, ALLOWED]
        asked: list[RightsQuery] = []

        came = asyncio.Event()

        def on_rights(query: RightsQuery) -> RightsReply | None:
            asked.append(query)
            came.set()
            return answers.pop(0)

        made.server._on_rights = on_rights
        forwarder = Forwarder(made.path)
        await made.join(forwarder)
        forwarder.client.ask_rights(ASKED)
        await came.wait()
        made.server.void_rights()
        made.server.void_rights()
        made.server.void_rights()
        assert await forwarder.rights.get() == ALLOWED
        assert asked == [ASKED] * 3


async def test_where_nobody_is_connected_rights_are_not_asked(tmp_path: Path) -> None:
    assert not Forwarder(tmp_path / "link.sock").client.ask_rights(ASKED)
