"""What the stages of host endpoints do to packets."""

from collections.abc import Iterator
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
from dnsguard.calc.failsafe import FailsafePort, FailsafePorts
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Settings
from dnsguard.netlink.socket import NetfilterSocket
from tests.support.compiled import compiled, host, nets, policy, policy_class, ports, tier, workload
from tests.support.road import Road, road

UDP = 17
EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS
ALLOW, DENY, PASS = Action.ALLOW, Action.DENY, Action.PASS
A, NODE = "10.65.0.2", "192.0.2.1"
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
    with road() as made:
        with made.node.entered():
            socket = NetfilterSocket()
        with socket:
            made.driver = Driver(socket, build_plan(Compiled(), SETTINGS))
            yield made


def enforce(way: Road, state: Compiled) -> None:
    assert way.driver is not None
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
