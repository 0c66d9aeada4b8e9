"""Real packets: who talks to an address may open further connections to it when the lease would have ended."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from dnsguard.calc.compiled import Action, CompiledRule, Direction, EntityMatch
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Settings
from dnsguard.domains import DomainPattern
from dnsguard.forwarder.committer import Committer
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.flows import FlowKeeper
from dnsguard.leases import Feed, LeaseBook, Terms
from dnsguard.netlink.flowlist import FlowList
from tests.support.compiled import compiled, lease_set, policy, policy_class, ports, tier, workload
from tests.support.road import PATIENCE_SECONDS, Road, road
from tests.unit.leases.naive import answer, client

UDP, PORT, ARRIVED = 17, 443, "arrived"
SETTINGS = Settings(workload_cidrs=(ip_network("10.65.0.0/16"), ip_network("2001:db8:65::/64")))
CLIENT = {4: "10.65.0.2", 6: "2001:db8:65::2"}
USED = {4: "192.0.2.10", 6: "2001:db8:c::10"}
UNUSED = {4: "198.51.100.10", 6: "2001:db8:d::10"}
SHORT = Terms(floor=3, grace=0, slack=0)


@pytest.fixture
def way() -> Iterator[Road]:
    """A workload that may go where ``www.example.org`` leads it."""
    allow = CompiledRule(0, Action.ALLOW, protocol=UDP, destination=EntityMatch(leases="s:web", ports=ports(PORT)))
    web = policy("application.web", [allow])
    egress = policy_class(Direction.EGRESS, tier("application", web))
    wanted = compiled(
        endpoints=[workload("a", CLIENT[4], CLIENT[6], interface="cali-a", egress=egress)],
        policies=[web],
        leases=[lease_set("s:web", "www.example.org")],
    )
    with road(SETTINGS) as made:
        made.driver.apply(build_plan(wanted, SETTINGS))
        yield made


def talk(way: Road, version: int) -> socket.socket:
    """The client's end of a flow that was answered."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    server = way.listen("net", USED[version], PORT)
    with way.places["a"].entered():
        asking = socket.socket(family, socket.SOCK_DGRAM)
    asking.connect((USED[version], PORT))
    asking.send(b"?")
    server.settimeout(PATIENCE_SECONDS)
    server.sendto(b"!", server.recvfrom(1)[1])
    server.setblocking(False)
    asking.settimeout(PATIENCE_SECONDS)
    assert asking.recv(1) == b"!"
    return asking


@pytest.mark.parametrize("version", [4, 6])
async def test_under_a_flow_the_address_stays_open_and_only_that(way: Road, version: int) -> None:
    book, counters = LeaseBook(SHORT), ForwarderCounters()
    committer = Committer(book, way.kernel, counters, deadline=5.0)
    committer.table = "dnsguard"
    loop = asyncio.get_running_loop()
    web = Feed("web", "d4-web", "d6-web", frozenset({DomainPattern.parse("www.example.org")}))
    book.replace_policy([web], [client("ns/a", f"{CLIENT[4]} {CLIENT[6]}", "web")], loop.time())
    kind = "A" if version == 4 else "AAAA"
    learned = answer(f"www.example.org {kind} {USED[version]} 0", f"www.example.org {kind} {UNUSED[version]} 0")
    with way.node.entered(), contextlib.closing(FlowList()) as flows:
        keeper = FlowKeeper(book, committer, flows, counters)
        assert not await committer.write(book.learn("ns/a", learned, loop.time()).changes)
        with talk(way, version):
            assert way.send("a", "net", UNUSED[version], PORT) == ARRIVED
            give_up = loop.time() + 4 * PATIENCE_SECONDS
            while way.send("a", "net", UNUSED[version], PORT) == ARRIVED:
                await keeper.look()
                assert loop.time() < give_up
            assert way.send("a", "net", USED[version], PORT) == ARRIVED, "a new connection"
    assert counters.leases_prolonged >= 1
