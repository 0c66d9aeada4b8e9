"""A cache on the node between workloads and us: what anybody looks up through it is open to all who may go there.

Their answers are kept by somebody who does not ask us again until the TTL is over: it never outlives the lease.
"""

import contextlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.clients.caches import CACHES, running
from tests.support.clients.catalogue import PROGRAMS, Workshop
from tests.support.clients.place import Place
from tests.support.lab import topology
from tests.support.lab.lab import Lab
from tests.support.lab.process import run
from tests.support.lab.topology import Record, Workload
from tests.system import realclients as world
from tests.system.realclients import place, resolv_conf

pytestmark = [pytest.mark.xdist_group("node caches"), pytest.mark.timeout(300)]

CASES = [(cache, where) for cache in CACHES for where in ("on the node", "a shared resolver")]


def pod(number: int) -> Workload:
    return Workload(f"cache{number}", "shop", (f"10.244.8.{number}",), {"app": "cache"})


PODS = {number: pod(number) for number, (_, where) in enumerate(CASES) if where != "on the node"}
ON_NODE = {number: f"10.96.0.{60 + number}" for number in range(len(CASES)) if number not in PODS}
ARGUMENTS = [
    *("--endpoint-to-host-action", "Accept"),
    *("--shared-resolvers", ",".join(each.address() for each in PODS.values())),
]


def own(number: int, ttl: int) -> Record:
    """A name that only one cache is asked for."""
    return Record(f"for-{ttl}-seconds-{number}.open.example", "A", f"203.0.113.{number * 10 + len(str(ttl))}", ttl)


SHORT, LONG = 3, 400_000
TTLS = [SHORT, 300, LONG]
"""Seconds, minutes, and days, which no lease lasts."""


@dataclass(frozen=True, slots=True)
class Here:
    lab: Lab
    number: int
    server: str
    """The cache's address."""

    open: Place
    idle: Place


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    records = [own(number, ttl) for number in range(len(CASES)) for ttl in TTLS]
    with contextlib.ExitStack() as stack:
        lab, guard = stack.enter_context(world.running(ARGUMENTS, list(PODS.values()), records))
        guard.apply([world.policy("cache", *world.ASK)])
        for number, (name, _) in enumerate(CASES):
            if CACHES[name].find() is None:
                continue
            if number in ON_NODE:
                run(topology.NODE, f"ip address add {ON_NODE[number]}/32 dev lo")
                namespace, address = topology.NODE, ON_NODE[number]
            else:
                namespace, address = PODS[number].name, PODS[number].address()
            stack.enter_context(running(lab, CACHES[name], namespace, address, topology.LISTEN_ADDRESSES[0]))
        yield lab


@pytest.fixture(scope="module")
def places(lab: Lab) -> dict[str, Place]:
    return {each.name: place(lab, each) for each in (world.OPEN, world.IDLE)}


@pytest.fixture(params=range(len(CASES)), ids=lambda number: "-".join(CASES[number]))
def here(request: pytest.FixtureRequest, lab: Lab, places: dict[str, Place]) -> Here:
    number = request.param
    name, _ = CASES[number]
    if CACHES[name].find() is None:
        pytest.skip(f"not on this machine: {name} (Debian package {CACHES[name].package}); see deploy/setup --clients")
    server = ON_NODE[number] if number in ON_NODE else PODS[number].address()
    return Here(lab, number, server, places["open"], places["idle"])


def cached(here: Here, name: str) -> int:
    """The TTL that the cache gives out."""
    text = here.open.execute(
        ["dig", "+noall", "+answer", "+tries=1", f"@{here.server}", name], resolv_conf(here.server)
    )
    found = re.search(r"\s(\d+)\s+IN\s+A\s", text)
    assert found, text
    return int(found[1])


def left(address: str) -> dict[str, int]:
    """Client → seconds for which the kernel keeps the address open to it."""
    found: dict[str, int] = {}
    for entry in json.loads(run(topology.NODE, "nft -j list table inet dnsguard"))["nftables"]:
        for element in entry.get("set", {}).get("elem", []):
            lease = element.get("elem", {}) if isinstance(element, dict) else {}
            if "expires" in lease and isinstance(lease["val"], dict):  # others are no pairs
                client, opened = lease["val"]["concat"]
                if opened == address:
                    found[client] = lease["expires"]
    return found


def connect(here: Here, workload: Workload, address: str, wait: float = 5.0) -> str:
    tried = here.lab.agent(workload.name).call("connect", transport="tcp", address=address, port=443, wait=wait)
    return str(tried["outcome"])


@pytest.mark.parametrize("options", ["", *(pytest.param(each, marks=pytest.mark.soak) for each in ("edns0", "use-vc"))])
def test_what_is_resolved_through_it_is_reached_at_once(here: Here, options: str) -> None:
    """By who asked first, and by who is told from the cache."""
    program = Workshop(here.lab.directory).command(PROGRAMS["python"])
    for where in (here.open, here.idle):
        said = where.ask(program, [world.PLAIN, world.ALIAS, world.MIXED], resolv_conf(here.server, options))
        for name, expected in (
            (world.PLAIN, world.PLAIN_ADDRESSES),
            (world.ALIAS, world.ALIAS_ADDRESSES),
            (world.MIXED, world.PLAIN_ADDRESSES),
        ):
            assert said.went(name) == dict.fromkeys(world.addresses(expected, 0), "answered"), said
        assert said.sent_again == 0
        assert {each for each, count in said.asked.items() if count} == {"tcp4" if options == "use-vc" else "udp4"}


def test_every_one_of_many_addresses_is_reached_through_it(here: Here) -> None:
    program = Workshop(here.lab.directory).command(PROGRAMS["python"])
    for family in (4, 6):
        said = here.open.ask(program, [world.MANY], resolv_conf(here.server), family=family)
        assert said.went(world.MANY) == dict.fromkeys(world.addresses(world.MANY_ADDRESSES, family), "answered")
        assert said.sent_again == 0


def test_a_lease_is_everybodys_whom_policy_lets_go_there(here: Here) -> None:
    name, address = topology.bulk_name(700 + here.number), topology.bulk_address(700 + here.number)
    assert connect(here, world.IDLE, address, 0.3) == "timeout"
    assert cached(here, name) > 0
    assert set(left(address)) == {workload.address() for workload in (world.OPEN, world.STRICT, world.IDLE)}
    assert connect(here, world.IDLE, address) == "answered"


def test_what_no_policy_allows_stays_closed(here: Here) -> None:
    assert cached(here, world.SHUT) > 0
    (address,) = world.SHUT_ADDRESSES[4]
    assert left(address) == {}
    assert connect(here, world.OPEN, address, 0.3) == "timeout"


@pytest.mark.parametrize("ttl", [pytest.param(each, marks=() if each == LONG else pytest.mark.soak) for each in TTLS])
def test_no_ttl_outlives_the_lease(here: Here, ttl: int) -> None:
    record = own(here.number, ttl)
    given = cached(here, record.owner)
    remaining = left(record.value)
    assert len(remaining) == 3
    assert min(remaining.values()) > given > 0, remaining


def test_the_last_answer_from_the_cache_still_opens(here: Here) -> None:
    """Just before it would ask us again."""
    record = own(here.number, SHORT)
    deadline = time.monotonic() + 20
    while cached(here, record.owner) > 1:
        assert time.monotonic() < deadline
    assert connect(here, world.IDLE, record.value) == "answered"
