"""Which packets a rule matches."""

from typing import Any

import pytest

from dnsguard.calc.compiled import Action, Compiled, CompiledRule, EntityMatch, PortRange
from dnsguard.calc.evaluator.matching import nothing_leased, why_not
from dnsguard.calc.evaluator.packet import ICMP, ICMPV6, TCP, UDP, Packet
from dnsguard.calc.evaluator.trace import Decider
from tests.unit.calc.builders import global_network_set, workload
from tests.unit.calc.probes import OUT, egress, judged, packet

MATCHES = [
    # rule, packet, matches
    ({}, packet("10.0.0.1", OUT), True),
    ({"ipVersion": 6}, packet("10.0.0.1", OUT), False),
    ({"ipVersion": 6}, packet("fd00::1", "2001:db8::1"), True),
    ({"protocol": "UDP"}, packet("10.0.0.1", OUT), False),
    ({"notProtocol": "TCP"}, packet("10.0.0.1", OUT), False),
    ({"notProtocol": "UDP"}, packet("10.0.0.1", OUT), True),
    ({"destination": {"nets": ["203.0.113.0/24"]}}, packet("10.0.0.1", OUT), True),
    ({"destination": {"nets": ["203.0.112.0/24"]}}, packet("10.0.0.1", OUT), False),
    ({"destination": {"nets": []}}, packet("10.0.0.1", OUT), False),
    ({"destination": {"notNets": ["203.0.113.0/24"]}}, packet("10.0.0.1", OUT), False),
    ({"destination": {"notNets": ["203.0.112.0/24"]}}, packet("10.0.0.1", OUT), True),
    ({"destination": {"notNets": ["203.0.112.0/24"]}}, packet("fd00::1", "2001:db8::1"), False),
    ({"destination": {"notNets": []}}, packet("fd00::1", "2001:db8::1"), True),
    ({"protocol": "TCP", "destination": {"ports": ["440:450"]}}, packet("10.0.0.1", OUT), True),
    ({"protocol": "TCP", "destination": {"ports": [80]}}, packet("10.0.0.1", OUT), False),
    ({"protocol": "TCP", "destination": {"ports": []}}, packet("10.0.0.1", OUT), False),
    ({"protocol": "TCP", "destination": {"ports": [80]}}, packet("10.0.0.1", OUT, port=None), False),
    ({"protocol": "TCP", "destination": {"notPorts": [443]}}, packet("10.0.0.1", OUT), False),
    ({"protocol": "TCP", "destination": {"notPorts": [80]}}, packet("10.0.0.1", OUT), True),
    ({"protocol": "TCP", "source": {"ports": [7]}}, packet("10.0.0.1", OUT, source_port=7), True),
    ({"protocol": "TCP", "source": {"ports": [7]}}, packet("10.0.0.1", OUT, source_port=8), False),
    ({"source": {"nets": ["10.0.0.0/24"]}}, packet("10.0.0.1", OUT), True),
    ({"source": {"selector": "app == 'w'"}}, packet("10.0.0.1", OUT), True),
    ({"source": {"selector": "app == 'v'"}}, packet("10.0.0.1", OUT), False),
    ({"protocol": "ICMP", "icmp": {"type": 8}}, packet("10.0.0.1", OUT, ICMP, None, icmp_type=8, icmp_code=0), True),
    ({"protocol": "ICMP", "icmp": {"type": 8}}, packet("10.0.0.1", OUT, ICMP, None, icmp_type=9), False),
    ({"protocol": "ICMP", "icmp": {"type": 8, "code": 1}}, packet("10.0.0.1", OUT, ICMP, None, icmp_type=8), False),
    ({"protocol": "ICMP"}, packet("fd00::1", "2001:db8::1", ICMPV6, None), False),
    ({"notICMP": {"type": 8}}, packet("10.0.0.1", OUT), False),
    ({"notICMP": {"type": 8}}, packet("10.0.0.1", OUT, ICMP, None, icmp_type=8), False),
    ({"notICMP": {"type": 8}}, packet("10.0.0.1", OUT, ICMP, None, icmp_type=9), True),
    ({"notICMP": {"type": 8, "code": 1}}, packet("10.0.0.1", OUT, ICMP, None, icmp_type=8, icmp_code=0), True),
    ({"notICMP": {"type": 8}}, packet("10.0.0.1", OUT, ICMPV6, None, icmp_type=9), False),
    ({"notICMP": {"type": 8}}, packet("fd00::1", "2001:db8::1", ICMPV6, None, icmp_type=9), True),
]


@pytest.mark.parametrize(("rule", "probe", "matches"), MATCHES)
def test_a_rule_matches_packets(rule: dict[str, Any], probe: Packet, matches: bool) -> None:
    judgement = judged([egress({"action": "Allow", **rule})], probe)
    assert judgement.decision.decider is (Decider.RULE if matches else Decider.END_OF_TIER)
    (trace,) = judgement.tiers[0].policies[0].rules
    assert (trace.matched, trace.why_not == "") == (matches, matches)


@pytest.mark.parametrize(
    ("protocol", "says"),
    [
        (TCP, "destination port unknown is none of [53]"),
        (ICMP, "ICMP has no ports, and the rule asks for destination port [53]"),
    ],
)
def test_a_port_that_is_not_there_is_not_called_unknown(protocol: int, says: str) -> None:
    rule = CompiledRule(0, Action.ALLOW, destination=EntityMatch(ports=(PortRange(53, 53),)))
    assert why_not(rule, packet("10.0.0.1", OUT, protocol, None), Compiled(), nothing_leased) == says


NAMED = [
    workload("dns", "10.0.0.53", labels={"k": "dns"}, ports=[{"name": "dns", "protocol": "UDP", "port": 5353}]),
    workload("web", "10.0.0.80", labels={"k": "web"}),
]


@pytest.mark.parametrize(
    ("entity", "probe", "matches"),
    [
        ({"ports": [53, "dns"]}, packet("10.0.0.1", OUT, UDP, 53), True),
        ({"ports": [53, "dns"]}, packet("10.0.0.1", OUT, UDP, 5353), False),
        ({"ports": [53, "dns"]}, packet("10.0.0.1", "10.0.0.53", UDP, 5353), True),
        ({"ports": ["dns"]}, packet("10.0.0.1", "10.0.0.53", UDP, 53), False),
        ({"ports": ["dns"], "selector": "k == 'web'"}, packet("10.0.0.1", "10.0.0.53", UDP, 5353), False),
        ({"ports": [80, "dns"], "selector": "has(k)"}, packet("10.0.0.1", "10.0.0.80", UDP, 80), True),
        ({"ports": [80, "dns"], "selector": "has(k)"}, packet("10.0.0.1", OUT, UDP, 80), False),
        ({"ports": ["dns"], "notNets": ["10.0.0.53/32"]}, packet("10.0.0.1", "10.0.0.53", UDP, 5353), False),
        ({"ports": ["dns"], "domains": ["a.example"]}, packet("10.0.0.1", "10.0.0.53", UDP, 5353), False),
        ({"ports": [53, "dns"], "domains": ["a.example"]}, packet("10.0.0.1", "10.0.0.53", UDP, 5353), False),
        ({"notPorts": ["dns"]}, packet("10.0.0.1", "10.0.0.53", UDP, 5353), False),
        ({"notPorts": ["dns"]}, packet("10.0.0.1", "10.0.0.53", UDP, 53), True),
    ],
)
def test_named_ports(entity: dict[str, Any], probe: Packet, matches: bool) -> None:
    judgement = judged([*NAMED, egress({"action": "Allow", "protocol": "UDP", "destination": entity})], probe)
    assert judgement.decision.decider is (Decider.RULE if matches else Decider.END_OF_TIER)


LEARNED = {"10.0.0.1": {OUT}}


@pytest.mark.parametrize(
    ("rule", "destination", "leased", "allowed"),
    [
        ({"destination": {"domains": ["a.example"]}}, OUT, LEARNED, True),
        ({"destination": {"domains": ["a.example"]}}, OUT, {"10.0.0.9": {OUT}}, False),
        ({"destination": {"domains": ["a.example"]}}, "203.0.113.6", LEARNED, False),
        ({"destination": {"domains": ["a.example"], "notNets": [f"{OUT}/32"]}}, OUT, LEARNED, False),
        ({"destination": {"selector": "has(f)", "namespaceSelector": "global()"}}, OUT, LEARNED, True),
        ({"destination": {"selector": "has(f)", "namespaceSelector": "global()"}}, "192.0.2.1", {}, True),
        ({"destination": {"selector": "has(f)", "namespaceSelector": "global()"}}, "192.0.3.1", LEARNED, False),
        (
            {"destination": {"selector": "has(f)", "namespaceSelector": "global()", "nets": ["192.0.2.0/24"]}},
            OUT, LEARNED, False,
        ),
    ],
)  # fmt: skip
def test_leases(rule: dict[str, Any], destination: str, leased: dict[str, set[str]], allowed: bool) -> None:
    feed = global_network_set("g", labels={"f": ""}, nets=["192.0.2.0/24"], allowedEgressDomains=["a.example"])
    judgement = judged([feed, egress({"action": "Allow", **rule})], packet("10.0.0.1", destination), leased)
    assert (judgement.decision.action is Action.ALLOW) is allowed
