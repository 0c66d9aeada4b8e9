"""What becomes of a connection, and what cannot be told."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

import pytest

from dnsguard.calc.compiled import Action, Address, Compiled, CompiledRule, Direction, EntityMatch, Stage
from dnsguard.calc.evaluator.matching import nothing_leased
from dnsguard.calc.evaluator.node import HostAction, Node
from dnsguard.controller.explain.routing import InterfaceOf, Pair, Passing
from dnsguard.controller.revoking.judging import FlowJudge, Ruling
from dnsguard.netlink.connections import EXPECTED, Connection, Opening
from tests.support.compiled import compiled, host, lease_set, nets, policy, policy_class, ports, tier, workload

A, WEB, FAR, NODE = "10.65.0.2", "192.0.2.10", "198.51.100.1", "192.0.2.1"
TCP = 6
EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS


def opening(source: str, destination: str, port: int = 443) -> Opening:
    return Opening(ip_address(source).packed, ip_address(destination).packed, TCP, 40_000, port)


def connection(opened: Opening, **fields: object) -> Connection:
    made = Connection(2, b"", opened, is_translated=False, master=None, status=0, mark=0)
    return made._replace(**fields)  # type: ignore[arg-type]


def web_only(*more: str) -> Compiled:
    """``a`` may reach one network on one port, and what is leased to it."""
    allowed = [
        CompiledRule(0, Action.ALLOW, protocol=TCP, destination=replace(nets("192.0.2.0/24"), ports=ports(443))),
        CompiledRule(0, Action.ALLOW, protocol=TCP, destination=EntityMatch(leases="s:web")),
    ]
    web = policy("app.web", allowed)
    ssh = CompiledRule(0, Action.ALLOW, protocol=TCP, destination=EntityMatch(ports=ports(22)))
    closed = policy("app.host", [], [ssh], namespace="")
    ingress = policy_class(INGRESS, tier("app", closed), profiles=())
    forward = policy_class(EGRESS, tier("app", closed), profiles=(), stage=Stage.FORWARD)
    early = policy_class(INGRESS, tier("app", closed, default=Action.PASS), profiles=(), stage=Stage.PRE_DNAT)
    hosts = {"ingress": host("eth0", "eth0", ingress), "forward": host("eth1", "eth1", forward),
             "early": host("eth2", "eth2", early)}  # fmt: skip
    egress = policy_class(EGRESS, tier("app", web))
    endpoints = [workload("a", A, interface="cali-a", egress=egress), *(hosts[name] for name in more)]
    names = lease_set("s:web", "www.example.org")
    return compiled(endpoints=endpoints, policies=[web, closed], leases=[names])


def ruled(found: Connection, state: Compiled, way: Passing | None = None, leased: str = "") -> Ruling:
    """Without a way nobody may ask for one."""

    def routing(pairs: Sequence[Pair], _interface_of: InterfaceOf) -> list[Passing]:
        assert way is not None, "asked for a way"
        return [way for _ in pairs]

    def is_leased(_set: str, _client: Address, address: Address) -> bool:
        return str(address) == leased

    node = Node(interface_addresses=(("eth0", (ip_address(NODE),)),), endpoint_to_host=HostAction.ACCEPT)
    (ruling,) = FlowJudge(state, node, is_leased, routing).judge([found])
    return ruling


@pytest.mark.parametrize(
    ("found", "ruling"),
    [
        pytest.param(opening(A, WEB), Ruling.ALLOWED, id="allowed"),
        pytest.param(opening(A, WEB, 80), Ruling.DENIED, id="another port"),
        pytest.param(opening(A, FAR), Ruling.DENIED, id="another address"),
        pytest.param(opening(WEB, FAR), Ruling.ALLOWED, id="of nobody that is judged here"),
        pytest.param(opening(WEB, A), Ruling.ALLOWED, id="into a workload, by its profile"),
    ],
)
def test_by_policy(found: Opening, ruling: Ruling) -> None:
    assert ruled(connection(found), web_only()) is ruling


def test_by_what_is_leased_now() -> None:
    assert ruled(connection(opening(A, FAR)), web_only(), leased=FAR) is Ruling.ALLOWED


def test_what_comes_of_another_one_is_judged_as_that() -> None:
    data = connection(opening(WEB, A, 20_000), status=EXPECTED, master=opening(A, WEB, 80))
    assert ruled(data, web_only()) is Ruling.DENIED
    assert ruled(data._replace(master=opening(A, WEB)), web_only()) is Ruling.ALLOWED


def test_what_was_translated_cannot_be_told_where_it_is_judged_before_that() -> None:
    found = connection(opening(A, FAR), is_translated=True)
    assert ruled(found, web_only()) is Ruling.DENIED
    assert ruled(found, web_only("early")) is Ruling.UNCERTAIN


@pytest.mark.parametrize(
    ("found", "way", "ruling"),
    [
        pytest.param(opening(WEB, NODE), Passing("eth0"), Ruling.DENIED, id="to the node, by its interface"),
        pytest.param(opening(WEB, NODE, 22), Passing("eth0"), Ruling.ALLOWED, id="that lets it in"),
        pytest.param(opening(A, WEB), Passing("cali-a", "eth0"), Ruling.ALLOWED, id="leaves where nobody judges"),
        pytest.param(opening(A, WEB), Passing("cali-a", "eth1"), Ruling.DENIED, id="leaves where somebody does"),
        pytest.param(opening(A, WEB), Passing(notes=("no route",)), Ruling.UNCERTAIN, id="goes nobody knows where"),
    ],
)
def test_by_the_interfaces_that_it_takes(found: Opening, way: Passing, ruling: Ruling) -> None:
    assert ruled(connection(found), web_only("ingress", "forward"), way) is ruling


def test_what_the_node_sends_is_judged_where_it_leaves() -> None:
    """By the interface that has the address it would be allowed."""
    closed = policy("app.out", [], namespace="")
    hosts = [
        host("eth0", "eth0", policy_class(EGRESS, tier("app", closed, default=Action.PASS)), addresses=(NODE,)),
        host("eth1", "eth1", policy_class(EGRESS, tier("app", closed))),
    ]
    state = compiled(endpoints=hosts, policies=[closed])
    found = connection(opening(NODE, FAR))
    assert ruled(found, state, Passing("", "eth0")) is Ruling.ALLOWED
    assert ruled(found, state, Passing("", "eth1")) is Ruling.DENIED


def test_an_address_that_the_kernel_takes_for_the_nodes_own() -> None:
    found = connection(opening(WEB, FAR))
    way = Passing("eth0", own=frozenset({ip_address(FAR)}))
    assert ruled(found, web_only("ingress", "forward"), way) is Ruling.DENIED


def test_connections_that_differ_in_their_sources_port_alone() -> None:
    """They are told apart only where a rule asks for that port."""
    state = web_only()
    (web,) = [each for each in state.policies.values() if each.id.name == "app.web"]
    by_port = replace(web.egress[0], source=EntityMatch(ports=ports(40_001)), destination=EntityMatch())
    found = [connection(opening(A, FAR)._replace(source_port=port)) for port in (40_000, 40_001, 40_000)]
    for egress, rulings in (
        (web.egress, [Ruling.DENIED] * 3),
        ((by_port,), [Ruling.DENIED, Ruling.ALLOWED, Ruling.DENIED]),
    ):
        policies = {**state.policies, web.id: replace(web, egress=egress)}
        judge = FlowJudge(replace(state, policies=policies), Node(), nothing_leased, lambda _pairs, _of: [])
        assert judge.judge(found) == rulings
