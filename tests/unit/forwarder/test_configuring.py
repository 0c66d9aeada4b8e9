import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from dnsguard.dns.client import Client
from dnsguard.dns.counters import Counters
from dnsguard.dns.relay import Relay, RelaySettings
from dnsguard.dns.upstream.pool import UpstreamPool, UpstreamSettings
from dnsguard.forwarder.clients import Clients
from dnsguard.forwarder.committer import Committer
from dnsguard.forwarder.complaints import Complaints
from dnsguard.forwarder.configuring import SAVE_SECONDS, SHORTEST_HOLD_SECONDS, Configuring
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.leasing import Leasing
from dnsguard.forwarder.trusted import TrustedServers
from dnsguard.leases import LeaseBook, Terms
from dnsguard.link.messages import DnsConfiguration
from dnsguard.servers import Server
from dnsguard.settings import Settings
from tests.support.fake_upstream import Asked, FakeUpstream, silence
from tests.unit.dns.messages import answer_bytes, query_bytes
from tests.unit.forwarder.test_committer import Kernel
from tests.unit.leases.naive import answer, client, feed, packed

CLIENT = Client(packed("10.0.0.1"), packed("10.0.0.53"), "udp")
GOOD = "www.example.org 300 A 192.0.2.1"


def good(asked: Asked) -> Iterable[bytes]:
    return [answer_bytes(asked.data, GOOD)]


def setting(**values: Any) -> Settings:
    paths = {"state_dir": "state", "run_dir": "run", "node_name": "here", "listen": ["10.0.0.53"]}
    made = Settings.model_validate({**paths, "upstreams": ["192.0.2.99"], **values})
    if "upstreams" not in values:
        made.model_fields_set.discard("upstreams")
    return made


class Bench:
    """What a forwarder is made of, without its sockets."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        counters = ForwarderCounters()
        self.book = LeaseBook(Terms(extra=settings.dns_extra_ttl))
        self.book.replace_policy([feed("a", "*.example.org")], [client("ns/a", "10.0.0.1", "a")], 0)
        self.kernel = Kernel()
        self.committer = Committer(self.book, self.kernel, counters, deadline=settings.commit_deadline)
        clients = Clients([], [], [])
        complaints = Complaints(logging.getLogger("test"))
        self.leasing = Leasing(self.book, self.committer, clients, counters, complaints, node_wide=False)
        trusted = TrustedServers(settings, clients, directory / "trusted")
        self.made = Configuring(settings, self.book, self.committer, self.leasing, trusted)
        self.dns_counters = Counters()
        self.settings = settings

    def connect(self, *servers: FakeUpstream) -> Relay:
        """Put the relay and its upstreams in place."""
        to = [Server("127.0.0.1", server.port) for server in servers]
        self.made.pool = UpstreamPool(
            to, UpstreamSettings(deadline=20.0, patience=(10.0,), probes=False), self.dns_counters
        )
        self.made.relay = Relay(
            self.made.pool.ask, lambda *_: None, self.leasing, RelaySettings(commit_deadline=0.25), self.dns_counters
        )
        return self.made.relay

    def close(self) -> None:
        if self.made.pool is not None and self.made.relay is not None:
            self.made.pool.close()
            self.made.relay.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(setting(), tmp_path)
    yield made
    made.close()
    await asyncio.sleep(0)


async def asked(relay: Relay) -> asyncio.Future[bytes]:
    reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    relay.handle(query_bytes(), CLIENT, lambda out: reply.set_result(bytes(out)))
    return reply


async def test_what_is_said_is_in_force_and_what_is_said_no_more_is_not(bench: Bench) -> None:
    said = DnsConfiguration(extra_ttl=10.0, no_delay=True, hold=0.1, save_interval=5.0)
    bench.made.take(said)
    assert (bench.book.terms.extra, bench.leasing.no_delay) == (10.0, True)
    assert (bench.committer.deadline, bench.made.save_seconds) == (0.1, 5.0)
    bench.made.take(DnsConfiguration())
    assert (bench.book.terms.extra, bench.leasing.no_delay) == (0.0, False)
    assert (bench.committer.deadline, bench.made.save_seconds) == (0.25, SAVE_SECONDS)


async def test_settings_that_were_given_come_first(tmp_path: Path) -> None:
    made = Bench(setting(dns_extra_ttl=3, commit_deadline="200ms"), tmp_path)
    made.made.take(DnsConfiguration(extra_ttl=10.0, hold=0.1))
    assert (made.book.terms.extra, made.committer.deadline) == (3.0, 0.2)


@pytest.mark.parametrize(("hold", "deadline"), [(3.0, 0.25), (0.1, 0.1), (0.000001, SHORTEST_HOLD_SECONDS)])
async def test_a_hold_is_never_longer_than_ours_and_never_nothing(bench: Bench, hold: float, deadline: float) -> None:
    bench.made.take(DnsConfiguration(hold=hold))
    assert bench.committer.deadline == deadline


async def test_a_new_epoch_discards_once(bench: Bench) -> None:
    now = asyncio.get_running_loop().time()
    await bench.committer.write(bench.book.learn("ns/a", answer("www.example.org A 192.0.2.1 300"), now).changes)
    assert bench.book.held.count == 1
    gone = bench.made.take(DnsConfiguration(cache_epoch=7))
    assert [place.address for place in gone.remove] == [packed("192.0.2.1")]
    assert (bench.book.epoch, bench.book.library.edges, bench.made.save_now.is_set()) == (7, 0, True)
    await bench.committer.write(bench.book.learn("ns/a", answer("www.example.org A 192.0.2.1 300"), now).changes)
    assert bench.made.take(DnsConfiguration(cache_epoch=7)).is_empty
    assert bench.book.held.count == 1
    assert bench.made.take(DnsConfiguration()).remove


async def test_answers_of_another_epoch_are_asked_for_again(bench: Bench) -> None:
    async with FakeUpstream(good) as server:
        relay = bench.connect(server)
        await (await asked(relay))
        await (await asked(relay))
        assert len(server.asked) == 1
        await bench.committer.write(bench.made.take(DnsConfiguration(cache_epoch=1)))
        await (await asked(relay))
        assert len(server.asked) == 2


async def test_a_question_on_its_way_to_a_server_that_is_trusted_no_more_is_put_to_the_new_one(bench: Bench) -> None:
    async with FakeUpstream(silence) as old, FakeUpstream(good) as new:
        relay = bench.connect(old)
        reply = await asked(relay)
        await old.wait_for_questions(1)
        bench.made.take(DnsConfiguration(trusted_servers=(f"127.0.0.1:{new.port}",)))
        assert b"\xc0\x00\x02\x01" in await reply
        assert len(old.asked) == 1


async def test_a_list_that_cannot_be_used_leaves_the_servers(bench: Bench) -> None:
    async with FakeUpstream(good) as server:
        relay = bench.connect(server)
        bench.made.take(DnsConfiguration(trusted_servers=(f"127.0.0.1:{server.port}",)))
        bench.made.take(DnsConfiguration(trusted_servers=("10.0.0.53",)))
        assert "dnsguard itself" in bench.made.problems[0]
        await (await asked(relay))
        assert len(server.asked) == 1
