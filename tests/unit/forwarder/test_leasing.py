import asyncio
import errno
import logging
from ipaddress import ip_network
from typing import Any, cast

import pytest

from dnsguard.dns.client import Client
from dnsguard.dns.eligible import Eligible
from dnsguard.dns.hooks import LeaseOutcome
from dnsguard.forwarder.clients import Clients
from dnsguard.forwarder.committer import Committer
from dnsguard.forwarder.complaints import Complaints
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.leasing import Leasing
from dnsguard.forwarder.withheld import Withheld
from dnsguard.leases import OUTSIDERS, LeaseBook, Limits
from tests.unit.forwarder.test_committer import Kernel
from tests.unit.leases.naive import answer, client, feed, packed

WORKLOAD, OUTSIDER = packed("10.0.0.1"), packed("172.16.0.9")


class Bench:
    def __init__(self, *, node_wide: bool = False, limits: Limits | None = None) -> None:
        eligible = Eligible(set, None)
        self.withheld = Withheld(eligible)
        self.kernel, self.counters = Kernel(), ForwarderCounters()
        self.book = LeaseBook(limits=limits, eligible=eligible)
        self.book.replace_policy(
            [feed("a", "*.example.org")], [client("ns/a", "10.0.0.1", "a"), client(OUTSIDERS, "", "a")], 0
        )
        committer = Committer(self.book, self.kernel, self.counters, deadline=0.25)
        clients = Clients([], [], [ip_network("172.16.0.0/12")])
        complaints = Complaints(logging.getLogger("test"))
        self.leasing = Leasing(
            self.book, committer, clients, self.counters, complaints, node_wide=node_wide, withheld=self.withheld
        )
        self.outcomes: list[LeaseOutcome] = []

    def ask(self, address: bytes, *records: str) -> None:
        asking = Client(address, packed("10.0.0.53"), "udp")
        self.leasing(asking, cast("Any", answer(*records)), 0.0, self.outcomes.append)

    def held(self, address: bytes) -> list[bytes]:
        return sorted(self.book.held.of("a-4", address))


async def test_an_answer_waits_for_its_commit() -> None:
    bench = Bench()
    bench.ask(WORKLOAD, "www.example.org A 192.0.2.1 300")
    assert bench.outcomes == []
    await asyncio.sleep(0)
    assert [outcome.ok for outcome in bench.outcomes] == [True]


async def test_without_delay_the_answer_goes_out_and_the_commit_follows() -> None:
    bench = Bench()
    bench.leasing.no_delay = True
    bench.ask(WORKLOAD, "www.example.org A 192.0.2.1 300")
    assert [outcome.ok for outcome in bench.outcomes] == [True]
    assert bench.held(WORKLOAD) == []
    await asyncio.sleep(0)
    assert bench.held(WORKLOAD) == [packed("192.0.2.1")]
    assert (bench.counters.leases_after, bench.counters.leases_after_failed) == (1, 0)


async def test_without_delay_a_commit_that_fails_is_counted() -> None:
    bench = Bench()
    bench.leasing.no_delay = True
    bench.kernel.refused = {"a-4": errno.ENOMEM}
    bench.ask(WORKLOAD, "www.example.org A 192.0.2.1 300")
    await asyncio.sleep(0)
    assert [outcome.ok for outcome in bench.outcomes] == [True]
    assert bench.counters.leases_after_failed == 1


@pytest.mark.parametrize(("no_delay", "outcome"), [(False, (False, None)), (True, (True, 0))])
async def test_at_a_limit_an_answer_is_held_back_or_is_not_to_be_kept(
    no_delay: bool, outcome: tuple[bool, int | None]
) -> None:
    bench = Bench(limits=Limits(edges=0))
    bench.leasing.no_delay = no_delay
    bench.ask(WORKLOAD, "www.example.org A 192.0.2.1 300")
    assert [(each.ok, each.max_ttl) for each in bench.outcomes] == [outcome]


@pytest.mark.parametrize(
    ("limits", "counted"),
    [
        (Limits(edges_per_scope=0), "leases_refused_client_full"),
        (Limits(addresses_per_name=0), "leases_refused_name_full"),
        (Limits(edges=0), "leases_refused_all_full"),
        (Limits(elements=0), "leases_refused_all_full"),
        (Limits(unknown_clients=0), "leases_refused_all_full"),
    ],
)
async def test_every_limit_holds_the_answer_back_and_is_counted(limits: Limits, counted: str) -> None:
    bench = Bench(limits=limits)
    bench.ask(OUTSIDER, "www.example.org A 192.0.2.1 300")
    bench.ask(OUTSIDER, "www.example.net A 192.0.2.1 300")
    await asyncio.sleep(0)
    assert [outcome.ok for outcome in bench.outcomes] == [False, True], "what no policy asks for is released"
    found = {name: count for name, count in bench.counters.as_dict().items() if name.startswith("leases_refused")}
    assert {name for name, count in found.items() if count} == {"leases_refused", counted}


@pytest.mark.parametrize("node_wide", [False, True])
async def test_a_client_that_is_no_endpoint_has_what_it_looked_up_itself(node_wide: bool) -> None:
    bench = Bench(node_wide=node_wide)
    bench.ask(OUTSIDER, "www.example.org A 192.0.2.1 300")
    await asyncio.sleep(0)
    assert bench.held(OUTSIDER) == [packed("192.0.2.1")]
    assert bench.held(WORKLOAD) == ([packed("192.0.2.1")] if node_wide else [])
    bench.ask(OUTSIDER, "www.example.net A 192.0.2.2 300")
    await asyncio.sleep(0)
    assert bench.held(OUTSIDER) == [packed("192.0.2.1")]


async def test_what_no_name_may_open_is_counted_and_kept_for_whoever_wonders() -> None:
    bench = Bench()
    bench.ask(WORKLOAD, "www.example.org A 192.0.2.1 300", "www.example.org A 169.254.169.254 300")
    await asyncio.sleep(0)
    bench.ask(WORKLOAD, "www.example.org A 192.0.2.1 300")
    assert bench.held(WORKLOAD) == [packed("192.0.2.1")]
    assert bench.counters.withheld == 1
    now = asyncio.get_running_loop().time()
    assert [each.address for each in bench.withheld.of([bench.leasing.scope(WORKLOAD)], now)] == ["169.254.169.254"]
    bench.ask(WORKLOAD, "www.example.org A 192.0.2.1 300", "www.example.org A 169.254.169.254 300")
    assert bench.counters.withheld == 2, "also where the rest is leased already"
