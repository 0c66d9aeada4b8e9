"""Whose packet it is."""

from ipaddress import ip_address

import pytest

from dnsguard.calc.compiled import CompiledEndpoint, Direction, EndpointId
from dnsguard.calc.evaluator.trace import Decider
from dnsguard.controller.denied.whose import Whose
from dnsguard.dataplane.rulenames import RuleNamed
from dnsguard.netlink.headers import Headers
from dnsguard.observe.packetrecord import Party
from tests.support.compiled import compiled, workload

A, B, FAR, NODE = "10.65.0.2", "2001:db8:65::3", "10.65.7.1", "192.0.2.1"
OUT, IN = Direction.EGRESS, Direction.INGRESS
END = {each: RuleNamed(Decider.END_OF_TIER, each, "app") for each in Direction}
SPOOFED, INVALID = RuleNamed(Decider.SPOOFED, None), RuleNamed(Decider.INVALID, None)


def host(name: str, interface: str, *addresses: str) -> CompiledEndpoint:
    return CompiledEndpoint(
        EndpointId("HostEndpoint", "", name), "here", interface, tuple(map(ip_address, addresses)), {}, {}
    )


ENDPOINTS = [
    workload("a", A, interface="cali-a", node="here"),
    workload("b", B, interface="cali-b", node="here"),
    workload("p", "10.65.0.8", interface="br0", node="here"),
    workload("q", "10.65.0.9", interface="br0", node="here"),
    workload("far", FAR, interface="cali-far", node="there"),
    host("gw", "eth1"),
    host("by-address", "", NODE),
    host("any", "*"),
]


@pytest.fixture
def whose() -> Whose:
    made = Whose("here")
    made.follow(compiled(endpoints=ENDPOINTS))
    return made


@pytest.mark.parametrize(
    ("rule", "source", "destination", "way", "expected"),
    [
        (END[OUT], A, "198.51.100.1", ("cali-a", "eth0"), Party("app/a", OUT)),
        (END[OUT], A, FAR, ("cali-a", "eth0"), Party("app/a", OUT, "app/far")),
        (END[IN], "198.51.100.1", A, ("eth0", "cali-a"), Party("app/a", IN)),
        (END[IN], FAR, A, ("eth0", "cali-a"), Party("app/a", IN, "app/far")),
        (END[IN], A, B, ("cali-a", "cali-b"), Party("app/b", IN, "app/a")),
        (END[IN], "198.51.100.1", "10.9.9.9", ("eth1", ""), Party("gw", IN)),
        (END[OUT], "10.9.9.9", "198.51.100.1", ("", "eth1"), Party("gw", OUT)),
        (END[IN], "198.51.100.1", NODE, ("eth9", ""), Party("by-address", IN)),
        (END[IN], "198.51.100.1", "10.9.9.9", ("eth9", ""), Party("any", IN)),
        (SPOOFED, FAR, "198.51.100.1", ("cali-b", "eth0"), Party("app/b", OUT)),
        (SPOOFED, A, B, ("cali-x", "cali-b"), Party("", "", "app/b")),
        (SPOOFED, FAR, "198.51.100.1", ("br0", "eth0"), Party()),
        (END[OUT], "10.65.0.9", "198.51.100.1", ("br0", "eth0"), Party("app/q", OUT)),
        (SPOOFED, NODE, "10.9.9.9", ("eth0", ""), Party()),
        (INVALID, A, "198.51.100.1", ("cali-a", "eth0"), Party("app/a", OUT)),
        (INVALID, "198.51.100.1", A, ("cali-z", "cali-a"), Party("app/a", IN)),
        (None, A, "198.51.100.1", ("cali-a", "eth0"), Party("app/a", OUT)),
    ],
)
def test_whose_packet_it_is(
    whose: Whose, rule: RuleNamed | None, source: str, destination: str, way: tuple[str, str], expected: Party
) -> None:
    packet = Headers(ip_address(source).packed, ip_address(destination).packed, 6)
    if rule is INVALID and expected.direction == IN:
        whose.follow(compiled(endpoints=ENDPOINTS[:7]))  # without the one that stands for every interface
    assert whose.party(rule, packet, *way) == expected


def test_a_workload_that_nobody_knows_is_nobody(whose: Whose) -> None:
    packet = Headers(ip_address("10.65.9.9").packed, ip_address("198.51.100.1").packed, 6)
    whose.follow(compiled(endpoints=ENDPOINTS[:7]))
    unknown = RuleNamed(Decider.UNKNOWN_WORKLOAD, OUT)
    assert whose.party(unknown, packet, "cali-x", "eth0") == Party("", OUT)


def test_endpoints_come_and_go(whose: Whose) -> None:
    first = workload("0-first", A, interface="cali-0", node="here")
    packet = Headers(ip_address(A).packed, ip_address("198.51.100.1").packed, 6)
    whose.follow(compiled(endpoints=[*ENDPOINTS, first]))
    assert whose.party(END[OUT], packet, "cali-a", "eth0").endpoint == "app/0-first", "the first by name has it"
    whose.follow(compiled(endpoints=ENDPOINTS))
    assert whose.party(END[OUT], packet, "cali-a", "eth0").endpoint == "app/a"
    whose.follow(compiled())
    assert whose.party(END[OUT], packet, "cali-a", "eth0") == Party("", OUT)
