import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dnsguard.dns.client import Client, Respond
from dnsguard.dns.counters import Counters
from dnsguard.dns.listen.udp import UdpListener
from dnsguard.dns.ready import ReadyAnswers


class Desk:
    """Takes what a listener hands over; echoes unless told otherwise."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.seen: list[tuple[bytes, Client]] = []
        self.later: list[Respond] = []
        self.echo = True
        self._news = asyncio.Event()

    def handle(self, data: bytes, client: Client, respond: Respond) -> None:
        self.seen.append((data, client))
        if self.echo:
            respond(data[::-1])
        else:
            self.later.append(respond)
            self._news.set()

    async def has(self, count: int) -> None:
        while len(self.later) < count:
            self._news.clear()
            await self._news.wait()


class Sender(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: asyncio.Queue[tuple[bytes, Any]] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.put_nowait((data, addr))


@pytest.fixture
async def desk() -> Desk:
    return Desk()


@pytest.fixture
async def opened() -> AsyncIterator[list[Any]]:
    things: list[Any] = []
    yield things
    for thing in things:
        thing.close()
    await asyncio.sleep(0)


async def send_from(address: str, opened: list[Any]) -> tuple[asyncio.DatagramTransport, Sender]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    loop = asyncio.get_running_loop()
    transport, sender = await loop.create_datagram_endpoint(Sender, local_addr=(address, 0), family=family)
    opened.append(transport)
    return transport, sender


@pytest.mark.parametrize(
    ("bound", "asked", "source"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.9"),
        ("0.0.0.0", "127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.53", "127.0.0.9"),
        ("::1", "::1", "::1"),
        ("::", "::1", "::1"),
    ],
)
async def test_answers_leave_from_the_address_that_was_asked(
    desk: Desk, opened: list[Any], bound: str, asked: str, source: str
) -> None:
    listener = UdpListener(bound, 0, desk.handle, desk.counters)
    opened.append(listener)
    transport, sender = await send_from(source, opened)
    transport.sendto(b"question", (asked, listener.port))
    data, peer = await sender.received.get()
    assert (data, peer[:2]) == (b"noitseuq", (asked, listener.port))
    family = socket.AF_INET6 if ":" in asked else socket.AF_INET
    client = Client(socket.inet_pton(family, source), socket.inet_pton(family, asked), "udp")
    assert desk.seen == [(b"question", client)]
    assert desk.counters.udp_received == 1


async def test_answers_may_come_later_and_in_any_order(desk: Desk, opened: list[Any]) -> None:
    desk.echo = False
    listener = UdpListener("127.0.0.1", 0, desk.handle, desk.counters)
    opened.append(listener)
    transport, sender = await send_from("127.0.0.1", opened)
    for i in range(200):
        transport.sendto(b"%d" % i, ("127.0.0.1", listener.port))
    await desk.has(200)
    for i, respond in reversed(list(enumerate(desk.later))):
        respond(b"%d" % i)
    assert [int((await sender.received.get())[0]) for _ in range(200)] == list(reversed(range(200)))


async def test_an_answer_that_cannot_be_sent_is_counted(desk: Desk, opened: list[Any]) -> None:
    desk.echo = False
    listener = UdpListener("127.0.0.1", 0, desk.handle, desk.counters)
    opened.append(listener)
    transport, _ = await send_from("127.0.0.1", opened)
    transport.sendto(b"question", ("127.0.0.1", listener.port))
    await desk.has(1)
    desk.later[0](bytes(70_000))
    assert desk.counters.udp_send_errors == 1
    listener.close()
    desk.later[0](b"after the end")
    assert desk.counters.udp_send_errors == 2


async def test_a_taken_port_is_said(desk: Desk, opened: list[Any]) -> None:
    listener = UdpListener("127.0.0.1", 0, desk.handle, desk.counters)
    opened.append(listener)
    with pytest.raises(OSError, match="in use"):
        UdpListener("127.0.0.1", listener.port, desk.handle, desk.counters)


async def test_ipv4_and_ipv6_wildcards_share_a_port(desk: Desk, opened: list[Any]) -> None:
    listener = UdpListener("0.0.0.0", 0, desk.handle, desk.counters)
    opened.append(listener)
    opened.append(UdpListener("::", listener.port, desk.handle, desk.counters))


async def test_after_the_stop_what_was_taken_is_still_answered(desk: Desk, opened: list[Any]) -> None:
    desk.echo = False
    listener = UdpListener("127.0.0.1", 0, desk.handle, desk.counters)
    opened.append(listener)
    transport, sender = await send_from("127.0.0.1", opened)
    transport.sendto(b"before", ("127.0.0.1", listener.port))
    await desk.has(1)
    listener.stop()
    transport.sendto(b"after", ("127.0.0.1", listener.port))
    desk.later[0](b"answer")
    assert (await sender.received.get())[0] == b"answer"
    assert [data for data, _ in desk.seen] == [b"before"]


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0", "::1", "::"])
async def test_what_is_ready_goes_out_without_asking(desk: Desk, opened: list[Any], bound: str) -> None:
    ready = ReadyAnswers()
    listener = UdpListener(bound, 0, desk.handle, desk.counters, ready)
    opened.append(listener)
    address = "::1" if ":" in bound else "127.0.0.1"
    transport, sender = await send_from(address, opened)
    packed = socket.inet_pton(socket.AF_INET6 if ":" in bound else socket.AF_INET, address)
    now = asyncio.get_running_loop().time()
    ready.put(Client(packed, packed, "udp"), b"??question", b"!!answer", now + 60)
    ready.put(Client(packed, packed, "udp"), b"??old question", b"!!answer", now)
    for question, answer in ((b"idquestion", b"idanswer"), (b"idold question", b"noitseuq dlodi")):
        transport.sendto(question, (address, listener.port))
        assert (await sender.received.get())[0] == answer
    assert [data for data, _ in desk.seen] == [b"idold question"]
    counters = desk.counters
    assert (counters.udp_received, counters.queries, counters.released, counters.released_ready) == (2, 1, 1, 1)
    ready.clear()
    transport.sendto(b"idquestion", (address, listener.port))
    assert (await sender.received.get())[0] == b"noitseuqdi"
