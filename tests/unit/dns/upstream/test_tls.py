"""Servers that are asked over TLS: the real OpenSSL on both sides, certificates made by openssl."""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from dnsguard.dns.counters import Counters
from dnsguard.dns.upstream import stream
from dnsguard.dns.upstream.exchange import Found, Unanswered
from dnsguard.dns.upstream.health import IDLE_PAUSE
from dnsguard.dns.upstream.pool import UpstreamPool, UpstreamSettings
from dnsguard.dns.upstream.question import Question
from dnsguard.dns.upstream.streams import MAX_CONNECTIONS, SHARED_BY
from dnsguard.servers import Server, Tls, read_server
from tests.support.certificates import Authority, Certificate
from tests.support.fake_upstream import Asked, FakeUpstream
from tests.unit.dns.messages import answer_bytes, query
from tests.unit.dns.upstream.states import states

NAME = "dns.example.org"
OTHER_PIN = f"pin-sha256={'0' * 43}="
TLS = Tls(NAME)
GOOD = "www.example.org 300 A 192.0.2.1"
SETTINGS = UpstreamSettings(deadline=10.0, patience=(5.0,), probes=False)
"""Where the server answers, or it is known at once that it will not."""

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def good(asked: Asked) -> Iterable[bytes]:
    return [answer_bytes(asked.data, GOOD)]


class Keys:
    """Every certificate that the tests need."""

    def __init__(self, home: Path) -> None:
        authority, other = Authority(home / "trusted"), Authority(home / "other")
        self.authorities = authority.file
        self.unknown_authorities = other.file
        self.good = authority.sign(f"DNS:{NAME}", "IP:127.0.0.1", "IP:::1")
        self.other_name = authority.sign("DNS:other.example.org")
        self.expired = authority.sign(f"DNS:{NAME}", expired=True)
        self.unknown = other.sign(f"DNS:{NAME}")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


def serving(certificate: Certificate, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(certificate.file, certificate.key)
    return context


def at(server: FakeUpstream, proof: str = f"#{NAME}") -> Server:
    found = read_server(f"tls://{server.address}:{server.port}{proof}")
    assert isinstance(found, Server)
    return found


class Bench:
    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.pools: list[UpstreamPool] = []
        self.counters = Counters()

    def pool(self, *servers: Server, settings: UpstreamSettings = SETTINGS) -> UpstreamPool:
        settings = replace(settings, authorities=self.keys.authorities)
        self.pools.append(UpstreamPool(servers, settings, self.counters))
        return self.pools[-1]


@pytest.fixture
async def bench(keys: Keys) -> AsyncIterator[Bench]:
    bench = Bench(keys)
    yield bench
    for pool in bench.pools:
        pool.close()
    await asyncio.sleep(0)


async def ask(pool: UpstreamPool, name: str = "www.example.org") -> Found | Unanswered:
    result: asyncio.Future[Found | Unanswered] = asyncio.get_running_loop().create_future()
    pool.ask(Question.of(query(name, "A", edns=1232)), result.set_result)
    return await result


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("proof", [f"#{NAME}", "", "#{pin}", f"#{NAME}#{{pin}}", f"#{OTHER_PIN}#{{pin}}"])
async def test_an_answer_is_found_where_the_server_proves_who_it_is(
    bench: Bench, version: ssl.TLSVersion, proof: str
) -> None:
    certificate = bench.keys.good
    async with FakeUpstream(good, tls=serving(certificate, version)) as server:
        pool = bench.pool(at(server, proof.format(pin=f"pin-sha256={certificate.pin}")))
        assert isinstance(await ask(pool), Found)
        assert list(states(pool).values()) == ["up"]
        assert {asked.transport for asked in server.asked} == {"tls"}


async def test_over_ipv6(bench: Bench) -> None:
    async with FakeUpstream(good, "::1", tls=serving(bench.keys.good)) as server:
        for proof in (f"#{NAME}", ""):
            found = read_server(f"tls://[::1]:{server.port}{proof}")
            assert isinstance(found, Server)
            assert isinstance(await ask(bench.pool(found)), Found)


REFUSED: list[tuple[str, str, str]] = [
    # certificate, proof, what is said
    ("expired", f"#{NAME}", "its certificate is refused: certificate has expired"),
    ("other_name", f"#{NAME}", "its certificate is refused: Hostname mismatch, certificate is not valid for"),
    ("other_name", "", "its certificate is refused: IP address mismatch, certificate is not valid for '127.0.0.1'"),
    ("unknown", f"#{NAME}", "its certificate is refused: unable to get local issuer certificate"),
    ("good", f"#{OTHER_PIN}", "its key is none of those pinned, it has pin-sha256="),
    ("good", f"#{NAME}#{OTHER_PIN}", "its key is none of those pinned, it has pin-sha256="),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("certificate", "proof", "said"), REFUSED)
async def test_who_does_not_is_down_at_once_and_gets_no_question(
    bench: Bench, version: ssl.TLSVersion, certificate: str, proof: str, said: str
) -> None:
    async with FakeUpstream(good, tls=serving(getattr(bench.keys, certificate), version)) as server:
        pool = bench.pool(at(server, proof))
        result = await ask(pool)
        assert isinstance(result, Unanswered)
        assert result.reason.startswith(f"no trusted server answered: {said}")
        assert states(pool)[str(at(server, proof))].startswith(f"down: {said}")
        assert server.asked == server.probed == [], "neither over TLS nor in clear text"


async def test_the_next_server_is_asked_without_waiting(bench: Bench) -> None:
    async with (
        FakeUpstream(good, tls=serving(bench.keys.expired)) as first,
        FakeUpstream(good, tls=serving(bench.keys.good)) as second,
    ):
        pool = bench.pool(at(first), at(second))
        assert isinstance(await ask(pool), Found)
        assert first.asked == []


async def test_one_that_speaks_no_tls_is_told(bench: Bench) -> None:
    async def chat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(chat, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        result = await ask(bench.pool(Server("127.0.0.1", port, TLS)))
    assert isinstance(result, Unanswered)
    assert "no TLS with it: wrong version number" in result.reason


async def test_one_that_never_finishes_its_handshake_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CONNECT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        pool = bench.pool(Server("127.0.0.1", silent.getsockname()[1], TLS))
        result = await ask(pool)
        assert isinstance(result, Unanswered)
        assert result.reason == "no trusted server answered: no connection within 0.1 s"


async def test_a_missing_file_of_authorities_is_said(bench: Bench) -> None:
    async with FakeUpstream(good, tls=serving(bench.keys.good)) as server:
        pool = UpstreamPool([at(server)], replace(SETTINGS, authorities=Path("/nowhere/ca.pem")), bench.counters)
        bench.pools.append(pool)
        result = await ask(pool)
        assert isinstance(result, Unanswered)
        assert "/nowhere/ca.pem cannot be read: No such file or directory" in result.reason


async def test_a_certificate_that_is_renewed_is_taken_without_a_restart(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "FIRST_PAUSE", 0.0)
    async with FakeUpstream(good, tls=serving(bench.keys.expired)) as server:
        pool = bench.pool(at(server))
        assert isinstance(await ask(pool), Unanswered)
        assert server.tls is not None
        server.tls.load_cert_chain(bench.keys.good.file, bench.keys.good.key)
        assert isinstance(await ask(pool), Found)


async def test_other_authorities_are_taken_without_a_restart(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stream, "FIRST_PAUSE", 0.0)
    authorities = tmp_path / "ca.pem"
    authorities.write_bytes(bench.keys.unknown_authorities.read_bytes())
    async with FakeUpstream(good, tls=serving(bench.keys.good)) as server:
        pool = UpstreamPool([at(server)], replace(SETTINGS, authorities=authorities), bench.counters)
        bench.pools.append(pool)
        assert isinstance(await ask(pool), Unanswered)
        authorities.write_bytes(bench.keys.authorities.read_bytes())
        assert isinstance(await ask(pool), Found)


async def test_after_a_connection_that_failed_there_is_a_pause(bench: Bench) -> None:
    async with FakeUpstream(good, tls=serving(bench.keys.expired)) as server:
        pool = bench.pool(at(server), settings=replace(SETTINGS, deadline=0.1, patience=()))
        assert isinstance(await ask(pool), Unanswered)
        assert server.tls is not None
        server.tls.load_cert_chain(bench.keys.good.file, bench.keys.good.key)
        assert isinstance(await ask(pool), Unanswered), "it is too early to try again"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("in_order", [True, False])
async def test_a_connection_that_was_closed_is_made_again_and_its_session_resumed(
    bench: Bench, version: ssl.TLSVersion, in_order: bool
) -> None:
    async with FakeUpstream(good, tls=serving(bench.keys.good, version)) as server:
        pool = bench.pool(at(server))
        for _ in range(3):
            assert isinstance(await ask(pool), Found)
            if in_order:
                server.close_connections()
            else:
                server.drop_connections()
            link = pool._upstreams[0].stream
            await until(lambda link=link: link._connection is None)  # type: ignore[misc] # bound here
        assert server.resumed == 2
        assert bench.counters.upstream_timeouts == 0


async def test_many_questions_share_a_connection_and_more_than_that_share_a_few(bench: Bench) -> None:
    async with FakeUpstream(tls=serving(bench.keys.good)) as server:
        pool = bench.pool(at(server))
        few = [asyncio.create_task(ask(pool, f"h{i}.example.org")) for i in range(SHARED_BY)]
        await server.wait_for_questions(SHARED_BY)
        assert len({asked.peer for asked in server.asked}) == 1
        many = [asyncio.create_task(ask(pool, f"m{i}.example.org")) for i in range(SHARED_BY * MAX_CONNECTIONS)]
        await server.wait_for_questions(SHARED_BY * (MAX_CONNECTIONS + 1))
        assert len({asked.peer for asked in server.asked}) == MAX_CONNECTIONS
        pool.close()
        assert all(isinstance(result, Unanswered) for result in await asyncio.gather(*few, *many))


async def test_answers_out_of_order_find_their_questions(bench: Bench) -> None:
    waiting: list[Asked] = []

    def script(asked: Asked) -> Iterable[bytes]:
        waiting.append(asked)
        if len(waiting) < 10:
            return ()
        return [
            answer_bytes(each.data, f"{each.name[1:3].decode()}.example.org 300 A 192.0.2.{each.name[2:3].decode()}")
            for each in reversed(waiting)
        ]

    async with FakeUpstream(script, tls=serving(bench.keys.good)) as server:
        pool = bench.pool(at(server))
        results = await asyncio.gather(*(ask(pool, f"h{i}.example.org") for i in range(10)))
        for i, result in enumerate(results):
            assert isinstance(result, Found)
            assert [each.address[-1] for each in result.layout.answer.addresses] == [i]


async def test_a_connection_that_went_silent_is_doubted_and_another_asked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address translation on the way forgot it: no packet arrives any more, and none says so."""
    monkeypatch.setattr(stream, "SILENT_SECONDS", 0.05)
    async with FakeUpstream(tls=serving(bench.keys.good)) as server:
        server.script = lambda asked: good(asked) if asked.peer != server.asked[0].peer else ()
        pool = bench.pool(at(server), settings=replace(SETTINGS, patience=(0.1, 0.1)))
        assert isinstance(await ask(pool), Found)
        assert len({asked.peer for asked in server.asked}) == 2


async def test_a_server_that_loses_casing_is_believed(bench: Bench) -> None:
    """Over TLS nobody else can have answered."""

    def script(asked: Asked) -> Iterable[bytes]:
        answer = answer_bytes(asked.data, GOOD)
        return [answer[:12] + asked.question[:-4].lower() + answer[12 + len(asked.name) :]]

    async with FakeUpstream(script, tls=serving(bench.keys.good)) as server:
        assert isinstance(await ask(bench.pool(at(server))), Found)
        assert len(server.asked) == 1


async def test_garbage_over_tls_hurts_one_question_only(bench: Bench) -> None:
    rng = random.Random(53)  # the same garbage every time

    def script(asked: Asked) -> Iterable[bytes]:
        if rng.random() < 0.3:
            return [b"", b"\0", *good(asked)]
        counts = bytes(rng.choice([0, 0, 1, 3]) if i % 2 else 0 for i in range(6))
        header = asked.data[:2] + b"\x81" + rng.randbytes(1) + b"\0\1" + counts
        return [rng.randbytes(rng.randint(0, 40)), header + asked.question + rng.randbytes(rng.randint(0, 200))]

    async with FakeUpstream(script, tls=serving(bench.keys.good)) as server:
        pool = bench.pool(at(server))
        results = await asyncio.gather(*(ask(pool, f"n{i}.example.org") for i in range(300)))
        assert {type(result) for result in results} == {Found, Unanswered}
        server.script = good
        assert isinstance(await ask(pool), Found)


async def test_the_length_of_a_question_tells_nothing(bench: Bench) -> None:
    async with FakeUpstream(good, tls=serving(bench.keys.good)) as server:
        pool = bench.pool(at(server))
        for name in ("a.example.org", "www.example.org", f"{'x' * 60}.example.org"):
            await ask(pool, name)
        assert {len(asked.data) for asked in server.asked} == {128}


async def test_it_is_probed_over_tls_before_anybody_asks(bench: Bench) -> None:
    async with (
        FakeUpstream(good, tls=serving(bench.keys.good)) as first,
        FakeUpstream(good, tls=serving(bench.keys.unknown)) as second,
    ):
        pool = bench.pool(at(first), at(second), settings=replace(SETTINGS, probes=True))
        await until(lambda: [state.split(":")[0] for state in states(pool).values()] == ["up", "down"])
        assert [asked.transport for asked in first.probed] == ["tls"]
        assert second.probed == []
        assert stream.IDLE_TLS_SECONDS > IDLE_PAUSE, "so its connection stays"
