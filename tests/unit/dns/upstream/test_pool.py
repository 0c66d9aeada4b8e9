import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest
from dnslib import DNSRecord

from dnsguard.dns.counters import Counters
from dnsguard.dns.upstream import stream
from dnsguard.dns.upstream.exchange import Found, Unanswered
from dnsguard.dns.upstream.hedging import BURST, SHARE
from dnsguard.dns.upstream.pool import UpstreamPool, UpstreamSettings
from dnsguard.dns.upstream.question import Question
from dnsguard.dns.upstream.report import described
from dnsguard.dns.upstream.sockets import SO_MARK
from dnsguard.servers import Server
from tests.support.fake_upstream import Asked, FakeUpstream, Script, send_from_elsewhere, silence
from tests.unit.dns.messages import answer_bytes, query
from tests.unit.dns.upstream.states import states

GOOD = "www.example.org 300 A 192.0.2.1"
EVIL = "www.example.org 300 A 192.0.2.66"
FAST = UpstreamSettings(deadline=0.6, patience=(0.1, 0.1), sockets_per_server=4, probes=False)
PATIENT = UpstreamSettings(deadline=20.0, patience=(10.0,), sockets_per_server=4, probes=False)
"""Where no server is silent, but building the answers takes a busy machine its time."""


def good(asked: Asked) -> Iterable[bytes]:
    return [answer_bytes(asked.data, GOOD)]


def rcode(code: int) -> Script:
    return lambda asked: [answer_bytes(asked.data, rcode=code)]


class Bench:
    """A pool in front of fake servers."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.pools: list[UpstreamPool] = []

    def pool(self, *servers: FakeUpstream | Server, settings: UpstreamSettings = FAST) -> UpstreamPool:
        wanted = [s if isinstance(s, Server) else Server(s.address, s.port) for s in servers]
        self.pools.append(UpstreamPool(wanted, settings, self.counters))
        return self.pools[-1]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    for pool in bench.pools:
        pool.close()
    await asyncio.sleep(0)


async def ask(pool: UpstreamPool, name: str = "www.example.org", qtype: str = "A") -> Found | Unanswered:
    result: asyncio.Future[Found | Unanswered] = asyncio.get_running_loop().create_future()
    pool.ask(Question.of(query(name, qtype, edns=1232)), result.set_result)
    return await result


def addresses(result: Found | Unanswered) -> list[str]:
    assert isinstance(result, Found), result
    return [socket.inet_ntoa(address.address) for address in result.layout.answer.addresses]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_an_answer_is_found(bench: Bench, address: str) -> None:
    async with FakeUpstream(good, address) as server:
        assert addresses(await ask(bench.pool(server))) == ["192.0.2.1"]


async def test_what_the_upstream_gets_to_see(bench: Bench) -> None:
    async with FakeUpstream(good) as server:
        await ask(bench.pool(server))
        seen = DNSRecord.parse(server.asked[0].data)
        assert (seen.header.rd, seen.header.qr, seen.header.opcode) == (1, 0, 0)
        assert seen.ar[0].edns_len == 1232
        assert str(seen.q.qname).lower() == "www.example.org."


async def test_ids_ports_and_casing_vary(bench: Bench) -> None:
    async with FakeUpstream(good) as server:
        pool = bench.pool(server)
        for _ in range(60):
            await ask(pool)
        assert len({asked.data[:2] for asked in server.asked}) > 50
        assert len({asked.peer[1] for asked in server.asked}) == FAST.sockets_per_server
        assert len({asked.question for asked in server.asked}) > 50


async def test_ports_are_given_up_after_some_use(bench: Bench) -> None:
    settings = UpstreamSettings(deadline=0.6, sockets_per_server=1, uses_per_socket=5, probes=False)
    async with FakeUpstream(good) as server:
        pool = bench.pool(server, settings=settings)
        for _ in range(20):
            await ask(pool)
        assert len({asked.peer[1] for asked in server.asked}) == 4


def wrong_id(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def wrong_case(data: bytes) -> bytes:
    return data[:13] + data[13:16].swapcase() + data[16:]


def wrong_name(data: bytes) -> bytes:
    return data[:13] + b"xxx" + data[16:]


def wrong_type(data: bytes) -> bytes:
    return data.replace(b"\0\1\0\1", b"\0\2\0\1", 1)


def no_answer(data: bytes) -> bytes:
    return data[:2] + bytes([data[2] & 0x7F]) + data[3:]


def other_opcode(data: bytes) -> bytes:
    return data[:2] + bytes([data[2] | 0x20]) + data[3:]


def no_question(data: bytes) -> bytes:
    return data[:4] + b"\0\0" + data[6:]


LIES: list[Callable[[bytes], bytes]] = [
    wrong_id,
    wrong_case,
    wrong_name,
    wrong_type,
    no_answer,
    other_opcode,
    no_question,
    lambda data: data[:11],
]


@pytest.mark.parametrize("lie", LIES)
async def test_a_wrong_packet_is_ignored_and_the_right_one_believed(
    bench: Bench, lie: Callable[[bytes], bytes]
) -> None:
    def script(asked: Asked) -> Iterable[bytes]:
        evil = lie(answer_bytes(asked.data, EVIL))
        return [evil] * 5 + [answer_bytes(asked.data, GOOD)]

    async with FakeUpstream(script) as server:
        assert addresses(await ask(bench.pool(server))) == ["192.0.2.1"]
        counters = bench.counters
        assert counters.upstream_unmatched + counters.upstream_wrong_case >= 5


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.7"])
async def test_a_packet_from_elsewhere_never_arrives(bench: Bench, address: str) -> None:
    def script(asked: Asked) -> Iterable[bytes]:
        send_from_elsewhere(answer_bytes(asked.data, EVIL), asked.peer, address)
        return ()

    async with FakeUpstream(script) as server:
        assert isinstance(await ask(bench.pool(server)), Unanswered)


async def test_a_flood_of_wrong_ids_before_a_late_answer(bench: Bench) -> None:
    async with FakeUpstream() as server:

        def script(asked: Asked) -> Iterable[bytes]:
            if len(server.asked) > 1:
                return ()
            evil = answer_bytes(asked.data, EVIL)
            for ident in range(0, 65536, 97):
                if ident.to_bytes(2, "big") != asked.data[:2]:
                    server.send(ident.to_bytes(2, "big") + wrong_case(evil)[2:], asked.peer)
            asyncio.get_running_loop().call_later(0.05, server.send, answer_bytes(asked.data, GOOD), asked.peer)
            return ()

        server.script = script
        assert addresses(await ask(bench.pool(server))) == ["192.0.2.1"]


async def test_a_truncated_answer_is_fetched_whole_over_tcp(bench: Bench) -> None:
    everything = [f"www.example.org 300 A 192.0.2.{i}" for i in range(1, 200)]

    def script(asked: Asked) -> Iterable[bytes]:
        whole = asked.transport == "tcp"
        return [answer_bytes(asked.data, *(everything if whole else everything[:3]), tc=not whole)]

    async with FakeUpstream(script) as server:
        pool = bench.pool(server, settings=PATIENT)
        assert len(addresses(await ask(pool))) == 199
        results = await asyncio.gather(*(ask(pool) for _ in range(20)))
        assert all(len(addresses(result)) == 199 for result in results)
        assert len({asked.peer for asked in server.asked if asked.transport == "tcp"}) == 1


async def test_a_connection_that_closes_under_a_question_is_made_again(bench: Bench) -> None:
    async with FakeUpstream() as server:

        def script(asked: Asked) -> Iterable[bytes]:
            if asked.transport == "udp":
                return [answer_bytes(asked.data, tc=True)]
            if len([a for a in server.asked if a.transport == "tcp"]) == 1:
                server.drop_connections()
                return ()
            return good(asked)

        server.script = script
        assert addresses(await ask(bench.pool(server))) == ["192.0.2.1"]


async def test_a_server_that_takes_no_connection_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    broken = asyncio.Event()
    monkeypatch.setattr(stream, "CONNECT_SECONDS", 0.01)
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", never)
    link = stream.StreamLink(Server("192.0.2.1"), 0, None, lambda *_: None, lambda *_: broken.set())
    link.send(b"question")
    await broken.wait()
    assert not link._waiting


async def test_truncated_everywhere_is_no_answer(bench: Bench) -> None:
    async with FakeUpstream(lambda asked: [answer_bytes(asked.data, GOOD, tc=True)]) as server:
        assert isinstance(await ask(bench.pool(server)), Unanswered)
        assert bench.counters.upstream_malformed == 1


async def test_a_server_that_loses_casing_is_asked_over_tcp(bench: Bench) -> None:
    def script(asked: Asked) -> Iterable[bytes]:
        answer = answer_bytes(asked.data, GOOD)
        return [
            answer[:12] + asked.question[:-4].lower() + answer[12 + len(asked.name) :]
            if asked.transport == "udp"
            else answer
        ]

    async with FakeUpstream(script) as server:
        pool = bench.pool(server)
        for _ in range(10):
            assert addresses(await ask(pool)) == ["192.0.2.1"]
        assert bench.counters.upstream_tcp >= 9


@pytest.mark.parametrize("code", [1, 2, 4, 5])
async def test_a_server_that_cannot_help_makes_way_for_the_next(bench: Bench, code: int) -> None:
    async with FakeUpstream(rcode(code)) as first, FakeUpstream(good) as second:
        assert addresses(await ask(bench.pool(first, second))) == ["192.0.2.1"]


async def test_when_none_can_help_the_first_says_so(bench: Bench) -> None:
    async with FakeUpstream(rcode(5)) as first, FakeUpstream(rcode(2)) as second:
        result = await ask(bench.pool(first, second))
        assert isinstance(result, Found)
        assert result.layout.answer.rcode == 5


async def test_no_such_name_is_an_answer(bench: Bench) -> None:
    async with FakeUpstream(rcode(3)) as first, FakeUpstream(good) as second:
        result = await ask(bench.pool(first, second))
        assert isinstance(result, Found)
        assert result.layout.answer.rcode == 3
        assert second.asked == []


async def test_a_malformed_answer_makes_way_for_the_next(bench: Bench) -> None:
    def script(asked: Asked) -> Iterable[bytes]:
        return [answer_bytes(asked.data, EVIL, opt=False)[:-1]]

    async with FakeUpstream(script) as first, FakeUpstream(good) as second:
        assert addresses(await ask(bench.pool(first, second))) == ["192.0.2.1"]
        assert bench.counters.upstream_malformed == 1


async def down(pool: UpstreamPool, server: FakeUpstream) -> None:
    """Ask until ``server`` counts as down."""
    while not states(pool)[f"127.0.0.1:{server.port}"].startswith("down"):
        await ask(pool)


async def test_silence_makes_way_for_the_next_and_is_remembered(bench: Bench) -> None:
    async with FakeUpstream(silence) as first, FakeUpstream(good) as second:
        pool = bench.pool(first, second)
        results = await asyncio.gather(*(ask(pool) for _ in range(5)))
        assert [addresses(result) for result in results] == [["192.0.2.1"]] * 5
        await down(pool, first)
        asked_before = len(first.asked)
        await ask(pool)
        assert len(first.asked) == asked_before


async def test_nobody_calls_a_server_up_before_it_answered(bench: Bench) -> None:
    async with FakeUpstream(good) as first, FakeUpstream(silence) as second:
        pool = bench.pool(first, second)
        names = [f"127.0.0.1:{server.port}" for server in (first, second)]
        assert states(pool) == dict.fromkeys(names, "not asked yet")
        await ask(pool)
        assert states(pool) == dict(zip(names, ("up", "not asked yet"), strict=True))


async def test_a_server_that_went_silent_is_found_again_without_a_client_waiting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dnsguard.dns.upstream.health.FIRST_PAUSE", 0.1)
    async with FakeUpstream(silence) as first, FakeUpstream(good) as second:
        pool = bench.pool(first, second)
        await down(pool, first)
        asked_before, probed_before = len(first.asked), len(first.probed)
        first.script = good
        await first.wait_for_probes(probed_before + 1)
        while states(pool)[f"127.0.0.1:{first.port}"] != "up":  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)
        assert len(first.asked) == asked_before
        await ask(pool)
        assert len(first.asked) == asked_before + 1


async def test_a_port_where_nobody_listens_costs_nothing(bench: Bench) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    async with FakeUpstream(good) as server:
        pool = bench.pool(Server("127.0.0.1", port), server)
        started = asyncio.get_running_loop().time()
        assert addresses(await ask(pool)) == ["192.0.2.1"]
        assert asyncio.get_running_loop().time() - started < FAST.patience[0]


async def test_a_lost_packet_is_sent_again(bench: Bench) -> None:
    async with FakeUpstream() as server:
        server.script = lambda asked: good(asked) if len(server.asked) > 1 else ()
        assert addresses(await ask(bench.pool(server))) == ["192.0.2.1"]


async def test_silence_everywhere_ends_at_the_deadline(bench: Bench) -> None:
    async with FakeUpstream(silence) as server:
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert isinstance(await ask(bench.pool(server)), Unanswered)
        assert FAST.deadline <= loop.time() - started < FAST.deadline + 0.5
        assert len(server.asked) == 1 + len(FAST.patience)


async def test_a_slow_server_is_still_heard_after_the_next_was_asked(bench: Bench) -> None:
    async with FakeUpstream() as slow, FakeUpstream(silence) as silent:

        def script(asked: Asked) -> Iterable[bytes]:
            asyncio.get_running_loop().call_later(0.3, slow.send, answer_bytes(asked.data, GOOD), asked.peer)
            return ()

        slow.script = script
        assert addresses(await ask(bench.pool(slow, silent))) == ["192.0.2.1"]


async def test_changing_the_servers_moves_open_questions(bench: Bench) -> None:
    async with FakeUpstream(silence) as first, FakeUpstream(good) as second:
        pool = bench.pool(first)
        task = asyncio.create_task(ask(pool))
        await first.wait_for_questions(1)
        assert pool.set_servers([Server(second.address, second.port)])
        assert not pool.set_servers([Server(second.address, second.port)] * 2)
        assert addresses(await task) == ["192.0.2.1"]
        assert list(states(pool)) == [f"127.0.0.1:{second.port}"]


async def test_closing_answers_what_is_open(bench: Bench) -> None:
    async with FakeUpstream(silence) as server:
        pool = bench.pool(server)
        task = asyncio.create_task(ask(pool))
        await server.wait_for_questions(1)
        pool.close()
        assert isinstance(await task, Unanswered)


async def test_no_servers_is_refused(bench: Bench) -> None:
    with pytest.raises(ValueError, match="upstream"):
        bench.pool()


async def test_garbage_that_matches_hurts_one_question_only(bench: Bench) -> None:
    rng = random.Random(53)  # the same garbage every time

    def script(asked: Asked) -> Iterable[bytes]:
        if rng.random() < 0.3:
            return good(asked)
        counts = bytes(rng.choice([0, 0, 1, 3]) if i % 2 else 0 for i in range(6))
        header = asked.data[:2] + b"\x81" + rng.randbytes(1) + b"\0\1" + counts
        return [header + asked.question + rng.randbytes(rng.randint(0, 200))]

    async with FakeUpstream(script) as server:
        pool = bench.pool(server)
        results = await asyncio.gather(*(ask(pool, f"n{i}.example.org") for i in range(300)))
        assert {type(result) for result in results} == {Found, Unanswered}
        server.script = good
        assert addresses(await ask(pool)) == ["192.0.2.1"]


async def test_our_own_questions_can_carry_a_mark(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interception tells them from the workloads' by it."""
    marked: list[int] = []

    class Marked(socket.socket):
        def setsockopt(self, level: int, option: int, value: Any, length: Any = None) -> None:
            del length
            super().setsockopt(level, option, value)
            if (level, option) == (socket.SOL_SOCKET, SO_MARK):
                marked.append(self.getsockopt(level, option))

    monkeypatch.setattr("socket.socket", Marked)
    async with FakeUpstream(lambda asked: [answer_bytes(asked.data, GOOD, tc=asked.transport == "udp")]) as server:
        pool = bench.pool(server, settings=UpstreamSettings(deadline=0.6, mark=53, probes=False))
        assert addresses(await ask(pool)) == ["192.0.2.1"]
    assert marked == [53, 53]


@pytest.mark.parametrize("bare", [False, True])
async def test_a_server_from_before_edns_is_asked_without_it(bench: Bench, bare: bool) -> None:
    def script(asked: Asked) -> Iterable[bytes]:
        if not asked.data[11]:
            return good(asked)
        refusal = answer_bytes(asked.data, rcode=1, opt=False)
        return [refusal[:4] + bytes(8) if bare else refusal]

    async with FakeUpstream(script) as server, FakeUpstream(silence) as other:
        assert addresses(await ask(bench.pool(server, other))) == ["192.0.2.1"]
        assert len(server.asked) == 2
        assert bench.counters.upstream_without_edns == 1


async def test_one_that_finds_fault_with_everything_is_not_asked_for_ever(bench: Bench) -> None:
    async with FakeUpstream(lambda asked: [answer_bytes(asked.data, rcode=1, opt=False)]) as server:
        result = await ask(bench.pool(server))
        assert isinstance(result, Found)
        assert result.layout.answer.rcode == 1
        assert len(server.asked) == 2


HEDGING = UpstreamSettings(deadline=20.0, patience=(10.0, 1.0), probes=False)


async def warm(pool: UpstreamPool) -> None:
    """Ask until the pool knows how fast the first server is, and goes by that."""
    while pool._hedge_after >= HEDGING.patience[0]:
        await ask(pool)


async def test_an_answer_that_is_late_for_its_server_is_asked_for_elsewhere_at_once(bench: Bench) -> None:
    async with FakeUpstream(good) as first, FakeUpstream(good) as second:
        pool = bench.pool(first, second, settings=HEDGING)
        await warm(pool)
        assert second.asked == []
        first.script = silence
        assert addresses(await ask(pool)) == ["192.0.2.1"]
        assert (len(second.asked), bench.counters.upstream_hedged) == (1, 1)


async def test_a_server_that_slows_down_is_not_asked_twice_as_much(bench: Bench) -> None:
    async with FakeUpstream(good) as server:
        pool = bench.pool(server, settings=HEDGING)
        await warm(pool)
        asked_before = len(server.asked)

        def script(asked: Asked) -> Iterable[bytes]:
            asyncio.get_running_loop().call_later(0.3, server.send, answer_bytes(asked.data, GOOD), asked.peer)
            return ()

        server.script = script
        await asyncio.gather(*(ask(pool, f"n{i}.example.org") for i in range(200)))
        hedged = len(server.asked) - asked_before - 200
        assert BURST <= hedged <= BURST + (asked_before + 200) * SHARE
        assert bench.counters.upstream_hedged == hedged


async def test_how_fast_servers_answer_is_told(bench: Bench) -> None:
    async with FakeUpstream(good) as server:
        pool = bench.pool(server, settings=HEDGING)
        await warm(pool)
        (said,) = map(described, pool.healths().values())
        assert said.startswith("up, answers within ")
        assert pool.healths()[f"127.0.0.1:{server.port}"].has_answered


async def test_one_that_nobody_asks_is_probed_and_seen_to_vanish_and_to_come_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pause in ("IDLE_PAUSE", "DOUBT_PAUSE", "FIRST_PAUSE"):
        monkeypatch.setattr(f"dnsguard.dns.upstream.health.{pause}", 0.1)
    async with FakeUpstream(good) as server:
        pool = bench.pool(server, settings=UpstreamSettings(deadline=0.3, patience=()))

        async def until(state: str) -> None:
            async with asyncio.timeout(20):
                while not states(pool)[f"127.0.0.1:{server.port}"].startswith(state):  # noqa: ASYNC110 - no event
                    await asyncio.sleep(0.01)

        await until("up")
        for script, state in ((silence, "down: no answer"), (good, "up"), (silence, "down: no answer"), (good, "up")):
            server.script = script
            await until(state)
        assert server.asked == []


def knowing_only_its_own(asked: Asked) -> Iterable[bytes]:
    """As a resolver without a way to the root: what is in its own zones is answered, all else is not."""
    return good(asked) if asked.name == b"\3www\7example\3org\0" else ()


async def test_one_that_knows_its_own_zones_only_is_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("IDLE_PAUSE", "DOUBT_PAUSE", "FIRST_PAUSE"):
        monkeypatch.setattr(f"dnsguard.dns.upstream.health.{pause}", 0.1)
    async with FakeUpstream(knowing_only_its_own) as server:
        pool = bench.pool(server, settings=UpstreamSettings(deadline=0.3, patience=()))
        health = pool.healths()[f"127.0.0.1:{server.port}"]
        async with asyncio.timeout(20):
            while health.down_since is None:  # noqa: ASYNC110 - what is waited for sets no event
                await asyncio.sleep(0.01)
            assert addresses(await ask(pool)) == ["192.0.2.1"]
            assert health.state == "up"
            await server.wait_for_questions(12)
        assert health.state == "up"
        assert {asked.name for asked in server.asked} == {b"\3www\7example\3org\0"}


async def test_a_probe_from_before_an_answer_says_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnsguard.dns.upstream.health.IDLE_PAUSE", 100.0)
    async with FakeUpstream(knowing_only_its_own) as server:
        pool = bench.pool(server, settings=UpstreamSettings(deadline=0.3, patience=()))
        await server.wait_for_probes(1)
        await ask(pool)
        async with asyncio.timeout(20):
            while not bench.counters.upstream_timeouts:  # noqa: ASYNC110 - what is waited for sets no event
                await asyncio.sleep(0.01)
        assert pool.healths()[f"127.0.0.1:{server.port}"].failures_in_all == 0


async def test_one_that_keeps_no_casing_answers_probes_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pause in ("IDLE_PAUSE", "DOUBT_PAUSE"):
        monkeypatch.setattr(f"dnsguard.dns.upstream.health.{pause}", 0.1)

    def lower(asked: Asked) -> Iterable[bytes]:
        end = 12 + len(asked.question)
        return [data[:12] + asked.name + data[end - 4 :] if asked.transport == "udp" else data for data in good(asked)]

    async with FakeUpstream(lower) as server:
        pool = bench.pool(server, settings=UpstreamSettings(deadline=0.3, patience=()))
        await ask(pool)
        health = pool.healths()[f"127.0.0.1:{server.port}"]
        async with asyncio.timeout(20):
            while health.answers < 10:  # noqa: ASYNC110 - what is waited for sets no event
                await asyncio.sleep(0.01)
        assert bench.counters.upstream_timeouts <= 1, "that of the client's question over UDP"
        assert health.state == "up"
