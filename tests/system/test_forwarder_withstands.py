"""What one client, or a trusted server gone wrong, can do to the others: nothing. With ``--soak`` in full numbers."""

import asyncio
import contextlib
import resource
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path

import pytest
from dnslib import RCODE

from tests.support import dnswire
from tests.support.dnswire import ASKED, address, record, wire
from tests.support.fake_upstream import Asked, silence
from tests.system.forwarder import NEIGHBOUR, WORKLOAD, Rig, feed, identity, policy, rig

FEED = feed("web", "*.example.org")
WEB = identity("shop/web", [WORKLOAD], ["web"])
OTHER = identity("shop/other", [NEIGHBOUR], ["web"])
GOOD = "198.18.0.1"
LARGE_NAME = "large.example.org"
LARGEST = 65_535


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    """Two endpoints: one of them attacks."""
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        made.upstream.script = right
        await made.start()
        await made.connected()
        await made.enforced(policy(FEED, identities=[WEB, OTHER]))
        yield made
        assert "Traceback" not in made.log


def right(asked: Asked) -> Iterable[bytes]:
    yield dnswire.answer(asked.ident, asked.question, address(GOOD, 0))


async def others_are_served(here: Rig, label: str) -> None:
    """Over UDP and TCP."""
    reply = await here.ask(f"{label}.example.org", source=NEIGHBOUR)
    assert [str(each.rdata) for each in reply.rr] == [GOOD], here.log
    over_tcp = await ask_over_tcp(here, f"{label}-too.example.org")
    assert over_tcp[3] & 15 == 0
    assert (NEIGHBOUR, GOOD) in here.elements("d4-web")


async def ask_over_tcp(here: Rig, name: str, source: str = NEIGHBOUR) -> bytes:
    query = dnswire.query(dnswire.question(name))
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(sock=await here.connection(source))
        writer.write(struct.pack("!H", len(query)) + query)
        reply = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    writer.close()
    return reply


# Answers over TCP, as large as they can be.


def pointers_to_pointers() -> Iterator[bytes]:
    """500 pointers, each to the one before, and then as many records as fit, each owned by the last of them."""
    chain, last = dnswire.pointers(dnswire.question(LARGE_NAME), 500)
    yield chain
    yield from (record(dnswire.pointer(last), 1, bytes(4)) for _ in range(3_000))


def twenty_deep() -> Iterator[bytes]:
    """The same with as few as are followed."""
    chain, last = dnswire.pointers(dnswire.question(LARGE_NAME), 20)
    yield chain
    yield from (record(dnswire.pointer(last - 2 * (n % 20)), 5, ASKED) for n in range(3_000))


def long_names() -> Iterator[bytes]:
    """Every record owned by a name of 255 octets, of labels as short as there are."""
    for _ in range(230):
        yield record(b"\1a" * 118 + ASKED, 5, b"\1b" * 6 + ASKED)


def a_hundred_hops() -> Iterator[bytes]:
    yield record(ASKED, 5, wire("c0.example.org"))
    for number in range(100):
        yield record(wire(f"c{number}.example.org"), 5, wire(f"c{number + 1}.example.org"))
    yield from (address(f"198.19.{n >> 8}.{n & 255}", owner=wire("c100.example.org")) for n in range(800))


def four_thousand_addresses() -> Iterator[bytes]:
    yield from (address(f"198.19.{n >> 8}.{n & 255}") for n in range(4_000))


LARGE = {
    pointers_to_pointers: "SERVFAIL",
    twenty_deep: "NOERROR",
    long_names: "NOERROR",
    a_hundred_hops: "SERVFAIL",
    four_thousand_addresses: "SERVFAIL",
}


@pytest.mark.parametrize("large", LARGE, ids=lambda large: large.__name__)
async def test_answers_of_64_kb_hold_up_nobody(here: Rig, large: Callable[[], Iterator[bytes]]) -> None:
    records = list(large())

    def answer(asked: Asked) -> Iterable[bytes]:
        if not asked.name.startswith(b"\5large"):
            yield from right(asked)
        elif asked.transport == "udp":
            yield dnswire.answer(asked.ident, asked.question, flags=0x200)
        else:
            whole = dnswire.answer(asked.ident, asked.question, *records)
            assert len(whole) <= LARGEST
            yield whole

    here.upstream.script = answer
    asking = [asyncio.create_task(ask_over_tcp(here, LARGE_NAME, WORKLOAD)) for _ in range(10)]
    for number in range(5):
        await others_are_served(here, f"n{number}")
    assert {RCODE[reply[3] & 15] for reply in await asyncio.gather(*asking)} == {LARGE[large]}
    assert {each for client, each in here.elements("d4-web") if client == WORKLOAD} == set()


# One client.


@contextlib.contextmanager
def many_files() -> Iterator[int]:
    """As many open files as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_ten_thousand_connections_of_one_client(here: Rig) -> None:
    before = here.open_files
    with many_files() as most, contextlib.ExitStack() as held:
        for _ in range(min(10_000, most - 200)):
            with contextlib.suppress(ConnectionError):
                held.enter_context(await here.connection())
        await others_are_served(here, "meanwhile")
        assert here.open_files - before <= 100
        assert here.metric("dns_tcp_refused_total") > 1_000
    await here.until(lambda: here.open_files - before <= 10, "connections that are gone are forgotten")
    assert (await ask_over_tcp(here, "after.example.org", WORKLOAD))[3] & 15 == 0


async def test_an_octet_now_and_then_is_no_query(here: Rig) -> None:
    """Whoever sends too slowly is cut off, however long he goes on; a query in small pieces is one all the same."""
    loop = asyncio.get_running_loop()
    query = dnswire.query(dnswire.question("slow.example.org"))
    slow = [await here.connection() for _ in range(60)]
    for each in slow:
        await loop.sock_sendall(each, struct.pack("!H", 500))
    piecemeal = await here.connection()
    for octet in struct.pack("!H", len(query)) + query:
        await loop.sock_sendall(piecemeal, bytes([octet]))
    assert len(await loop.sock_recv(piecemeal, 512)) > 12
    piecemeal.close()
    rounds = 0
    while slow:
        await others_are_served(here, f"round{rounds}")
        rounds += 1
        for each in list(slow):
            try:
                each.send(b"x")
                each.recv(1)
            except BlockingIOError:
                continue
            except ConnectionError:
                pass
            slow.remove(each)
            each.close()
        await asyncio.sleep(0.25)
    assert rounds > 1
    assert here.metric("dns_tcp_idle_closed_total") >= 60


@pytest.mark.timeout(600)
async def test_random_children_of_an_allowed_name(here: Rig, soak: float) -> None:
    """One client's share is bounded; at the bound it is refused, and nobody else is."""
    loop, attacker = asyncio.get_running_loop(), here.socket_of(WORKLOAD)
    count, burst = 100_000 if soak else 20_000, 100

    def fresh(asked: Asked) -> Iterable[bytes]:
        here.upstream.asked.clear()
        if not asked.name.startswith(b"\x08"):
            yield from right(asked)
            return
        n = int(asked.name[2:9])
        yield dnswire.answer(asked.ident, asked.question, address(f"198.19.{n >> 8 & 255}.{n & 255}", 600))

    here.upstream.script = fresh
    seen: dict[str, int] = {}
    for first in range(0, count, burst):
        for number in range(first, first + burst):
            query = dnswire.query(dnswire.question(f"n{number:07}.example.org"), number & 0xFFFF)
            await loop.sock_sendall(attacker, query)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                for _ in range(burst):
                    outcome = str(RCODE[(await loop.sock_recv(attacker, 512))[3] & 15])
                    seen[outcome] = seen.get(outcome, 0) + 1
        if first % 5_000 == 0:
            await others_are_served(here, f"after{first}")
    assert seen["NOERROR"] >= 16_000
    assert seen["SERVFAIL"] >= count - 17_000
    assert here.metric("forwarder_learned_records") <= 17_000
    assert "lease limit reached" in here.log


# The trusted server.


def garbage(asked: Asked) -> Iterable[bytes]:
    """Everything but an answer, with the right ID and question."""
    whole = dnswire.answer(asked.ident, asked.question, address("198.19.0.1", 0))
    yield whole[:-1]
    yield whole + b"x"
    yield whole[:6] + b"\xff\xff" + whole[8:]
    yield whole[:12]
    yield asked.data


async def test_upstreams_that_go_wrong_and_come_back(here: Rig) -> None:
    for wrong in (garbage, silence):
        here.upstream.script = wrong
        replies = await asyncio.gather(*(ask_over_tcp(here, f"{wrong.__name__}{n}.example.org") for n in range(50)))
        assert {RCODE[reply[3] & 15] for reply in replies} == {"SERVFAIL"}
        assert here.elements("d4-web") == {}
    here.upstream.script = right
    async with asyncio.timeout(20):
        while not (await here.ask("back.example.org", source=NEIGHBOUR)).rr:
            pass
    await others_are_served(here, "then")
    late = here.upstream.asked[0]
    for packet in right(late):
        here.upstream.send(packet, late.peer)
    assert set(here.elements("d4-web")) == {(NEIGHBOUR, GOOD)}, "what came too late opened nothing"
