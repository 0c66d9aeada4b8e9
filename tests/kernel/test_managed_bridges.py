"""Bridges whose every port is a workload's: closed from a port's first frame until an endpoint names it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from dnsguard.calc.compiled import Compiled, Direction
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Listen, Settings
from dnsguard.dataplane.tables import Tables
from dnsguard.netlink.bridges import machine_bridges
from dnsguard.netlink.nftables import BRIDGE
from dnsguard.netlink.probe import sees_bridges
from dnsguard.netlink.socket import FamilySocket
from tests.support.compiled import compiled, policy_class, workload
from tests.support.lan import BRIDGE_NAME, BRIDGE_PORTS, PLUGGED, Lan, address, arp, lan, udp4
from tests.support.netns import link, namespace

NODE, NET, A, B, U = "10.66.0.1", "192.0.2.10", address("a"), address("b"), address("u")
SETTINGS = Settings(
    workload_bridges=(BRIDGE_NAME, "later"), bridge_ports=BRIDGE_PORTS, listen=(Listen(ip_address(NODE)),)
)
UNHEARD = replace(SETTINGS, bridge_ports=tuple(each for each in BRIDGE_PORTS if each[0] in ("veth-a", "veth-b")))
"""Of the ports of ``u`` and ``lan`` nobody has heard."""

ARRIVED = "arrived"
CLOSED_OUT = "unknown-workload-egress"


def policies() -> Compiled:
    """``a`` and ``b`` may anything."""
    everything = policy_class(Direction.EGRESS)
    return compiled(
        endpoints=[
            workload(place, address(place), address(place, 6), interface=PLUGGED[place][0], egress=everything)
            for place in ("a", "b")
        ]
    )


@pytest.fixture(scope="module")
def made() -> Iterator[Lan]:
    with lan(SETTINGS) as yard:
        yield yard


@pytest.fixture
def yard(made: Lan) -> Lan:
    made.calls_hooks(True)
    made.tables.apply(build_plan(policies(), SETTINGS))
    return made


@pytest.fixture
def names_seen(made: Lan) -> None:
    with made.node.entered(), FamilySocket(BRIDGE) as kernel:
        if not sees_bridges(kernel):
            pytest.skip("skipped: this kernel does not tell which bridge a port is of (CONFIG_NFT_BRIDGE_META)")


def test_a_port_that_an_endpoint_names_is_open_as_far_as_policy_says(yard: Lan) -> None:
    assert yard.send("a", "b", B, 9) == ARRIVED
    assert yard.send("a", "net", NET, 9) == ARRIVED
    assert yard.send("node", "a", A, 9) == ARRIVED


def closed(yard: Lan, source: str) -> None:
    """``source`` reaches nobody on the bridge or beyond, nor the node, and none but the node reaches it."""
    own, there = yard.mac(source), address(source)
    for target in "a", "lan" if source == "u" else "u":
        assert yard.throw(source, target, arp(own, there, address(target))) != ARRIVED
        assert yard.throw(source, target, udp4(yard.mac(target), own, there, address(target))) != ARRIVED
        assert yard.throw(target, source, udp4(own, yard.mac(target), address(target), there)) != ARRIVED
    assert yard.throw(source, "node", udp4(yard.mac("node"), own, there, NODE, 53)) != ARRIVED
    yard.node.run(f"ip neigh replace {there} lladdr {own.hex(':')} dev {BRIDGE_NAME}")
    yard.places[source].run(f"ip neigh replace {NODE} lladdr {yard.mac('node').hex(':')} dev eth0")
    assert yard.send(source, "net", NET, 9) != ARRIVED
    assert yard.send("node", source, there, 9) == ARRIVED, "the node reaches all of its workloads"


@pytest.mark.parametrize("hooks", [True, False], ids=["br_netfilter", "no br_netfilter"])
@pytest.mark.parametrize("source", ["u", "lan"])
def test_any_other_port_is_closed(yard: Lan, source: str, hooks: bool) -> None:
    yard.calls_hooks(hooks)
    closed(yard, source)


@pytest.mark.usefixtures("names_seen")
@pytest.mark.parametrize("hooks", [True, False], ids=["br_netfilter", "no br_netfilter"])
def test_so_is_one_that_nobody_has_heard_of(yard: Lan, hooks: bool) -> None:
    yard.tables.apply(build_plan(policies(), UNHEARD))
    yard.calls_hooks(hooks)
    for source in "u", "lan":
        closed(yard, source)
    assert yard.send("a", "b", B, 9) == (ARRIVED if hooks else "bridged-past-policy")


@pytest.mark.usefixtures("names_seen")
def test_what_the_node_sends_a_workload_leaves_by_no_port_that_nobody_has_heard_of(yard: Lan) -> None:
    yard.tables.apply(build_plan(policies(), UNHEARD))
    stolen = f"{yard.mac('a').hex(':')} dev veth-u master static"
    yard.node.run(f"bridge fdb replace {stolen}")
    yard.node.run(f"ip neigh replace {A} lladdr {yard.mac('a').hex(':')} dev {BRIDGE_NAME}")
    try:
        assert yard.send("node", "a", A, 9) == "bridged-past-policy"
    finally:
        yard.node.run(f"bridge fdb del {stolen}")
        yard.node.run(f"ip neigh del {A} dev {BRIDGE_NAME}")


def test_all_are_closed_before_anything_is_known(yard: Lan) -> None:
    """As it is at the first start, when the bridge may not be there yet."""
    nothing = build_plan(Compiled(), replace(SETTINGS, bridge_ports=(), endpoints_known=False))
    yard.tables.uninstall()
    with yard.node.entered(), FamilySocket(BRIDGE) as frames:
        Tables(yard.driver, frames, nothing).open()
        said = yard.node.run("nft list table inet dnsguard")
        assert f'elements = {{ "{BRIDGE_NAME}",' in said
        for source, target, to in ("a", "net", NET), ("u", "b", B), ("a", "b", B), ("net", "a", address("a", 6)):
            assert yard.send(source, target, to, 9) != ARRIVED
        frame = udp4(yard.mac("node"), yard.mac("a"), A, NODE, 53)
        assert yard.throw("a", "node", frame) != ARRIVED


def test_a_bridge_that_comes_later_and_again(yard: Lan) -> None:
    """Nobody is there to hear of it."""
    node, place = yard.node, yard.places["u"]
    yard.places["net"].run("ip route replace 10.66.9.0/24 via 192.0.2.1")
    for number in 1, 2:
        node.run("ip link add later type bridge")
        node.run("ip addr add 10.66.9.1/24 dev later")
        node.run("ip link set later up")
        try:
            node.run("ip link set veth-u master later")
            mac = bytes.fromhex(json.loads(node.run("ip -j link show later"))[0]["address"].replace(":", ""))
            for to, port in ("10.66.9.1", 53), (NODE, 53):
                frame = udp4(mac, yard.mac("u"), "10.66.9.2", to, port)
                assert yard.throw("u", "node", frame) in (CLOSED_OUT, "unchecked-port"), number
            place.run("ip addr add 10.66.9.2/24 dev eth0")
            node.run(f"ip neigh replace 10.66.9.2 lladdr {yard.mac('u').hex(':')} dev later")
            assert yard.send("net", "u", "10.66.9.2", 9) != ARRIVED
            place.run("ip addr del 10.66.9.2/24 dev eth0")
        finally:
            node.run(f"ip link set veth-u master {BRIDGE_NAME}")
            node.run("ip link del later")


def test_nothing_of_another_bridge_is_touched(yard: Lan) -> None:
    """Frames of every kind pass between its ports, to the node and beyond; it calls the hooks or not, as before."""
    node = yard.node
    with namespace() as one, namespace() as other:
        node.run("ip link add br9 type bridge")
        node.run("ip addr add 10.66.8.1/24 dev br9")
        node.run("ip link set br9 up")
        try:
            for number, place in enumerate((one, other), 2):
                link(node, f"veth9-{number}", place, "eth0")
                node.run(f"ip link set veth9-{number} master br9")
                place.run(f"ip addr add 10.66.8.{number}/24 dev eth0")
                place.run("ip route add default via 10.66.8.1")
            node.run("ip route replace 10.66.8.0/24 dev br9")
            places = {**yard.places, "one": one, "other": other}
            beside = replace(yard, places=places)
            plans = Settings(), SETTINGS, UNHEARD
            for settings in plans:
                yard.tables.apply(build_plan(policies() if settings is not plans[0] else Compiled(), settings))
                own, to = beside.mac("one"), beside.mac("other")
                assert beside.throw("one", "other", udp4(to, own, "10.66.8.2", "10.66.8.3")) == ARRIVED
                assert beside.throw("one", "other", udp4(to, own, "198.51.100.9", "10.66.8.3")) == ARRIVED
                assert beside.throw("one", "other", arp(own, "10.66.8.77", "10.66.8.3")) == ARRIVED
                assert beside.send("one", "node", "10.66.8.1", 9) == ARRIVED
                assert beside.send("node", "one", "10.66.8.2", 9) == ARRIVED
            with node.entered():
                assert machine_bridges().bridges["br9"].calls == (False, False)
        finally:
            node.run("ip link del br9")
