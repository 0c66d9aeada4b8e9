"""The dead-man switch in a kernel: everything passes without signs of life, and nothing does again after the first."""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from dnsguard.calc.compiled import Compiled, Direction
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.naming import ALIVE_SET
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.sets import FAMILY_KEYS
from dnsguard.dataplane.settings import Interception, Settings
from dnsguard.forwarder.beating import Beating
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.nftables import Element
from dnsguard.netlink.probe import readding_updates_timeout
from tests.support.compiled import compiled, policy, policy_class, tier, workload
from tests.support.lan import BRIDGE_PORTS, PLUGGED, address, lan, udp4
from tests.support.road import Road, road

EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS
LONG = 600.0
SETTINGS = Settings(fail_open_after=LONG, interception=Interception(8055))
A, A6, FAR, FAR6, NODE, NODE6 = (
    "10.65.0.2", "2001:db8:65::2", "198.51.100.10", "2001:db8:d::10", "10.65.0.1", "2001:db8:65::1",
)  # fmt: skip
ARRIVED = "arrived"
PATIENCE = 30.0

WAYS = {
    # source, place, address, port: what denies it while somebody is alive
    ("a", "net", FAR, 9): "tier-application-egress-end",
    ("a", "net", FAR6, 9): "tier-application-egress-end",
    ("net", "a", A, 9): "tier-application-ingress-end",
    ("a", "node", NODE, 9): "workload-to-host",
    ("a", "node", NODE6, 9): "workload-to-host",
    ("u", "net", FAR, 9): "unknown-workload-egress",
    ("a", "net", FAR, 53): "no-forwarder",
    ("a", "net", FAR6, 53): "no-forwarder",
}


@pytest.fixture
def way() -> Iterator[Road]:
    with road(SETTINGS) as made:
        made.driver.apply(build_plan(closed_workload(), SETTINGS))
        yield made


def closed_workload() -> Compiled:
    """A workload that policy lets do nothing."""
    nothing = policy("nothing")
    egress, ingress = (policy_class(each, tier("application", nothing)) for each in (EGRESS, INGRESS))
    closed = workload("a", A, A6, interface="cali-a", egress=egress, ingress=ingress)
    return compiled(endpoints=[closed], policies=[nothing])


def outcomes(way: Road) -> dict[tuple[str, str, str, int], str]:
    return {each: way.send(*each) for each in WAYS}


def beating(way: Road, *, renews: bool = False) -> Beating:
    return Beating(way.kernel, lambda: SETTINGS.table, ForwarderCounters(), renews=renews)


def await_(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def left(way: Road) -> dict[bytes, int]:
    """Milliseconds that each family is known to be alive."""
    request = nftables.list_request(nftables.GET_ELEMENT, SETTINGS.table, ALIVE_SET)
    found = way.kernel.dump(request, lambda bodies: list(dumps.elements(bodies)))
    return {element.key: element.expires_ms or 0 for element in found}


def die(way: Road) -> None:
    """As time does it: see `test_time_opens_it`."""
    keys = [Element(key) for key in left(way)]
    way.kernel.transact(nftables.delete_elements(SETTINGS.table, ALIVE_SET, keys))


async def test_closed_while_alive_open_when_dead_closed_by_the_first_sign(way: Road) -> None:
    assert outcomes(way) == WAYS
    assert not way.driver.fails_open()
    die(way)
    assert way.driver.fails_open()
    assert outcomes(way) == dict.fromkeys(WAYS, ARRIVED)
    assert way.driver.counters()["failed-open"].packets > len(WAYS)
    beating(way).follow(LONG)
    assert not way.driver.fails_open()
    others = {each: denied for each, denied in WAYS.items() if each[3] != 53}
    assert {each: way.send(*each[:3], 10) for each in others} == others


async def test_time_opens_it(way: Road) -> None:
    die(way)
    beating(way).follow(0.5)
    assert set(left(way)) <= set(FAMILY_KEYS.values())
    await_(way.driver.fails_open)
    assert way.send("a", "net", FAR, 9) == ARRIVED


@pytest.mark.parametrize("renews", [False, True])
async def test_every_sign_counts_from_its_own_time(way: Road, renews: bool) -> None:
    """Each is the same as the one before: a kernel that leaves an element as it is would open while all is well."""
    if renews and not readding_updates_timeout(way.kernel):
        pytest.skip("this kernel renews nothing that is added again")
    made = beating(way, renews=renews)
    for _ in range(2):
        made.follow(LONG)
        assert (len(left(way)), made.problem) == (2, "")
        await_(lambda: max(left(way).values()) < LONG * 1000 - 100)
        before = left(way)
        made.follow(LONG)
        assert all(left(way)[key] > before[key] for key in FAMILY_KEYS.values())


async def test_a_table_that_was_just_made_is_closed_for_that_long(way: Road) -> None:
    way.driver.uninstall()
    short = Settings(fail_open_after=1.5)
    driver = Driver(way.kernel, build_plan(Compiled(), short))
    driver.open()
    assert way.driver.counters().keys() >= {"failed-open"}
    await_(driver.fails_open)
    assert way.send("u", "net", FAR, 9) == ARRIVED
    again = Driver(way.kernel, build_plan(Compiled(), short))
    again.open()
    assert again.fails_open(), "the controller is no sign of life: without a forwarder names lead nowhere"
    beating(way).follow(LONG)
    assert way.send("u", "net", FAR, 9) == "unknown-workload-egress"


async def test_without_a_table_there_is_no_sign_and_that_is_said(way: Road) -> None:
    way.driver.uninstall()
    made = beating(way)
    made.follow(LONG)
    assert "no sign of life can be given" in made.problem
    assert "No such file or directory" in made.problem
    made.follow(0)
    assert made.problem == ""


def test_changed_policy_and_a_look_for_damage_leave_it_alone(way: Road) -> None:
    before = left(way)
    way.driver.apply(build_plan(Compiled(), SETTINGS))
    assert not way.driver.lost()
    assert left(way).keys() == before.keys()
    assert all(left(way)[key] <= before[key] for key in before)


def test_switched_off_nothing_of_it_is_left(way: Road) -> None:
    die(way)
    way.driver.apply(build_plan(Compiled(), Settings()))
    listing = way.node.run("nft list table inet dnsguard")
    assert "alive" not in listing
    assert "failed-open" not in listing
    assert way.send("u", "net", FAR, 9) == "unknown-workload-egress"


@pytest.mark.parametrize(("mask", "outcome"), [(0, ARRIVED), (0x0FF0_0000, "tier-application-egress-end")])
async def test_what_connected_while_it_was_open_goes_on_unless_connections_end_with_policy(
    way: Road, mask: int, outcome: str
) -> None:
    way.driver.apply(build_plan(closed_workload(), replace(SETTINGS, mark_mask=mask)))
    die(way)
    receiver = way.listen("net", FAR, 9)
    with way.places["a"].entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((A, 4000))
        assert way.pass_on(sender, receiver, (FAR, 9)) == ARRIVED
        receiver.sendto(b"and back", (A, 4000))
        sender.settimeout(PATIENCE)
        assert sender.recv(10) == b"and back"
        beating(way).follow(LONG)
        assert way.pass_on(sender, receiver, (FAR, 9)) == outcome


def test_on_a_bridge_addresses_are_checked_still() -> None:
    """A workload that is known passes, with its own address."""
    settings = Settings(fail_open_after=LONG, bridge_ports=BRIDGE_PORTS)
    nothing = policy("nothing")
    egress = policy_class(EGRESS, tier("application", nothing))
    endpoints = [
        workload(place, address(place), address(place, 6), interface=PLUGGED[place][0], egress=egress) for place in "ab"
    ]
    with lan(settings) as yard:
        yard.calls_hooks(True)
        yard.tables.apply(build_plan(compiled(endpoints=endpoints, policies=[nothing]), settings))
        assert yard.send("a", "lan", address("lan"), 9) == "tier-application-egress-end"
        die(yard)
        assert yard.send("a", "lan", address("lan"), 9) == ARRIVED
        assert yard.send("a", "net", "192.0.2.10", 9) == ARRIVED
        frame = udp4(yard.mac("lan"), yard.mac("b"), address("a"), address("lan"), 9)
        assert yard.throw("b", "lan", frame) == "spoofed-source"
