"""What the stages of host endpoints do to packets."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from dnsguard.calc.compiled import (
    Action,
    Compiled,
    CompiledPolicy,
    CompiledRule,
    Direction,
    EntityMatch,
    PolicyClass,
    Stage,
)
from dnsguard.calc.evaluator.failsafe import FailsafePort, FailsafePorts
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.planner import Planner
from dnsguard.dataplane.settings import HostAction, Settings
from dnsguard.netlink import nftables
from dnsguard.netlink.nftables import Element
from dnsguard.netlink.socket import NetfilterSocket
from tests.support.compiled import compiled, host, lease_set, nets, policy, policy_class, ports, tier, workload
from tests.support.road import Road, road

UDP = 17
EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS
ALLOW, DENY, PASS = Action.ALLOW, Action.DENY, Action.PASS
A, B, NODE = "10.65.0.2", "10.65.0.3", "192.0.2.1"
NEAR, FAR = "192.0.2.10", "198.51.100.10"
SETTINGS = Settings(
    interface_addresses=(("eth0", (ip_address(NODE),)),),
    failsafe=FailsafePorts(
        inbound=(FailsafePort(UDP, 68), FailsafePort(UDP, 22, ip_network("192.0.2.0/24"))),
        outbound=(FailsafePort(UDP, 53),),
    ),
)
ARRIVED = "arrived"


def to_port(action: Action, number: int) -> CompiledRule:
    return CompiledRule(0, action, protocol=UDP, destination=EntityMatch(ports=ports(number)))


UNTRACKED = policy(
    "application.untracked",
    [],
    [CompiledRule(0, DENY, ip_version=4, source=nets("198.51.100.0/24")), to_port(ALLOW, 90)],
    namespace="",
)
PRE_DNAT = policy("application.dnat", [], [to_port(DENY, 70), to_port(ALLOW, 91)], namespace="")
NORMAL = policy("application.normal", [], [to_port(ALLOW, 81), to_port(PASS, 82)], namespace="")
FORWARD = policy("application.forward", [to_port(ALLOW, 84)], [to_port(DENY, 85), to_port(ALLOW, 86)], namespace="")


@pytest.fixture(scope="module")
def empty_way() -> Iterator[Road]:
    with road(SETTINGS) as made:
        yield made


def enforce(way: Road, state: Compiled) -> None:
    way.driver.apply(build_plan(state, SETTINGS))


def staged(direction: Direction, stage: Stage, *policies: CompiledPolicy, default: Action = PASS) -> PolicyClass:
    return policy_class(direction, tier("application", *policies, default=default), profiles=(), stage=stage)


EARLY_STAGES = (
    staged(INGRESS, Stage.UNTRACKED, UNTRACKED),
    staged(INGRESS, Stage.PRE_DNAT, PRE_DNAT),
    staged(INGRESS, Stage.NORMAL, NORMAL),
)
FORWARDING = (
    staged(INGRESS, Stage.FORWARD, FORWARD, default=DENY),
    staged(EGRESS, Stage.FORWARD, FORWARD, default=DENY),
)


@pytest.fixture(params=["eth0", "*", ""], ids=["by name", "every interface", "by address"])
def early(request: pytest.FixtureRequest, empty_way: Road) -> Road:
    """A host endpoint bound in each way; an untracked policy only where it can be."""
    classes = [item for item in EARLY_STAGES if request.param != "*" or item.stage is not Stage.UNTRACKED]
    endpoint = host("node", request.param, *classes, addresses=() if request.param else (NODE,))
    enforce(
        empty_way, compiled(endpoints=[endpoint, workload("a", A)], policies=[UNTRACKED, PRE_DNAT, NORMAL, FORWARD])
    )
    return empty_way


@pytest.mark.parametrize(
    ("source", "target", "address", "port", "outcome"),
    [
        pytest.param("net", "node", NODE, 81, ARRIVED, id="allowed in"),
        pytest.param("net", "node", NODE, 80, "no-profile-ingress", id="no rule, no profile"),
        pytest.param("net", "node", NODE, 82, "no-profile-ingress", id="passed, no profile"),
        pytest.param("net", "node", NODE, 68, ARRIVED, id="failsafe in"),
        pytest.param("net", "node", NODE, 22, ARRIVED, id="failsafe in, from the right network"),
        pytest.param("net", "node", NODE, 70, "gnp-application.dnat-ingress-0", id="pre-DNAT deny to the node"),
        pytest.param("net", "node", NODE, 91, ARRIVED, id="pre-DNAT allow excuses from the normal stage"),
        pytest.param("net", "a", A, 70, "gnp-application.dnat-ingress-0", id="pre-DNAT deny to a workload"),
        pytest.param("net", "a", A, 80, ARRIVED, id="forwarded, no policy for that"),
        pytest.param("node", "net", FAR, 80, "no-profile-egress", id="out without policy"),
        pytest.param("node", "net", FAR, 53, ARRIVED, id="failsafe out"),
        pytest.param("node", "a", A, 80, ARRIVED, id="the node to its workload"),
        pytest.param("a", "node", NODE, 81, "workload-to-host", id="a workload to the node"),
    ],
)
def test_host_endpoint(early: Road, source: str, target: str, address: str, port: int, outcome: str) -> None:
    assert early.send(source, target, address, port) == outcome


@pytest.mark.parametrize(
    ("bind", "target", "address", "port", "outcome"),
    [
        (FAR, "node", NODE, 81, "gnp-application.untracked-ingress-0"),
        (NEAR, "node", NODE, 81, ARRIVED),
        (FAR, "a", A, 80, "gnp-application.untracked-ingress-0"),
        (NEAR, "a", A, 80, ARRIVED),
        (NEAR, "node", NODE, 90, ARRIVED),
        (FAR, "node", NODE, 68, ARRIVED),
        (NEAR, "a", A, 90, ARRIVED),
    ],
)
@pytest.mark.parametrize("interface", ["eth0", ""])
def test_untracked(
    empty_way: Road, interface: str, bind: str, target: str, address: str, port: int, outcome: str
) -> None:
    endpoint = host("node", interface, *EARLY_STAGES, addresses=() if interface else (NODE,))
    enforce(empty_way, compiled(endpoints=[endpoint, workload("a", A)], policies=[UNTRACKED, PRE_DNAT, NORMAL]))
    assert empty_way.send("net", target, address, port, bind) == outcome


def test_an_untracked_allow_does_not_open_a_workload(empty_way: Road) -> None:
    closed = policy("application.closed", [], [], tier="application")
    guarded = workload("a", A, ingress=policy_class(INGRESS, tier("application", closed)))
    state = compiled(
        endpoints=[host("node", "eth0", *EARLY_STAGES), guarded], policies=[UNTRACKED, PRE_DNAT, NORMAL, closed]
    )
    enforce(empty_way, state)
    for port in 90, 91:
        assert empty_way.send("net", "a", A, port) == "tier-application-ingress-end"


@pytest.mark.parametrize(
    ("source", "target", "address", "port", "outcome"),
    [
        ("a", "net", FAR, 84, ARRIVED),
        ("a", "net", FAR, 83, "tier-application-egress-end"),
        ("net", "a", A, 86, ARRIVED),
        ("net", "a", A, 85, "gnp-application.forward-ingress-0"),
        ("net", "a", A, 87, "tier-application-ingress-end"),
        ("net", "node", NODE, 80, "no-profile-ingress"),
        ("node", "a", A, 87, ARRIVED),
    ],
)
def test_forward(empty_way: Road, source: str, target: str, address: str, port: int, outcome: str) -> None:
    enforce(empty_way, compiled(endpoints=[host("node", "eth0", *FORWARDING), workload("a", A)], policies=[FORWARD]))
    assert empty_way.send(source, target, address, port) == outcome


def test_an_interface_of_its_own_is_not_every_interface(empty_way: Road) -> None:
    """The endpoint of eth0 has no forward policy, so the one for every interface does not step in there."""
    state = compiled(
        endpoints=[host("eth0", "eth0"), host("all", "*", *FORWARDING), workload("a", A)], policies=[FORWARD]
    )
    enforce(empty_way, state)
    assert empty_way.send("net", "a", A, 84) == ARRIVED
    assert empty_way.send("net", "a", A, 87) == "tier-application-egress-end"


def test_a_mark_from_outside_excuses_nothing(empty_way: Road) -> None:
    enforce(
        empty_way, compiled(endpoints=[host("node", "eth0", *EARLY_STAGES)], policies=[UNTRACKED, PRE_DNAT, NORMAL])
    )
    everything = SETTINGS.accept_mark | SETTINGS.pass_mark
    empty_way.node.run("nft add table inet foreign")
    empty_way.node.run("nft add chain inet foreign pre {type filter hook prerouting priority -301;}")
    empty_way.node.run(f"nft add rule inet foreign pre meta mark set {everything}")
    try:
        assert empty_way.send("net", "node", NODE, 80) == "no-profile-ingress"
    finally:
        empty_way.node.run("nft delete table inet foreign")


LEASED = policy(
    "application.leased",
    [CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(leases="s:web", ports=ports(443)))],
    namespace="",
)


@pytest.mark.parametrize("interface", ["eth0", "*", ""])
def test_domains_on_forwarded_packets_are_those_of_the_workload_that_asked(empty_way: Road, interface: str) -> None:
    """The lease is the client's; another one behind the same host endpoint has not asked."""
    forward = staged(EGRESS, Stage.FORWARD, LEASED, default=DENY)
    endpoint = host("node", interface, forward, addresses=() if interface else (NODE,))
    state = compiled(
        endpoints=[endpoint, workload("a", A), workload("b", B)],
        policies=[LEASED],
        leases=[lease_set("s:web", "web.example.org")],
    )
    enforce(empty_way, state)
    pair = ip_address(A).packed + ip_address(FAR).packed
    with empty_way.node.entered(), NetfilterSocket() as writer:
        writer.transact(nftables.add_elements("dnsguard", "d4-web", [Element(pair, 600_000)]))
        assert empty_way.send("a", "net", FAR, 443) == ARRIVED
        assert empty_way.send("a", "net", NEAR, 443) == "tier-application-egress-end"
        assert empty_way.send("b", "net", FAR, 443) == "tier-application-egress-end"
        writer.transact(nftables.delete_elements("dnsguard", "d4-web", [Element(pair)]))


EARLY_AND_FORWARD = (*EARLY_STAGES, staged(INGRESS, Stage.FORWARD, FORWARD, default=DENY))


@pytest.mark.parametrize("port", [pytest.param(90, id="untracked"), pytest.param(91, id="pre-DNAT")])
def test_an_early_allow_excuses_from_the_same_endpoint_only(empty_way: Road, port: int) -> None:
    """The forward ingress of eth0 would deny; the forward egress of what the packet leaves by has its say."""
    policies = [UNTRACKED, PRE_DNAT, NORMAL, FORWARD]
    entrance = host("eth0", "eth0", *EARLY_AND_FORWARD)
    enforce(empty_way, compiled(endpoints=[entrance, workload("a", A)], policies=policies))
    assert empty_way.send("net", "a", A, 92) == "tier-application-ingress-end"
    assert empty_way.send("net", "a", A, port) == ARRIVED
    way_out = host("way-out", "*", staged(EGRESS, Stage.FORWARD, FORWARD, default=DENY))
    enforce(empty_way, compiled(endpoints=[entrance, way_out, workload("a", A)], policies=policies))
    assert empty_way.send("net", "a", A, port) == "tier-application-egress-end"


def test_failsafe_of_the_untracked_stage_ends_that_stage_for_forwarded_packets(empty_way: Road) -> None:
    """The untracked policy denies all that comes from there; the forward stage knows no failsafe."""
    policies = [UNTRACKED, PRE_DNAT, NORMAL, FORWARD]
    enforce(empty_way, compiled(endpoints=[host("eth0", "eth0", *EARLY_STAGES), workload("a", A)], policies=policies))
    assert empty_way.send("net", "a", A, 80, FAR) == "gnp-application.untracked-ingress-0"
    assert empty_way.send("net", "a", A, 68, FAR) == ARRIVED
    entrance = host("eth0", "eth0", *EARLY_AND_FORWARD)
    enforce(empty_way, compiled(endpoints=[entrance, workload("a", A)], policies=policies))
    assert empty_way.send("net", "a", A, 68, FAR) == "tier-application-ingress-end"


def test_failsafe_ports_change_while_policy_stands(empty_way: Road) -> None:
    planner = Planner()
    state = compiled(endpoints=[host("node", "eth0", *EARLY_STAGES)], policies=[UNTRACKED, PRE_DNAT, NORMAL])
    for inbound, open_port, closed_port in ((68, 68, 69), (69, 69, 68), (68, 68, 69)):
        settings = replace(SETTINGS, failsafe=FailsafePorts((FailsafePort(UDP, inbound),), ()))
        empty_way.driver.apply(planner.plan(state, settings))
        assert empty_way.send("net", "node", NODE, open_port) == ARRIVED
        assert empty_way.send("net", "node", NODE, closed_port) == "no-profile-ingress"


OPEN = HostAction.ACCEPT, HostAction.RETURN


@pytest.mark.parametrize("opened", OPEN)
def test_what_workloads_may_do_to_their_node_changes_for_new_connections(empty_way: Road, opened: HostAction) -> None:
    planner = Planner()
    state = compiled(endpoints=[workload("a", A, interface="cali-a")])
    receiver = empty_way.listen("node", NODE, 81)
    receiver.settimeout(5)
    try:
        empty_way.driver.apply(planner.plan(state, replace(SETTINGS, endpoint_to_host=opened)))
        with empty_way.places["a"].entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as known:
            known.settimeout(5)
            known.sendto(b"?", (NODE, 81))
            receiver.sendto(b"!", receiver.recvfrom(1)[1])
            assert known.recv(1) == b"!"
            empty_way.driver.apply(planner.plan(state, replace(SETTINGS, endpoint_to_host=HostAction.DROP)))
            known.sendto(b"?", (NODE, 81))
            assert receiver.recv(1) == b"?"
    finally:
        receiver.setblocking(False)
    assert empty_way.send("a", "node", NODE, 81) == "workload-to-host"
