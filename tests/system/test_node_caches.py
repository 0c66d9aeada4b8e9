"""A cache on the node between workloads and us: what anybody looks up through it is open to all who may go there.

Their answers are kept by somebody who does not ask us again until the TTL is over: it never outlives the lease.
"""

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
from tests.support.lab.guard import Guard
from tests.support.lab.lab import Lab
from tests.support.lab.process import run
from tests.support.lab.topology import Workload
from tests.system import realclients as world
from tests.system.realclients import place, resolv_conf

pytestmark = [pytest.mark.xdist_group("node caches"), pytest.mark.timeout(180)]

ON_NODE = "10.96.0.53"
POD = Workload("cache", "shop", ("10.244.8.53",), {"app": "cache"})
ARGUMENTS = ["--endpoint-to-host-action", "Accept", "--shared-resolvers", POD.address()]
PLACES = {
    # where the cache is: namespace, address
    "on the node": (topology.NODE, ON_NODE),
    "a shared resolver": (POD.name, POD.address()),
}
CASES = [(cache, where) for cache in CACHES for where in PLACES]


@dataclass(frozen=True, slots=True)
class Here:
    lab: Lab
    guard: Guard
    server: str
    """The cache's address."""

    open: Place
    idle: Place


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(case))
def here(request: pytest.FixtureRequest) -> Iterator[Here]:
    name, where = request.param
    cache = CACHES[name]
    if cache.find() is None:
        pytest.skip(f"not on this machine: {name} (Debian package {cache.package}); deploy/setup --clients brings it")
    namespace, address = PLACES[where]
    with world.running(ARGUMENTS, [POD]) as (lab, guard):
        guard.apply([world.policy("cache", *world.ASK)])
        run(topology.NODE, f"ip address add {ON_NODE}/32 dev lo")
        with running(lab, cache, namespace, address, topology.LISTEN_ADDRESSES[0]):
            yield Here(lab, guard, address, place(lab, world.OPEN), place(lab, world.IDLE))


def cached(here: Here, name: str) -> int:
    """The TTL that the cache gives out."""
    text = here.open.execute(["dig", "+noall", "+answer", "+tries=1", f"@{here.server}", name], resolv_conf(here.server))
    found = re.search(r"\s(\d+)\s+IN\s+A\s", text)
    assert found, text
    return int(found[1])


def left(address: str) -> dict[str, int]:
    """Client → seconds for which the kernel keeps the address open to it."""
    found: dict[str, int] = {}
    for entry in json.loads(run(topology.NODE, "nft -j list table inet dnsguard"))["nftables"]:
        for element in entry.get("set", {}).get("elem", []):
            lease = element.get("elem", {}) if isinstance(element, dict) else {}
            if "expires" in lease:
                client, opened = lease["val"]["concat"]
                if opened == address:
                    found[client] = lease["expires"]
    return found


def connect(here: Here, workload: Workload, address: str, wait: float = 5.0) -> str:
    tried = here.lab.agent(workload.name).call("connect", transport="tcp", address=address, port=443, wait=wait)
    return str(tried["outcome"])


@pytest.mark.parametrize("options", ["", "edns0", "use-vc"])
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
    name, address = topology.bulk_name(700), topology.bulk_address(700)
    assert connect(here, world.IDLE, address, 0.3) == "timeout"
    assert cached(here, name) > 0
    assert set(left(address)) == {workload.address() for workload in (world.OPEN, world.STRICT, world.IDLE)}
    assert connect(here, world.IDLE, address) == "answered"


def test_what_no_policy_allows_stays_closed(here: Here) -> None:
    assert cached(here, world.SHUT) > 0
    (address,) = world.SHUT_ADDRESSES[4]
    assert left(address) == {}
    assert connect(here, world.OPEN, address, 0.3) == "timeout"


@pytest.mark.parametrize(
    ("name", "address"),
    [(world.PLAIN, "198.51.100.7"), ("brief.open.example", "198.51.100.9"), ("long.open.example", "198.51.100.10")],
)
def test_no_ttl_outlives_the_lease(here: Here, name: str, address: str) -> None:
    """Of a few seconds, of minutes, and of days, which no lease lasts."""
    ttl = cached(here, name)
    remaining = left(address)
    assert len(remaining) == 3
    assert min(remaining.values()) > ttl, (ttl, remaining)


def test_the_last_answer_from_the_cache_still_opens(here: Here) -> None:
    """Just before it would ask us again."""
    address = "198.51.100.9"
    deadline = time.monotonic() + 20
    while cached(here, "brief.open.example") > 1:
        assert time.monotonic() < deadline
    assert connect(here, world.IDLE, address) == "answered"
