"""What the rules do to packets."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from dnsguard.calc.compiled import Action, Compiled, CompiledRule, Direction, EntityMatch
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Listen, Settings
from dnsguard.netlink import nftables
from dnsguard.netlink.nftables import Element
from tests.support.compiled import (
    compiled,
    lease_set,
    member_set,
    nets,
    policy,
    policy_class,
    port_set,
    ports,
    tier,
    workload,
)
from tests.support.road import Road, road

UDP = 17
EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS
ALLOW, DENY, PASS = Action.ALLOW, Action.DENY, Action.PASS
SETTINGS = Settings(
    workload_cidrs=(ip_network("10.65.0.0/16"), ip_network("2001:db8:65::/64")),
    listen=(Listen(ip_address("10.65.0.1")), Listen(ip_address("2001:db8:65::1"))),
)
A, B, U = "10.65.0.2", "10.65.0.3", "10.65.0.9"
A6, B6 = "2001:db8:65::2", "2001:db8:65::3"
SERVICE, SERVICE6 = "10.65.0.1", "2001:db8:65::1"
NEAR, FAR, NEAR6, FAR6 = "192.0.2.10", "198.51.100.10", "2001:db8:c::10", "2001:db8:d::10"


def policies() -> Compiled:
    web = policy(
        "application.web",
        [
            CompiledRule(0, DENY, protocol=UDP, destination=EntityMatch(ports=ports(666))),
            CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(leases="s:web", ports=ports(443))),
            CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(members="s:far", ports=ports(8443))),
            CompiledRule(0, ALLOW, protocol=UDP, ip_version=4, destination=nets("192.0.2.0/28")),
            CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(named_ports="s:dns")),
            CompiledRule(0, PASS, protocol=UDP, destination=EntityMatch(ports=ports(7))),
        ],
    )
    guarded = policy("application.guarded", [], [CompiledRule(0, ALLOW, source=EntityMatch(members="s:far"))])
    return compiled(
        endpoints=[
            workload("a", A, A6, interface="cali-a", egress=policy_class(EGRESS, tier("application", web))),
            workload("b", B, B6, interface="cali-b", ingress=policy_class(INGRESS, tier("application", guarded))),
        ],
        policies=[web, guarded],
        members=[member_set("s:far", "198.51.100.0/24", "2001:db8:d::/64", "10.65.0.2/32")],
        leases=[lease_set("s:web", "web.example.org")],
        named_ports=[port_set("s:dns", (B, UDP, 5353))],
    )


@pytest.fixture(scope="module")
def way() -> Iterator[Road]:
    with road(SETTINGS) as made:
        made.driver.apply(build_plan(policies(), SETTINGS))
        pair = ip_address(A).packed + ip_address(FAR).packed
        pair6 = ip_address(A6).packed + ip_address(FAR6).packed
        made.kernel.transact(
            [
                *nftables.add_elements("dnsguard", "d4-web", [Element(pair, 600_000)]),
                *nftables.add_elements("dnsguard", "d6-web", [Element(pair6, 600_000)]),
            ]
        )
        yield made


ARRIVED = "arrived"
WEB = "np-app.application.web-egress"
END = "tier-application-egress-end"


@pytest.mark.parametrize(
    ("source", "target", "address", "port", "outcome"),
    [
        pytest.param("a", "net", FAR, 443, ARRIVED, id="leased address and port"),
        pytest.param("a", "net", FAR, 444, END, id="leased address, another port"),
        pytest.param("a", "net", FAR6, 443, ARRIVED, id="leased IPv6 address"),
        pytest.param("a", "net", NEAR6, 443, END, id="IPv6 address without a lease"),
        pytest.param("a", "net", FAR, 8443, ARRIVED, id="member and port"),
        pytest.param("a", "net", FAR6, 8443, ARRIVED, id="IPv6 member and port"),
        pytest.param("a", "net", NEAR, 8443, ARRIVED, id="within a CIDR"),
        pytest.param("a", "net", NEAR, 666, f"{WEB}-0", id="an earlier Deny wins over a CIDR"),
        pytest.param("a", "net", FAR, 666, f"{WEB}-0", id="an earlier Deny wins over a lease"),
        pytest.param("a", "net", FAR, 7, ARRIVED, id="Pass, and the profile allows"),
        pytest.param("a", "b", B, 5353, ARRIVED, id="named port of an endpoint, which lets it in"),
        pytest.param("a", "b", B, 5354, END, id="another port of that endpoint"),
        pytest.param("b", "net", FAR, 444, ARRIVED, id="a profile that allows all"),
        pytest.param("b", "a", A, 9, ARRIVED, id="workload to workload, profiles on both sides"),
        pytest.param("net", "b", B, 80, "tier-application-ingress-end", id="ingress from a stranger"),
        pytest.param("net", "a", A, 80, ARRIVED, id="ingress by profile"),
        pytest.param("u", "net", NEAR, 80, "unknown-workload-egress", id="from an unknown workload"),
        pytest.param("net", "u", U, 80, "unknown-workload-ingress", id="to an unknown workload"),
        pytest.param("a", "node", "10.65.0.1", 53, ARRIVED, id="DNS to the forwarder"),
        pytest.param("a", "node", "2001:db8:65::1", 53, ARRIVED, id="DNS to the forwarder over IPv6"),
        pytest.param("a", "node", "10.65.0.1", 54, "workload-to-host", id="anything else to the node"),
        pytest.param("a", "node", "192.0.2.1", 53, "workload-to-host", id="port 53 where the forwarder is not"),
        pytest.param("u", "node", "10.65.0.1", 53, "unknown-workload-egress", id="DNS of an unknown workload"),
        pytest.param("node", "a", A, 80, ARRIVED, id="the node to its workload"),
        pytest.param("node", "b", B6, 80, ARRIVED, id="the node to a workload that lets nobody in"),
        pytest.param("net", "node", "192.0.2.1", 80, ARRIVED, id="the network to the node, no host endpoint"),
        pytest.param("node", "net", FAR, 80, ARRIVED, id="the node to the network"),
    ],
)
def test_verdicts(way: Road, source: str, target: str, address: str, port: int, outcome: str) -> None:
    assert way.send(source, target, address, port) == outcome


@pytest.mark.parametrize(("target", "address", "port"), [("net", FAR, 443), ("node", "10.65.0.1", 53)])
def test_a_workload_cannot_borrow_the_address_of_another(way: Road, target: str, address: str, port: int) -> None:
    """``b`` is known to be behind cali-b; with the address of ``a`` it would have the leases of ``a``."""
    way.places["b"].run(f"ip addr add {A}/32 dev eth0")
    for path in way.node.run("ls /proc/sys/net/ipv4/conf").split():
        way.node.run(f"sysctl -qw net.ipv4.conf.{path.replace('.', '/')}.rp_filter=0")
    try:
        assert way.send("b", target, address, port, bind=A) == "spoofed-source"
        assert way.send("a", target, address, port, bind=A) == ARRIVED
    finally:
        way.places["b"].run(f"ip addr del {A}/32 dev eth0")


@contextlib.contextmanager
def borrowing(way: Road, place: str, *addresses: str) -> Iterator[None]:
    """The place has these addresses, too, and the node is as lenient as the kernel lets it be.

    It knows its way before: else it would ask for it in another's name, again and again.
    """
    gateway, gateway6 = ("192.0.2.1", "2001:db8:c::1") if place == "net" else ("169.254.1.1", "fe80::1")
    way.places[place].run(f"ip neigh replace {gateway} lladdr {way.hardware(place)} dev eth0 nud permanent")
    way.places[place].run(f"ip neigh replace {gateway6} lladdr {way.hardware(place)} dev eth0 nud permanent")
    for path in way.node.run("ls /proc/sys/net/ipv4/conf").split():
        way.node.run(f"sysctl -qw net.ipv4.conf.{path.replace('.', '/')}.rp_filter=0")
    for address in addresses:
        way.places[place].run(f"ip addr add {address}{'/128 dev eth0 nodad' if ':' in address else '/32 dev eth0'}")
    try:
        yield
    finally:
        for address in addresses:
            way.places[place].run(f"ip addr del {address}{'/128' if ':' in address else '/32'} dev eth0")


@pytest.mark.parametrize(
    ("target", "address", "port"),
    [
        pytest.param("node", "10.65.0.1", 53, id="a query to the forwarder"),
        pytest.param("node", "2001:db8:65::1", 53, id="a query to the forwarder over IPv6"),
        pytest.param("b", B, 5353, id="to another workload"),
        pytest.param("b", B6, 5353, id="to another workload over IPv6"),
    ],
)
def test_nobody_outside_has_the_address_of_a_workload(way: Road, target: str, address: str, port: int) -> None:
    """The forwarder would open what such a query looks up to ``a``, and ``b`` would take it for ``a``."""
    own = A6 if ":" in address else A
    with borrowing(way, "net", A, A6):
        assert way.send("net", target, address, port, bind=own) == "spoofed-source"
        assert way.send("net", target, address, port, bind=FAR6 if ":" in address else FAR) != "spoofed-source"


@pytest.mark.parametrize("thief", ["b", "net"])
@pytest.mark.parametrize(("target", "address", "own"), [("node", SERVICE, A), ("node", SERVICE6, A6), ("b", B, A)])
def test_nothing_slips_into_a_connection_of_another(way: Road, thief: str, target: str, address: str, own: str) -> None:
    """With the ports of a connection that is known, which are soon guessed."""
    if thief == target:
        target, address = "net", FAR
    port = 443 if target == "net" else 5353 if target == "b" else 53
    there = way.listen(target, address, port)
    with contextlib.ExitStack() as stack:
        with way.places["a"].entered():
            here = stack.enter_context(socket.socket(there.family, socket.SOCK_DGRAM))
        here.bind((own, 0))
        assert way.pass_on(here, there, (address, port)) == ARRIVED
        stack.enter_context(borrowing(way, thief, own))
        with way.places[thief].entered():
            forged = stack.enter_context(socket.socket(there.family, socket.SOCK_DGRAM))
        forged.bind(here.getsockname())
        assert way.pass_on(forged, there, (address, port)) == "spoofed-source"
        assert way.pass_on(here, there, (address, port)) == ARRIVED


def test_a_workload_whose_interface_is_not_known_may_come_from_anywhere_but_that_of_another(connected: Road) -> None:
    state = policies()
    nowhere = workload("c", "10.65.0.4")
    endpoints = {**state.endpoints, nowhere.id: nowhere}
    connected.driver.apply(build_plan(replace(state, endpoints=endpoints), SETTINGS))
    with borrowing(connected, "net", "10.65.0.4"):
        assert connected.send("net", "a", A, 80, bind="10.65.0.4") == ARRIVED
    with borrowing(connected, "b", "10.65.0.4"):
        assert connected.send("b", "a", A, 80, bind="10.65.0.4") == "spoofed-source"


@pytest.fixture
def connected(way: Road) -> Iterator[Road]:
    """The policy in force again, whatever a test made of it."""
    yield way
    way.driver.apply(build_plan(policies(), SETTINGS))


def without(*names: str) -> Compiled:
    state = policies()
    return replace(state, endpoints={key: each for key, each in state.endpoints.items() if key.name not in names})


GONE = "unknown-workload-egress", "unknown-workload-ingress"


@pytest.mark.parametrize("deleted", [("a",), ("a", "b")], ids=["one", "the last"])
@pytest.mark.parametrize(
    ("target", "address", "own"),
    [("net", FAR, A), ("net", FAR6, A6), ("node", SERVICE, A), ("node", SERVICE6, A6)],
)
def test_a_connection_ends_with_the_endpoint_and_goes_on_when_that_is_back(
    connected: Road, target: str, address: str, own: str, deleted: tuple[str, ...]
) -> None:
    way, port = connected, 53 if target == "node" else 443
    there = way.listen(target, address, port)
    with way.places["a"].entered(), socket.socket(there.family, socket.SOCK_DGRAM) as here:
        here.bind((own, 0))
        here.setblocking(False)
        client = here.getsockname()
        assert way.pass_on(here, there, (address, port)) == ARRIVED
        assert way.pass_on(there, here, client) == ARRIVED
        way.driver.apply(build_plan(without(*deleted), SETTINGS))
        assert way.pass_on(here, there, (address, port)) == GONE[0]
        assert way.pass_on(there, here, client) == (GONE[1] if target == "net" else ARRIVED)
        way.driver.apply(build_plan(policies(), SETTINGS))
        assert way.pass_on(here, there, (address, port)) == ARRIVED
        assert way.pass_on(there, here, client) == ARRIVED


def test_the_connections_of_others_go_on(connected: Road) -> None:
    way = connected
    there = way.listen("net", FAR, 443)
    with way.places["a"].entered(), socket.socket(there.family, socket.SOCK_DGRAM) as here:
        here.bind((A, 0))
        here.setblocking(False)
        assert way.pass_on(here, there, (FAR, 443)) == ARRIVED
        way.driver.apply(build_plan(without("b"), SETTINGS))
        assert way.pass_on(there, here, here.getsockname()) == ARRIVED
        assert way.pass_on(here, there, (FAR, 443)) == ARRIVED


def test_the_node_talks_to_a_workload_by_its_link_local_address(connected: Road) -> None:
    """No endpoint lists such an address, and the answers come from it."""
    inside = connected.places["b"]
    inside.run("ip addr add fe80::b/64 dev eth0 nodad")
    with contextlib.ExitStack() as stack:
        sockets = []
        for place, interface, address in (connected.node, "cali-b", "fe80::1"), (inside, "eth0", "fe80::b"):
            with place.entered():
                made = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
                made.bind((address, 7000, 0, socket.if_nametoindex(interface)))
            made.setblocking(False)
            sockets.append(made)
        here, there = sockets
        assert connected.pass_on(here, there, ("fe80::b", 7000, 0, here.getsockname()[3])) == ARRIVED
        assert connected.pass_on(there, here, ("fe80::1", 7000, 0, there.getsockname()[3])) == ARRIVED


def test_vxlan_from_a_workload_is_dropped_before_policy(connected: Road) -> None:
    """``b`` may send anything; ``a`` may send it nothing, so nobody else's rule is meant."""
    wrapped = "encapsulated-from-workload"
    for target, address in ("net", FAR), ("net", FAR6), ("node", SERVICE):
        assert connected.send("b", target, address, 4789) == wrapped
    assert connected.send("b", "net", FAR, 4790) == ARRIVED
    assert connected.send("net", "a", A, 4789) == ARRIVED
    connected.driver.apply(build_plan(policies(), replace(SETTINGS, allow_vxlan=True)))
    assert connected.send("b", "net", FAR, 4789) == ARRIVED


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, FAR), (socket.AF_INET6, FAR6)])
@pytest.mark.parametrize("allowed", [False, True])
def test_ip_in_ip_from_a_workload_is_dropped_before_policy(
    connected: Road, family: socket.AddressFamily, address: str, allowed: bool
) -> None:
    connected.driver.apply(build_plan(policies(), replace(SETTINGS, allow_ipip=allowed)))
    before = connected.driver.counters()
    with connected.places["b"].entered(), socket.socket(family, socket.SOCK_RAW, 4) as sender:
        sender.sendto(bytes(20), (address, 0))
    assert ("encapsulated-from-workload" in connected.counted(before)) is not allowed
