"""What waited while nobody read: all of it is answered, no faster than it can be, but for what is too old."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable

import pytest

from dnsguard.dns.client import Client, Respond
from dnsguard.dns.counters import Counters
from dnsguard.dns.listen.backlog import FEW, PATIENCE, WINDOW, discard_stale, take_backlog, take_connections
from dnsguard.dns.listen.binding import bound_tcp, bound_udp, stamp
from dnsguard.dns.listen.tcp import TcpListener, TcpSettings
from dnsguard.dns.listen.udp import UdpListener
from tests.unit.dns.messages import query_bytes

BATCH = 64


class Desk:
    """Answers one query at a time, when the loop is idle; notes how many waited at most."""

    def __init__(self) -> None:
        self.waiting: list[tuple[bytes, Respond]] = []
        self.most = 0
        self.answered: list[bytes] = []
        self.answers = True
        self.asked = 0
        self.refrained = 0
        """How often it was seen that no more may wait."""

        self._news = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._news.clear()
            await self._news.wait()

    def count(self) -> int:
        """Queries without an answer."""
        self.asked += 1
        self.refrained += len(self.waiting) >= WINDOW
        self._news.set()
        return len(self.waiting)

    def handle(self, data: bytes, _: Client, respond: Respond) -> None:
        self.waiting.append((data, respond))
        self.most = max(self.most, len(self.waiting))
        asyncio.get_running_loop().call_later(0, self._answer)

    def _answer(self) -> None:
        if self.answers:
            data, respond = self.waiting.pop(0)
            self.answered.append(data)
            respond(data)
            self._news.set()


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::1", "::"])
async def held(request: pytest.FixtureRequest) -> AsyncIterator[socket.socket]:
    sock = bound_udp(request.param, 0)
    yield sock
    sock.close()


@pytest.fixture
async def client(held: socket.socket) -> AsyncIterator[socket.socket]:
    sock = socket.socket(held.family, socket.SOCK_DGRAM)
    sock.connect(("::1" if held.family == socket.AF_INET6 else "127.0.0.1", held.getsockname()[1]))
    yield sock
    sock.close()


def listening(held: socket.socket, desk: Desk) -> UdpListener:
    address, port = held.getsockname()[:2]
    return UdpListener(address, port, desk.handle, Counters(), sock=held)


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def send(client: socket.socket, packets: list[bytes]) -> None:
    for each in packets:
        client.send(each)


def note_times(held: socket.socket, client: socket.socket) -> None:
    """Have the kernel do it, and return once it does: it begins a moment after the first who wants that says so."""
    stamp(held, wanted=True)
    while True:
        client.send(b"probe")
        if discard_stale(held, time.time() + PATIENCE + 1):
            return
        held.recv(10)


async def test_it_is_read_in_order_and_never_more_than_may_wait(held: socket.socket, client: socket.socket) -> None:
    send(client, numbered(100))
    desk = Desk()
    listener = listening(held, desk)
    desk.answers = False
    taking = asyncio.create_task(take_backlog(listener, desk.count))
    send(client, numbered(400)[100:])
    await desk.until(lambda: desk.refrained > 10)
    assert WINDOW <= desk.most < WINDOW + BATCH, "more waits in the kernel"
    desk.answers = True
    for _ in range(len(desk.waiting)):
        desk._answer()
    assert await taking == 0
    await desk.until(lambda: len(desk.answered) == 400)
    assert desk.answered == numbered(400)
    assert desk.most < WINDOW + BATCH


async def test_it_goes_on_so_while_many_wait_for_an_answer(held: socket.socket, client: socket.socket) -> None:
    send(client, numbered(FEW))
    desk = Desk()
    desk.answers = False
    listener = listening(held, desk)
    taking = asyncio.create_task(take_backlog(listener, desk.count))
    await desk.until(lambda: desk.asked > 20)
    assert not taking.done()
    desk.answers = True
    for _ in range(FEW):
        desk._answer()
    assert await taking == 0


async def test_then_it_reads_by_itself(held: socket.socket, client: socket.socket) -> None:
    desk = Desk()
    await take_backlog(listening(held, desk), desk.count)
    send(client, numbered(3))
    await desk.until(lambda: len(desk.answered) == 3)


async def test_stopped_meanwhile_it_leaves_the_rest_to_the_next(held: socket.socket, client: socket.socket) -> None:
    send(client, numbered(10))
    desk = Desk()
    listener = listening(held, desk)
    listener.stop()
    await take_backlog(listener, lambda: 0)
    send(client, numbered(1))
    await asyncio.sleep(0)
    assert desk.answered == []
    assert held.recv(10) == b"0"


async def test_what_nobody_waits_for_any_more_is_discarded(held: socket.socket, client: socket.socket) -> None:
    note_times(held, client)
    send(client, numbered(100))
    now = time.time()
    assert discard_stale(held, now) == 0
    assert discard_stale(held, now + PATIENCE - 1) == 0
    assert discard_stale(held, now + PATIENCE + 1) == 100
    assert discard_stale(held, now + PATIENCE + 1) == 0


async def test_what_came_before_anybody_noted_when_counts_as_fresh(held: socket.socket, client: socket.socket) -> None:
    send(client, numbered(10))
    assert discard_stale(held, time.time() + PATIENCE + 1) == 0
    assert held.recv(10) == b"0"


async def test_times_are_noted_no_longer_once_it_is_read(held: socket.socket, client: socket.socket) -> None:
    stamp(held, wanted=True)
    desk = Desk()
    listener = listening(held, desk)
    await take_backlog(listener, desk.count)
    listener.stop()
    send(client, [b"question"])
    _, ancillary, _, _ = held.recvmsg(100, 200)
    assert all(level != socket.SOL_SOCKET for level, _, _ in ancillary)


CONNECTIONS = 4


async def connected(port: int, query: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which this was asked."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(len(query).to_bytes(2, "big") + query)
    return reader, writer


async def listening_tcp(sock: socket.socket, desk: Desk) -> TcpListener:
    listener = TcpListener(desk.handle, Counters(), TcpSettings(connections_per_client=CONNECTIONS))
    await listener.open("127.0.0.1", sock.getsockname()[1], sock)
    return listener


async def test_connections_that_waited_have_their_turn_though_their_client_has_all_it_may_have() -> None:
    desk = Desk()
    held = bound_tcp("127.0.0.1", 0)
    queries = [query_bytes(ident=number) for number in range(5 * CONNECTIONS)]
    clients = [await connected(held.getsockname()[1], query) for query in queries]
    gone = socket.create_connection(held.getsockname())
    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gone.close()  # reset while it waited
    listener = await listening_tcp(held, desk)
    taking = asyncio.create_task(take_connections(listener))
    for (reader, writer), query in zip(clients, queries, strict=True):
        assert await reader.readexactly(2 + len(query)) == len(query).to_bytes(2, "big") + query
        writer.close()
    await taking
    assert listener.counters.tcp_refused == 0
    reader, writer = await connected(listener.port, queries[0])
    assert await reader.readexactly(2), "from then on it takes them by itself"
    writer.close()
    listener.close()


async def test_stopped_it_leaves_connections_to_the_next() -> None:
    held = bound_tcp("127.0.0.1", 0)
    query = query_bytes()
    reader, writer = await connected(held.getsockname()[1], query)
    kept = held.dup()
    first, second = Desk(), Desk()
    listener = await listening_tcp(held, first)
    listener.stop()
    await take_connections(listener)
    listener.close()
    listener = await listening_tcp(kept, second)
    await take_connections(listener)
    assert await reader.readexactly(2 + len(query))
    assert (first.answered, second.answered) == ([], [query])
    writer.close()
    listener.close()
