"""What the rules do to frames between ports of a bridge, and to packets from there."""

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from dnsguard.calc.compiled import Action, Compiled, CompiledRule, Direction
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.settings import Listen, Settings
from tests.support.compiled import compiled, nets, policy, policy_class, tier, workload
from tests.support.lan import (
    BRIDGE_PORTS,
    EVERYBODY,
    PLUGGED,
    Lan,
    address,
    arp,
    discovery,
    ethernet,
    lan,
    udp4,
    udp6,
)

EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS
ARRIVED, SPOOFED, UNJUDGED, UNKNOWN = "arrived", "spoofed-source", "bridged-past-policy", "unknown-frame"
SETTINGS = Settings(
    bridge_ports=BRIDGE_PORTS, listen=(Listen(ip_address("10.66.0.1")), Listen(ip_address("2001:db8:66::1")))
)
NODE, NODE6, NET, NET6 = "10.66.0.1", "2001:db8:66::1", "192.0.2.10", "2001:db8:c::10"
A, B, C, OUTSIDE = (address(place) for place in ("a", "b", "c", "lan"))
A6, B6, C6, OUTSIDE6 = (address(place, 6) for place in ("a", "b", "c", "lan"))
CLOSED = "tier-application-egress-end"


def policies(yard: Lan, *places: str, macs: bool = False) -> Compiled:
    """``a`` may reach ``b`` and the net, ``b`` anybody, ``c`` nobody; ``c`` takes nothing from ``a``."""
    web = policy(
        "application.web",
        [
            CompiledRule(0, Action.ALLOW, ip_version=4, destination=nets(f"{B}/32", f"{NET}/32", f"{OUTSIDE}/32")),
            CompiledRule(0, Action.ALLOW, ip_version=6, destination=nets(f"{B6}/128", f"{NET6}/128")),
        ],
    )
    nothing = policy("application.nothing", [CompiledRule(0, Action.DENY)])
    classes = {
        "a": policy_class(EGRESS, tier("application", web)),
        "b": policy_class(EGRESS),
        "c": policy_class(EGRESS, tier("application", nothing)),
    }
    endpoints = [
        replace(
            workload(place, address(place), address(place, 6), interface=PLUGGED[place][0], egress=classes[place]),
            mac=yard.mac(place).hex(":") if macs else "",
        )
        for place in places or classes
    ]
    return compiled(endpoints=endpoints, policies=[web, nothing])


@pytest.fixture(scope="module")
def made() -> Iterator[Lan]:
    with lan(SETTINGS) as yard:
        yield yard


@pytest.fixture
def yard(made: Lan) -> Lan:
    made.calls_hooks(True)
    made.tables.apply(build_plan(policies(made), SETTINGS))
    return made


@pytest.fixture
def strict(yard: Lan) -> Lan:
    """Every endpoint says its Ethernet address."""
    yard.tables.apply(build_plan(policies(yard, macs=True), SETTINGS))
    return yard


@pytest.mark.parametrize(
    ("source", "target", "to", "outcome"),
    [
        pytest.param("a", "b", B, ARRIVED, id="to a neighbour, allowed"),
        pytest.param("a", "b", B6, ARRIVED, id="to a neighbour, allowed, IPv6"),
        pytest.param("a", "c", C, CLOSED, id="to a neighbour, denied"),
        pytest.param("a", "c", C6, CLOSED, id="to a neighbour, denied, IPv6"),
        pytest.param("b", "a", A, ARRIVED, id="from one that may anything"),
        pytest.param("a", "lan", OUTSIDE, ARRIVED, id="to somebody else on the bridge, allowed"),
        pytest.param("a", "lan", OUTSIDE6, CLOSED, id="to somebody else on the bridge, denied"),
        pytest.param("lan", "a", A, ARRIVED, id="from somebody else on the bridge"),
        pytest.param("lan", "a", A6, ARRIVED, id="from somebody else on the bridge, IPv6"),
        pytest.param("a", "net", NET, ARRIVED, id="routed and masqueraded, allowed"),
        pytest.param("a", "net", NET6, ARRIVED, id="routed, allowed, IPv6"),
        pytest.param("c", "net", NET, "np-app.application.nothing-egress-0", id="routed, denied"),
        pytest.param("net", "a", A6, ARRIVED, id="routed, to a workload"),
        pytest.param("node", "a", A, ARRIVED, id="the node to a workload"),
        pytest.param("node", "a", A6, ARRIVED, id="the node to a workload, IPv6"),
    ],
)
def test_policy_holds_on_a_bridge(yard: Lan, source: str, target: str, to: str, outcome: str) -> None:
    assert yard.send(source, target, to, 9) == outcome


@pytest.mark.parametrize("to", [NODE, NODE6])
def test_queries_reach_the_forwarder(yard: Lan, to: str) -> None:
    assert yard.send("a", "node", to, 53) == ARRIVED
    assert yard.send("a", "node", to, 54) == "workload-to-host"


@pytest.mark.parametrize(
    ("source", "target", "to", "outcome"),
    [
        pytest.param("a", "b", B, UNJUDGED, id="to a neighbour"),
        pytest.param("a", "b", B6, UNJUDGED, id="to a neighbour, IPv6"),
        pytest.param("lan", "a", A, UNJUDGED, id="from somebody else on the bridge"),
        pytest.param("b", "lan", OUTSIDE6, UNJUDGED, id="to somebody else on the bridge, IPv6"),
        pytest.param("lan", "u", address("u"), ARRIVED, id="between others"),
        pytest.param("a", "net", NET, ARRIVED, id="routed, allowed"),
        pytest.param("c", "net", NET, "np-app.application.nothing-egress-0", id="routed, denied"),
        pytest.param("net", "a", A6, ARRIVED, id="routed, to a workload"),
        pytest.param("node", "a", A, ARRIVED, id="the node to a workload"),
    ],
)
def test_what_passes_the_hooks_of_policy_by_is_dropped(
    yard: Lan, source: str, target: str, to: str, outcome: str
) -> None:
    yard.calls_hooks(False)
    assert yard.send(source, target, to, 9) == outcome


@pytest.mark.parametrize("hooks", [True, False], ids=["br_netfilter", "no br_netfilter"])
@pytest.mark.parametrize("thief", ["b", "u", "lan"])
@pytest.mark.parametrize("target", ["node", "c"])
def test_nobody_has_the_address_of_another(yard: Lan, thief: str, target: str, hooks: bool) -> None:
    """A query to the forwarder, and something to a neighbour that lets ``a`` in."""
    yard.calls_hooks(hooks)
    own, to = yard.mac(thief), yard.mac(target)
    there, there6 = (NODE, NODE6) if target == "node" else (C, C6)
    assert yard.throw(thief, target, udp4(to, own, A, there, 53)) == SPOOFED
    assert yard.throw(thief, target, udp6(to, own, A6, there6, 53)) == SPOOFED
    assert yard.throw(thief, target, udp4(to, yard.mac("a"), A, there, 53)) == SPOOFED


@pytest.mark.parametrize("hooks", [True, False], ids=["br_netfilter", "no br_netfilter"])
@pytest.mark.parametrize("pretended", ["198.51.100.7", NODE, "10.66.0.77", "0.0.0.0"])
def test_a_workload_has_no_other_address(yard: Lan, pretended: str, hooks: bool) -> None:
    yard.calls_hooks(hooks)
    frame = udp4(yard.mac("node"), yard.mac("b"), pretended, NODE, 53)
    assert yard.throw("b", "node", frame) == SPOOFED


@pytest.mark.parametrize(
    ("claimed", "outcome"),
    [
        pytest.param(B, ARRIVED, id="its own"),
        pytest.param("0.0.0.0", ARRIVED, id="none yet"),
        pytest.param(A, SPOOFED, id="a neighbour's"),
        pytest.param(NODE, SPOOFED, id="the gateway's"),
        pytest.param("10.66.0.77", SPOOFED, id="nobody's"),
    ],
)
@pytest.mark.parametrize("kind", ["request", "reply"])
def test_arp(yard: Lan, claimed: str, outcome: str, kind: str) -> None:
    own = yard.mac("b")
    reply_to = yard.mac("c") if kind == "reply" else b""
    assert yard.throw("b", "c", arp(own, claimed, C, reply_to=reply_to)) == outcome


@pytest.mark.parametrize("thief", ["u", "lan"])
def test_nobody_else_on_the_bridge_says_in_arp_that_it_is_a_workload(yard: Lan, thief: str) -> None:
    assert yard.throw(thief, "c", arp(yard.mac(thief), A, C)) == SPOOFED
    assert yard.throw(thief, "c", arp(yard.mac(thief), address(thief), C)) == ARRIVED


ALL_NODES, LINK_LOCAL = "ff02::1", "fe80::b0b"


@pytest.mark.parametrize(
    ("kind", "source", "target", "outcome"),
    [
        pytest.param(136, B6, B6, ARRIVED, id="advertises its own"),
        pytest.param(136, LINK_LOCAL, LINK_LOCAL, ARRIVED, id="advertises a link-local one"),
        pytest.param(136, B6, A6, SPOOFED, id="advertises a neighbour's"),
        pytest.param(136, LINK_LOCAL, NODE6, SPOOFED, id="advertises the gateway's"),
        pytest.param(135, B6, C6, ARRIVED, id="asks for a neighbour"),
        pytest.param(135, LINK_LOCAL, C6, ARRIVED, id="asks for a neighbour, from a link-local address"),
        pytest.param(135, A6, C6, SPOOFED, id="asks in another's name"),
        pytest.param(135, "::", B6, ARRIVED, id="asks who else has its own"),
        pytest.param(135, "::", A6, SPOOFED, id="says that it is about to have a neighbour's"),
        pytest.param(134, LINK_LOCAL, "::", SPOOFED, id="says that it is a router"),
        pytest.param(137, LINK_LOCAL, C6, SPOOFED, id="says that another way is better"),
    ],
)
def test_neighbour_discovery(yard: Lan, kind: int, source: str, target: str, outcome: str) -> None:
    assert yard.throw("b", "c", discovery(yard.mac("b"), kind, source, ALL_NODES, target)) == outcome


def test_what_looks_like_discovery_and_crossed_a_router_has_no_privilege(yard: Lan) -> None:
    assert yard.throw("b", "c", discovery(yard.mac("b"), 135, LINK_LOCAL, ALL_NODES, C6, 64)) == SPOOFED


@pytest.mark.parametrize("kind", [130, 131, 132, 143])
def test_what_looks_like_listener_discovery_where_the_node_has_forwarded_it_is_judged(yard: Lan, kind: int) -> None:
    """Sent with two hops left it has the one of listener discovery where policy is asked."""
    frame = yard.mac("node") + discovery(yard.mac("c"), kind, C6, NET6, C6, 2)[6:]
    assert yard.throw("c", "net", frame) == "np-app.application.nothing-egress-0"


def test_listener_discovery_passes_between_ports(yard: Lan) -> None:
    assert yard.throw("b", "c", discovery(yard.mac("b"), 143, LINK_LOCAL, "ff02::16", "::", 1)) == ARRIVED


def test_nobody_else_advertises_a_workload(yard: Lan) -> None:
    own = yard.mac("lan")
    assert yard.throw("lan", "c", discovery(own, 136, OUTSIDE6, ALL_NODES, A6)) == SPOOFED
    assert yard.throw("lan", "c", discovery(own, 135, "::", ALL_NODES, A6)) == SPOOFED
    assert yard.throw("lan", "c", discovery(own, 136, OUTSIDE6, ALL_NODES, OUTSIDE6)) == ARRIVED


def test_an_ethernet_address_that_is_known_is_held_to(strict: Lan) -> None:
    own, other, to = strict.mac("b"), strict.mac("a"), strict.mac("node")
    assert strict.throw("b", "node", udp4(to, own, B, NODE, 53)) == ARRIVED
    assert strict.throw("b", "node", udp4(to, other, B, NODE, 53)) == SPOOFED
    assert strict.throw("b", "c", arp(other, B, C, source=own)) == SPOOFED
    assert strict.throw("b", "c", arp(own, B, C, source=other)) == SPOOFED
    assert strict.throw("b", "c", arp(own, B, C)) == ARRIVED


@pytest.mark.parametrize("thief", ["lan", "u", "c"])
def test_nobody_else_uses_an_ethernet_address_that_is_known(yard: Lan, thief: str) -> None:
    """The bridge would believe that the workload is there, and what is for it would go nowhere."""
    known = policies(yard, macs=True)
    without = [replace(each, mac="") if each.interface == "veth-c" else each for each in known.endpoints.values()]
    yard.tables.apply(build_plan(compiled(endpoints=without, policies=list(known.policies.values())), SETTINGS))
    own, stolen, to, place = yard.mac(thief), yard.mac("a"), yard.mac("node"), address(thief)
    assert yard.throw(thief, "node", udp4(to, stolen, place, NODE, 53)) == SPOOFED
    assert yard.throw(thief, "b", arp(own, place, B, source=stolen)) == SPOOFED
    assert yard.throw(thief, "node", udp4(to, own, place, NODE, 53)) == ARRIVED


def test_with_it_the_link_local_address_is_known(strict: Lan) -> None:
    own = strict.mac("b")
    identifier = bytes((own[0] ^ 2,)) + own[1:3] + b"\xff\xfe" + own[3:]
    mine = str(ip_address(b"\xfe\x80".ljust(8, b"\0") + identifier))
    assert strict.throw("b", "c", discovery(own, 136, mine, ALL_NODES, mine)) == ARRIVED
    assert strict.throw("b", "c", discovery(own, 136, mine, ALL_NODES, LINK_LOCAL)) == SPOOFED
    assert strict.throw("b", "c", discovery(own, 135, LINK_LOCAL, ALL_NODES, C6)) == SPOOFED


@pytest.mark.parametrize("hooks", [True, False], ids=["br_netfilter", "no br_netfilter"])
def test_whoever_has_stolen_an_ethernet_address_gets_nothing(yard: Lan, hooks: bool) -> None:
    """The bridge believes the last who used it; what bears the address of ``a`` goes to ``a`` or nowhere."""
    yard.calls_hooks(hooks)
    stolen, outside = yard.mac("a"), yard.mac("lan")
    assert yard.throw("b", "node", udp4(yard.mac("node"), stolen, B, NODE, 53)) == ARRIVED
    entry = f"{stolen.hex(':')} dev veth-b master static"
    yard.node.run(f"bridge fdb replace {entry} sticky")  # or ``a`` would have it back with the next thing it says
    yard.node.run(f"ip neigh replace {A} lladdr {stolen.hex(':')} dev br0")
    try:
        assert yard.throw("lan", "b", udp4(stolen, outside, OUTSIDE, A)) == UNJUDGED
        assert yard.send("node", "a", A, 9) == UNJUDGED
    finally:
        yard.node.run(f"bridge fdb del {entry}")
    yard.node.run(f"ip neigh del {A} dev br0")
    assert yard.send("node", "a", A, 9) == ARRIVED


@pytest.mark.parametrize("hooks", [True, False], ids=["br_netfilter", "no br_netfilter"])
def test_nobody_else_on_the_bridge_who_has_stolen_one_gets_anything_of_the_node_or_workloads(
    yard: Lan, hooks: bool
) -> None:
    yard.calls_hooks(hooks)
    stolen = bytes.fromhex("0200c0ffee01")
    entry = f"{stolen.hex(':')} dev eth1 master static"
    yard.node.run(f"bridge fdb replace {entry}")
    for to in A, A6:
        yard.node.run(f"ip neigh replace {to} lladdr {stolen.hex(':')} dev br0")
    try:
        assert yard.send("node", "a", A, 9) == UNJUDGED
        assert yard.send("node", "a", A6, 9) == UNJUDGED
        assert yard.throw("b", "lan", udp4(stolen, yard.mac("b"), B, A)) == UNJUDGED
    finally:
        yard.node.run(f"bridge fdb del {entry}")
        for to in A, A6:
            yard.node.run(f"ip neigh del {to} dev br0")


@pytest.mark.parametrize("hooks", [True, False], ids=["br_netfilter", "no br_netfilter"])
def test_what_is_for_everybody_goes_to_no_neighbour(yard: Lan, hooks: bool) -> None:
    """Whose policy would let it in? ``c`` says nothing about broadcasts, and may be one that lets nobody in."""
    yard.calls_hooks(hooks)
    own = yard.mac("b")
    for to, group in (EVERYBODY, "10.66.0.255"), (yard.mac("c"), "255.255.255.255"), (EVERYBODY, "224.0.0.251"):
        before = yard.counters()
        assert yard.throw("b", "c", udp4(to, own, B, group)) != ARRIVED
        assert UNJUDGED in yard.counted(before)


@pytest.mark.parametrize("kind", [0x88CC, 0x8864, 0x0842, 0x88B5], ids=hex)
def test_other_protocols_end_at_the_port(yard: Lan, kind: int) -> None:
    frame = ethernet(yard.mac("c"), yard.mac("b"), kind, b"hello")
    assert yard.throw("b", "c", frame) == UNKNOWN
    assert yard.throw("lan", "c", ethernet(yard.mac("c"), yard.mac("lan"), kind, b"hello")) == UNKNOWN
    assert yard.throw("lan", "u", ethernet(yard.mac("u"), yard.mac("lan"), kind, b"hello")) == ARRIVED


@pytest.mark.parametrize("tag", [b"\x81\x00\x00\x05", b"\x88\xa8\x00\x05"], ids=["802.1Q", "802.1ad"])
def test_what_bears_a_vlan_tag_ends_at_the_port(yard: Lan, tag: bytes) -> None:
    """Else it would be another's packet to whoever takes the tag away."""
    frame = udp4(yard.mac("c"), yard.mac("b"), B, C)
    assert yard.throw("b", "c", frame) == ARRIVED
    assert yard.throw("b", "c", frame[:12] + tag + frame[12:]) == UNKNOWN


def test_what_passes_the_first_hook_by_does_not_reach_the_node(yard: Lan) -> None:
    """As what bridges say among themselves does, by which one could make itself the root of the network."""
    frame = ethernet(bytes.fromhex("0180c2000003"), yard.mac("b"), 0x888E, b"hello")
    assert yard.throw("b", "node", frame) == "unchecked-port"


@contextlib.contextmanager
def knowing(yard: Lan, settings: Settings, *places: str) -> Iterator[None]:
    yard.tables.apply(build_plan(policies(yard, *places), settings))
    yield


@pytest.mark.parametrize("hooks", [True, False], ids=["br_netfilter", "no br_netfilter"])
def test_a_port_that_nobody_has_heard_of_is_closed(yard: Lan, hooks: bool) -> None:
    """That of ``u``: for as long as it takes to hear of it, or nobody is there to hear."""
    yard.calls_hooks(hooks)
    ports = tuple(each for each in BRIDGE_PORTS if each[0] != "veth-u")
    with knowing(yard, replace(SETTINGS, bridge_ports=ports)):
        own = yard.mac("u")
        assert yard.throw("u", "node", udp4(yard.mac("node"), own, A, NODE, 53)) == "unchecked-port"
        assert yard.throw("u", "node", udp4(yard.mac("node"), own, address("u"), NODE, 53)) == "unchecked-port"
        assert yard.throw("u", "c", udp4(yard.mac("c"), own, address("u"), C)) == "unchecked-port"
        assert yard.throw("u", "c", arp(own, A, C)) == "unchecked-port"


@pytest.mark.parametrize("listed", ["br0", "veth-*"])
def test_on_a_bridge_of_workloads_an_unknown_port_is_closed(yard: Lan, listed: str) -> None:
    with knowing(yard, replace(SETTINGS, workload_interfaces=(listed,))):
        assert yard.throw("u", "lan", arp(yard.mac("u"), address("u"), OUTSIDE)) == "unknown-workload-egress"
        assert yard.throw("u", "c", udp4(yard.mac("c"), yard.mac("u"), address("u"), C)) == "unknown-workload-egress"
        if listed == "veth-*":
            frame = udp4(yard.mac("u"), yard.mac("lan"), OUTSIDE, address("u"))
            assert yard.throw("lan", "u", frame) == "unknown-workload-ingress"
        assert yard.send("a", "b", B, 9) == ARRIVED


def test_a_workload_that_comes_or_goes_is_closed_while_only_one_table_knows(
    yard: Lan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``c``, which may reach nobody: its port is closed before its rules go, and opened after they have come."""
    with yard.places["net"].entered():
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    switch, came = yard.driver.switch, set[bytes]()

    def send() -> None:
        """From ``c``, and then from ``a``, which may: once that is there, so is all that came before."""
        for place in "c", "a":
            frame = udp4(yard.mac("node"), yard.mac(place), address(place), NET, 99, place.encode())
            with yard.places[place].entered():
                sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            with sender:
                sender.bind(("eth0", 0))
                sender.send(frame)
        while (said := receiver.recv(16)) != b"a":
            came.add(said)

    def looked_at(plan: Plan, revise: bool = False) -> None:
        send()
        switch(plan, revise)
        send()

    settings = replace(SETTINGS, workload_interfaces=("veth-*",))
    with receiver:
        receiver.bind((NET, 99))
        receiver.settimeout(20)
        monkeypatch.setattr(yard.driver, "switch", looked_at)
        for known in ("a", "b"), ("a", "b", "c"):
            yard.tables.apply(build_plan(policies(yard, *known), settings))
    assert came == set()


def test_without_the_table_everything_is_closed(yard: Lan) -> None:
    yard.node.run("nft delete table bridge dnsguard")
    assert yard.send("a", "net", NET, 9) == "unchecked-port"
    assert yard.send("a", "b", B, 9) == "unchecked-port"
    assert yard.tables.lost()
    yard.tables.apply(build_plan(policies(yard), SETTINGS))
    assert not yard.tables.lost()
    assert yard.send("a", "net", NET, 9) == ARRIVED
    assert yard.send("a", "b", B, 9) == ARRIVED


def test_a_port_moves_to_another_bridge(yard: Lan) -> None:
    """Until that is known it is closed there: its addresses are the first bridge's."""
    node = yard.node
    for command in "link add br1 type bridge", "addr add 10.66.1.1/24 dev br1", "link set br1 up":
        node.run(f"ip {command}")
    try:
        node.run("ip link set veth-b master br1")
        (bridge,) = json.loads(node.run("ip -j link show br1"))
        frame = udp4(bytes.fromhex(bridge["address"].replace(":", "")), yard.mac("b"), B, "10.66.1.1", 53)
        assert yard.throw("b", "node", frame) == SPOOFED
        moved = tuple((port, "br1" if port == "veth-b" else bridge) for port, bridge in BRIDGE_PORTS)
        with knowing(yard, replace(SETTINGS, bridge_ports=moved, listen=(Listen(ip_address("10.66.1.1")),))):
            assert yard.throw("b", "node", frame) == ARRIVED
    finally:
        node.run("ip link set veth-b master br0")
        node.run("ip link del br1")


def test_where_everything_passes_because_nobody_is_alive_addresses_are_still_checked(yard: Lan) -> None:
    with knowing(yard, replace(SETTINGS, fail_open_after=60.0)):
        assert yard.send("a", "c", C, 9) == CLOSED
        yard.node.run("nft flush set inet dnsguard alive")
        assert yard.send("a", "c", C, 9) == ARRIVED
        assert yard.send("c", "net", NET, 9) == ARRIVED
        assert yard.throw("b", "c", udp4(yard.mac("c"), yard.mac("b"), A, C)) == SPOOFED


def test_nothing_of_it_is_there_without_a_workload_on_a_bridge(yard: Lan) -> None:
    assert "table bridge dnsguard" in yard.node.run("nft list tables")
    with knowing(yard, replace(SETTINGS, bridge_ports=())):
        assert "bridge" not in yard.node.run("nft list ruleset")
    yard.node.run("nft add table bridge others")
    yard.tables.apply(build_plan(policies(yard), SETTINGS))
    yard.tables.uninstall()
    assert yard.node.run("nft list tables").split("\n") == ["table ip nat", "table bridge others", ""]
    yard.node.run("nft delete table bridge others")
