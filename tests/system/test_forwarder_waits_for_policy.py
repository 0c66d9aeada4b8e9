"""What waited in sockets that were handed down is answered once there is policy, and not before.

The test holds the sockets, so queries are there before the forwarder is. How long it waits for policy is set for each
test, so that no load of the machine decides what is seen.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from dnslib import RCODE, DNSRecord

from dnsguard.dns.listen.binding import bound_for_workers
from tests.system.forwarder import LISTEN, LISTEN6, PATIENCE, WORKLOAD, WORKLOAD6, Rig, feed, identity, policy, rig

FEED = feed("web", "*.example.org")
WEB = identity("shop/web", [WORKLOAD, WORKLOAD6], ["web"])
NAME = "www.example.org"
ADDRESS = "198.51.100.1"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    """With sockets to hand down, and nobody who reads them yet."""
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        made.zone[NAME] = [("A", ADDRESS)]
        (made.handed,) = bound_for_workers([(LISTEN, 53), (LISTEN6, 53)], 1)
        yield made
        for each in made.handed:
            each.socket.close()


@contextmanager
def waiting(here: Rig) -> Iterator[Sequence[socket.socket]]:
    """A query over UDP and one over TCP, over IPv4 and IPv6, that wait in the sockets. Those that asked."""
    query = DNSRecord.question(NAME).pack()
    asked: list[socket.socket] = []
    try:
        for source, to in (WORKLOAD, LISTEN), (WORKLOAD6, LISTEN6):
            for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
                with here.workload.entered():
                    asker = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, kind)
                asked.append(asker)
                asker.settimeout(PATIENCE)
                asker.bind((source, 0))
                asker.connect((to, 53))  # over TCP, the kernel takes it
                asker.sendall(query if kind == socket.SOCK_DGRAM else len(query).to_bytes(2, "big") + query)
                asker.setblocking(False)
        yield asked
    finally:
        for each in asked:
            each.close()


async def answer(asker: socket.socket) -> DNSRecord:
    """What came of it."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE):
        if asker.type == socket.SOCK_DGRAM:
            return DNSRecord.parse(await loop.sock_recv(asker, 65536))
        data = b""
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
            more = await loop.sock_recv(asker, 65536)
            assert more, "closed without an answer"
            data += more
    return DNSRecord.parse(data[2:])


async def answers(askers: Sequence[socket.socket]) -> list[tuple[str, list[str]]]:
    """Code and addresses of each answer."""
    found = [await answer(each) for each in askers]
    return [(RCODE[each.header.rcode], [str(record.rdata) for record in each.rr]) for each in found]


def waits(seconds: float) -> str:
    """Python that has the forwarder wait so long for policy."""
    return f"from dnsguard.forwarder import process; process._POLICY_SECONDS = {seconds}"


async def at_work(here: Rig) -> None:
    """It has said hello to the controller, and has gone round its loop a few times since: whatever it means to do
    before it hears of policy is done."""
    await here.connected()
    for _ in range(10):
        here.metric("dns_queries_total")


def unread(here: Rig, askers: Sequence[socket.socket]) -> bool:
    """Whether nothing was read, and nothing said."""
    for each in askers:
        with pytest.raises(BlockingIOError):
            each.recv(1, socket.MSG_PEEK)
    return here.metric("dns_udp_received_total") == here.metric("dns_tcp_connections_total") == 0


async def test_queries_that_waited_for_the_forwarder_wait_for_policy_too(here: Rig) -> None:
    with waiting(here) as asked:
        await here.start(first=waits(600))
        await at_work(here)
        assert unread(here, asked)
        here.link.publish(policy(FEED, identities=[WEB]))
        assert await answers(asked) == [("NOERROR", [ADDRESS])] * 4
        assert (WORKLOAD, ADDRESS) in here.elements("d4-web")


async def test_where_policy_never_comes_they_are_told_so_and_those_after_them(here: Rig) -> None:
    with waiting(here) as asked:
        await here.start(first=waits(0.5))
        assert await answers(asked) == [("SERVFAIL", [])] * 4
        assert RCODE[(await here.ask(NAME)).header.rcode] == "SERVFAIL"
        await here.connected()
        await here.enforced(policy(FEED, identities=[WEB]))
        assert (await here.ask(NAME)).rr, "and once it comes, it counts"


async def test_stopped_while_it_waits_it_leaves_them_to_the_next(here: Rig) -> None:
    with waiting(here) as asked:
        await here.start(first=waits(600))
        await at_work(here)
        here.signal()
        assert await here.ended() == 0
        await here.until(lambda: not here.link.forwarders, "the link knows that it is gone")
        await here.start(first=waits(600))
        await at_work(here)
        assert unread(here, asked)
        here.link.publish(policy(FEED, identities=[WEB]))
        assert await answers(asked) == [("NOERROR", [ADDRESS])] * 4


async def test_policy_that_was_written_down_is_policy(here: Rig) -> None:
    await here.start()
    await here.connected()
    await here.enforced(policy(FEED, identities=[WEB]))
    await here.until((here.directory / "state" / "policy.last-good").exists, "the last good policy is written")
    here.signal()
    assert await here.ended() == 0
    await here.link.close()
    with waiting(here) as asked:
        await here.start(first=waits(600))
        assert await answers(asked) == [("NOERROR", [ADDRESS])] * 4
