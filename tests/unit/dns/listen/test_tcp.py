import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from dnsguard.dns.client import Client, Respond
from dnsguard.dns.counters import Counters
from dnsguard.dns.listen.tcp import TcpListener, TcpSettings
from tests.unit.dns.messages import query_bytes


class Desk:
    """Takes what the listener hands over and keeps it."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.seen: list[tuple[bytes, Client, Respond]] = []
        self.echo = False
        self._news = asyncio.Event()

    def handle(self, data: bytes, client: Client, respond: Respond) -> None:
        self.seen.append((data, client, respond))
        self._news.set()
        if self.echo:
            respond(data)

    async def has(self, count: int) -> None:
        while len(self.seen) < count:
            self._news.clear()
            await self._news.wait()


Open = Callable[..., Any]


@pytest.fixture
async def desk() -> Desk:
    return Desk()


@pytest.fixture
async def opened(desk: Desk) -> AsyncIterator[Open]:
    listeners: list[TcpListener] = []
    writers: list[asyncio.StreamWriter] = []

    async def listen(address: str = "127.0.0.1", **limits: Any) -> TcpListener:
        listener = TcpListener(desk.handle, desk.counters, TcpSettings(**limits))
        await listener.open(address, 0)
        listeners.append(listener)
        return listener

    async def connect(
        listener: TcpListener, source: str = "127.0.0.1"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        target = "::1" if ":" in source else "127.0.0.1"
        reader, writer = await asyncio.open_connection(target, listener.port, local_addr=(source, 0))
        writers.append(writer)
        return reader, writer

    actions: dict[str, Open] = {"listen": listen, "connect": connect}
    yield lambda what, *args, **named: actions[what](*args, **named)
    for writer in writers:
        writer.transport.abort()
    for listener in listeners:
        listener.close()
    await asyncio.sleep(0.01)


def framed(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


async def read(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))


def numbered(i: int) -> bytes:
    return query_bytes(ident=i)


@pytest.mark.parametrize(
    ("address", "source", "packed"),
    [
        ("127.0.0.1", "127.0.0.1", b"\x7f\0\0\1"),
        ("0.0.0.0", "127.0.0.1", b"\x7f\0\0\1"),
        ("::", "::1", bytes(15) + b"\1"),
    ],
)
async def test_who_asks_and_where(desk: Desk, opened: Open, address: str, source: str, packed: bytes) -> None:
    desk.echo = True
    listener = await opened("listen", address)
    reader, writer = await opened("connect", listener, source)
    writer.write(framed(numbered(7)))
    assert await read(reader) == numbered(7)
    data, client, _ = desk.seen[0]
    assert (data, client.address, client.asked, client.transport) == (numbered(7), packed, packed, "tcp")


async def test_answers_come_in_whatever_order(desk: Desk, opened: Open) -> None:
    listener = await opened("listen")
    reader, writer = await opened("connect", listener)
    writer.write(b"".join(framed(numbered(i)) for i in range(20)))
    await desk.has(20)
    for data, _, respond in reversed(desk.seen):
        respond(data)
    assert [await read(reader) for _ in range(20)] == [numbered(i) for i in reversed(range(20))]


async def test_octet_by_octet(desk: Desk, opened: Open) -> None:
    desk.echo = True
    listener = await opened("listen")
    reader, writer = await opened("connect", listener)
    for octet in framed(numbered(1)) + framed(numbered(2)):
        writer.write(bytes([octet]))
        await writer.drain()
        await asyncio.sleep(0)
    assert [await read(reader), await read(reader)] == [numbered(1), numbered(2)]


async def test_reading_stops_while_enough_are_waiting(desk: Desk, opened: Open) -> None:
    listener = await opened("listen", waiting_per_connection=3)
    reader, writer = await opened("connect", listener)
    writer.write(b"".join(framed(numbered(i)) for i in range(10)))
    for i in range(10):
        await desk.has(min(i + 3, 10))
        assert len(desk.seen) == min(i + 3, 10)
        data, _, respond = desk.seen[i]
        respond(data)
        assert await read(reader) == numbered(i)


async def test_a_second_answer_to_one_query_is_not_sent(desk: Desk, opened: Open) -> None:
    listener = await opened("listen")
    reader, writer = await opened("connect", listener)
    writer.write(framed(numbered(1)))
    await desk.has(1)
    desk.seen[0][2](numbered(1))
    desk.seen[0][2](numbered(1))
    writer.write(framed(numbered(2)))
    await desk.has(2)
    desk.seen[1][2](numbered(2))
    assert [await read(reader), await read(reader)] == [numbered(1), numbered(2)]


async def test_after_the_end_of_queries_answers_still_come(desk: Desk, opened: Open) -> None:
    listener = await opened("listen")
    reader, writer = await opened("connect", listener)
    writer.write(framed(numbered(1)))
    writer.write_eof()
    await desk.has(1)
    await asyncio.sleep(0)
    desk.seen[0][2](numbered(1))
    assert await read(reader) == numbered(1)
    assert await reader.read() == b""


async def test_an_answer_to_a_client_that_has_gone_goes_nowhere(desk: Desk, opened: Open) -> None:
    listener = await opened("listen")
    reader, writer = await opened("connect", listener)
    writer.write(framed(numbered(1)))
    await desk.has(1)
    listener.close()
    assert await reader.read() == b""
    desk.seen[0][2](numbered(1))


@pytest.mark.parametrize("message", [b"", b"short", query_bytes()[:2] + b"\x81" + query_bytes()[3:]])
async def test_who_speaks_no_dns_is_cut_off(desk: Desk, opened: Open, message: bytes) -> None:
    listener = await opened("listen")
    reader, writer = await opened("connect", listener)
    writer.write(framed(message))
    assert await reader.read() == b""
    assert desk.seen == []


async def test_limits_of_connections(desk: Desk, opened: Open) -> None:
    desk.echo = True
    listener = await opened("listen", connections=4, connections_per_client=2)

    async def works(source: str) -> bool:
        reader, writer = await opened("connect", listener, source)
        writer.write(framed(numbered(1)))
        try:
            return await read(reader) == numbered(1)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return False

    assert [await works(source) for source in ("127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.3")] == [
        True,
        True,
        False,
        True,
        True,
    ]
    assert (desk.counters.tcp_connections, desk.counters.tcp_refused) == (4, 1)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the other side hung up, in one way or the other, without a word."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


async def test_who_holds_all_connections_keeps_nobody_out(desk: Desk, opened: Open) -> None:
    listener = await opened("listen", connections=3, connections_per_client=2)
    streams = [await opened("connect", listener, source) for source in ("127.0.0.1", "127.0.0.1", "127.0.0.2")]
    desk.echo = True
    first_reader, first_writer = streams[0]
    first_writer.write(framed(query_bytes()))
    assert await first_reader.readexactly(2)
    reader, writer = await opened("connect", listener, "127.0.0.3")
    writer.write(framed(query_bytes()))
    assert await reader.readexactly(2)
    # The one that was idle longest, and not the one that came first.
    assert await ended(streams[1][0])
    first_writer.write(framed(query_bytes()))
    assert await first_reader.readexactly(2)
    assert (desk.counters.tcp_refused, desk.counters.tcp_idle_closed) == (0, 1)


async def test_a_connection_that_waits_for_its_answer_makes_no_room(desk: Desk, opened: Open) -> None:
    listener = await opened("listen", connections=1)
    reader, writer = await opened("connect", listener, "127.0.0.1")
    writer.write(framed(query_bytes()))
    await desk.has(1)
    late, _ = await opened("connect", listener, "127.0.0.2")
    assert await ended(late)
    data, _, respond = desk.seen[0]
    respond(data)
    assert await reader.readexactly(2)


async def test_a_closed_connection_makes_room(desk: Desk, opened: Open) -> None:
    desk.echo = True
    listener = await opened("listen", connections=1)
    for _ in range(3):
        reader, writer = await opened("connect", listener)
        writer.write(framed(numbered(1)))
        assert await read(reader) == numbered(1)
        writer.write_eof()
        assert await reader.read() == b""
    assert desk.counters.tcp_refused == 0


@pytest.mark.parametrize("sent", [b"", b"\0", b"\0\x20half"])
async def test_an_idle_connection_is_closed(desk: Desk, opened: Open, sent: bytes) -> None:
    listener = await opened("listen", idle=0.05)
    reader, writer = await opened("connect", listener)
    writer.write(sent)
    assert await reader.read() == b""
    assert desk.counters.tcp_idle_closed == 1


async def test_a_connection_that_waits_for_answers_is_not_idle(desk: Desk, opened: Open) -> None:
    listener = await opened("listen", idle=0.02)
    reader, writer = await opened("connect", listener)
    idle_reader, _ = await opened("connect", listener)
    writer.write(framed(numbered(1)))
    assert await idle_reader.read() == b""
    desk.seen[0][2](numbered(1))
    assert await read(reader) == numbered(1)


async def test_who_does_not_take_its_answers_is_cut_off(desk: Desk, opened: Open) -> None:
    listener = await opened("listen", unread_octets=100_000)
    reader, writer = await opened("connect", listener)
    reader._transport.pause_reading()  # a client that never reads
    for i in range(1000):
        writer.write(framed(numbered(i)))
        await desk.has(i + 1)
        desk.seen[i][2](bytes(60_000))
        if desk.counters.tcp_overrun:
            break
    assert desk.counters.tcp_overrun == 1


async def test_after_the_stop_connections_that_stand_are_still_answered(desk: Desk, opened: Open) -> None:
    listener = await opened("listen")
    reader, writer = await opened("connect", listener)
    writer.write(framed(numbered(1)))
    await desk.has(1)
    listener.stop()
    with pytest.raises(ConnectionRefusedError):
        await opened("connect", listener)
    desk.seen[0][2](numbered(1))
    assert await read(reader) == numbered(1)


async def test_a_client_that_has_sent_all_gets_each_answer_once(desk: Desk, opened: Open) -> None:
    listener = await opened("listen", waiting_per_connection=3)
    reader, writer = await opened("connect", listener)
    writer.write(b"".join(framed(numbered(i)) for i in range(2000)))
    writer.write_eof()
    await desk.has(3)
    desk.echo = True  # the rest is answered while it is taken, as from a cache
    for data, _, respond in desk.seen[:3]:
        respond(data)
    assert [await read(reader) for _ in range(2000)] == [numbered(i) for i in range(2000)]
    assert await reader.read() == b""
    assert len(desk.seen) == 2000


async def test_answers_are_not_held_back_for_one_another(desk: Desk, opened: Open) -> None:
    listener = await opened("listen")
    _, writer = await opened("connect", listener)
    writer.write(framed(numbered(1)))
    await desk.has(1)
    (connection,) = listener._connections
    accepted = connection.transport.get_extra_info("socket")
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
