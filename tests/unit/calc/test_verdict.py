"""What happens to a packet, and who decided."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Action, Address, Compiled, Direction, EndpointId, PolicyId, Stage
from dnsguard.calc.failsafe import NO_FAILSAFE, FailsafePort, FailsafePorts
from dnsguard.calc.packet import ICMP, ICMPV6, TCP, UDP, ImpossiblePacketError, Packet
from dnsguard.calc.trace import Decider, Decision, Judgement
from dnsguard.calc.verdict import Evaluator, evaluate
from dnsguard.resources import Resource
from tests.unit.calc.builders import global_network_set, global_policy, host, policy, profile, tier, workload

W = EndpointId("WorkloadEndpoint", "shop", "w")
OUT = "203.0.113.5"


def packet(source: str, destination: str, protocol: int = TCP, port: int | None = 443, **more: Any) -> Packet:
    return Packet(ip_address(source), ip_address(destination), protocol, destination_port=port, **more)


def egress(*rules: dict[str, Any], **spec: Any) -> Resource:
    return policy("p", types=["Egress"], egress=list(rules), **spec)


def judged(resources: list[Resource], probe: Packet, leased: dict[str, set[str]] | None = None) -> Judgement:
    """The judgement of `w` in shop on a packet from it; `leased` says which client holds which addresses."""
    compiled = compile_policy([workload("w", "10.0.0.1", "fd00::1", labels={"app": "w"}), *resources])

    def lookup(_lease_set: str, client: Address, address: Address) -> bool:
        return str(address) in (leased or {}).get(str(client), ())

    return Evaluator(compiled).judge(W, Direction.EGRESS, probe, lookup)


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


P = PolicyId("NetworkPolicy", "shop", "p")


@pytest.mark.parametrize(
    ("resources", "expected", "text"),
    [
        (
            [egress({"action": "Log"}, {"action": "Deny"})],
            Decision(Decider.RULE, Action.DENY, "default", P, rule_index=1),
            "rule 1 of NetworkPolicy/shop/p",
        ),
        (
            [egress(), policy("q", types=["Egress"])],
            Decision(Decider.END_OF_TIER, Action.DENY, "default", P, rule_index=-1),
            "end of tier default",
        ),
        (
            [egress({"action": "Pass"}), policy("q", types=["Egress"])],
            Decision(Decider.PROFILE, Action.ALLOW, profile="kns.shop", rule_index=0),
            "profile kns.shop",
        ),
        (
            [tier("t", order=1, defaultAction="Pass"), egress(tier="t"), policy("q", egress=[{"action": "Allow"}])],
            Decision(Decider.RULE, Action.ALLOW, "default", PolicyId("NetworkPolicy", "shop", "q"), rule_index=0),
            "rule 0 of NetworkPolicy/shop/q",
        ),
        ([], Decision(Decider.PROFILE, Action.ALLOW, profile="kns.shop", rule_index=0), "profile kns.shop"),
    ],
)
def test_who_decided(resources: list[Resource], expected: Decision, text: str) -> None:
    judgement = judged(resources, packet("10.0.0.1", OUT))
    assert judgement.decision == expected
    assert str(judgement.decision) == text


def test_profiles_are_asked_in_order_and_their_end_denies() -> None:
    rules = [{"action": "Deny", "destination": {"nets": ["192.0.2.0/24"]}}]
    compiled = compile_policy(
        [workload("w", "10.0.0.1", profiles=["a", "b"]), profile("a", egress=rules), profile("b", egress=[])]
    )
    judge = Evaluator(compiled).judge
    denied = judge(W, Direction.EGRESS, packet("10.0.0.1", "192.0.2.1"))
    assert denied.decision == Decision(Decider.PROFILE, Action.DENY, profile="a", rule_index=0)
    ended = judge(W, Direction.EGRESS, packet("10.0.0.1", OUT))
    assert ended.decision == Decision(Decider.NO_PROFILE, Action.DENY)
    assert [(each.name, [rule.why_not for rule in each.rules]) for each in ended.profiles] == [
        ("a", [f"destination {OUT} is in none of [192.0.2.0/24]"]),
        ("b", []),
    ]


def test_the_trace_shows_everything_that_was_looked_at() -> None:
    judgement = judged(
        [
            tier("t", order=1),
            egress({"action": "Pass", "protocol": "TCP"}, tier="t"),
            policy(
                "q", order=1, types=["Egress"], egress=[{"action": "Allow", "destination": {"domains": ["a.example"]}}]
            ),
            policy("r", order=2, types=["Egress"], egress=[{"action": "Log"}, {"action": "Allow", "protocol": "UDP"}]),
        ],
        packet("10.0.0.1", OUT),
    )
    assert [
        (
            each.name,
            each.outcome.value,
            each.by_rule,
            [(one.id.name, [rule.why_not for rule in one.rules]) for one in each.policies],
        )
        for each in judgement.tiers
    ] == [
        ("t", "pass", True, [("p", [""])]),
        (
            "default",
            "deny",
            False,
            [
                ("q", [f"destination {OUT} was not learned for 10.0.0.1 from a name of [a.example]"]),
                ("r", ["", "the protocol is 6, not 17"]),
            ],
        ),
    ]


TWO_ENDS = [
    workload("w", "10.0.0.1", node="node-a"),
    workload("v", "10.0.0.2", node="node-a", labels={"app": "v"}),
    host("h", "10.9.0.1"),
    host("far", "10.9.0.2", node="node-b"),
    host("open", "10.9.0.3", node="node-b", profiles=["projectcalico-default-allow"]),
]
CLOSED = policy("closed", selector="app == 'v'", types=["Ingress"])


@pytest.mark.parametrize(
    ("resources", "source", "destination", "allowed", "way"),
    [
        ([], "10.0.0.1", "10.0.0.2", True, ["w normal egress", "v normal ingress"]),
        ([CLOSED], "10.0.0.1", "10.0.0.2", False, ["w normal egress", "v normal ingress"]),
        ([CLOSED, egress()], "10.0.0.1", "10.0.0.2", False, ["w normal egress", "v normal ingress"]),
        ([], "10.0.0.1", OUT, True, ["w normal egress"]),
        ([CLOSED], OUT, "10.0.0.2", False, ["v normal ingress"]),
        ([], OUT, "10.9.0.1", False, ["h untracked ingress", "h pre-dnat ingress", "h normal ingress"]),
        ([], "10.9.0.1", OUT, False, ["h untracked egress", "h normal egress"]),
        ([CLOSED], "10.9.0.1", "10.0.0.2", None, []),
        ([CLOSED], "10.9.0.3", "10.0.0.2", False, ["open untracked egress", "open normal egress", "v normal ingress"]),
        ([], "10.0.0.1", "10.9.0.1", True, ["w normal egress"]),
        ([], "10.0.0.1", "10.9.0.2", False,
         ["w normal egress", "far untracked ingress", "far pre-dnat ingress", "far normal ingress"]),
        ([], OUT, "198.51.100.1", None, []),
    ],
)  # fmt: skip
def test_both_ends_are_judged(
    resources: list[Resource], source: str, destination: str, allowed: bool | None, way: list[str]
) -> None:
    verdict = evaluate(compile_policy([*TWO_ENDS, *resources]), packet(source, destination))
    assert verdict.action is (None if allowed is None else Action.ALLOW if allowed else Action.DENY)
    assert [f"{each.endpoint.name} {each.stage} {each.direction}" for each in verdict.judgements] == way


def test_the_first_deny_is_the_one_that_decides() -> None:
    verdict = evaluate(compile_policy([*TWO_ENDS, CLOSED, egress()]), packet("10.0.0.1", "10.0.0.2"))
    assert not verdict.allowed
    assert verdict.decision == verdict.judgements[0].decision
    assert verdict.decision is not None
    assert verdict.decision.policy == P


def forwarding(*policies: Resource) -> Compiled:
    return compile_policy([workload("w", "10.0.0.1"), host("in"), host("out", interfaceName="eth1"), *policies])


def test_a_forwarded_packet_passes_the_hosts_it_enters_and_leaves_by() -> None:
    first, last = EndpointId("HostEndpoint", "", "in"), EndpointId("HostEndpoint", "", "out")
    compiled = forwarding(global_policy("f", applyOnForward=True, types=["Egress"]))
    inwards = evaluate(compiled, packet(OUT, "10.0.0.1"), entry=first)
    assert [each.stage for each in inwards.judgements] == [Stage.UNTRACKED, Stage.PRE_DNAT, Stage.FORWARD, Stage.NORMAL]
    assert inwards.judgements[2].decision == Decision(Decider.NO_FORWARD_POLICY, Action.ALLOW)
    assert inwards.allowed
    outwards = evaluate(compiled, packet("10.0.0.1", OUT, port=22), leave=last)
    assert [str(each.decision) for each in outwards.judgements] == ["end of tier default", "end of tier default"]
    assert not outwards.allowed


def test_the_end_of_the_forward_stage_allows() -> None:
    rules = [{"action": "Pass"}]
    compiled = forwarding(global_policy("f", applyOnForward=True, types=["Ingress"], ingress=rules))
    verdict = evaluate(compiled, packet(OUT, "198.51.100.1"), entry=EndpointId("HostEndpoint", "", "in"))
    assert (verdict.action, verdict.decision) == (Action.ALLOW, Decision(Decider.END_OF_STAGE, Action.ALLOW))


STATELESS = {"applyOnForward": True, "types": ["Ingress"]}


@pytest.mark.parametrize("flag", ["doNotTrack", "preDNAT"])
@pytest.mark.parametrize(
    ("action", "port", "decider"),
    [
        ("Allow", 443, Decider.RULE),
        ("Deny", 443, Decider.RULE),
        ("Pass", 443, Decider.NO_PROFILE),
        ("Deny", 22, Decider.FAILSAFE),
    ],
)
def test_the_early_stages_of_a_host(flag: str, action: str, port: int, decider: Decider) -> None:
    early = global_policy("early", ingress=[{"action": action}], **{flag: True}, **STATELESS)
    verdict = evaluate(compile_policy([host("h", "10.9.0.1"), early]), packet(OUT, "10.9.0.1", port=port))
    assert verdict.decision is not None
    assert verdict.decision.decider is decider
    reached = [each.stage for each in verdict.judgements]
    assert (Stage.NORMAL in reached) is (decider is not Decider.RULE)


FAILSAFE = FailsafePorts((FailsafePort(TCP, 22, ip_network("203.0.113.0/24")),), (FailsafePort(UDP, 53),))


@pytest.mark.parametrize(
    ("failsafe", "direction", "stage", "probe", "covered"),
    [
        (None, Direction.INGRESS, Stage.NORMAL, packet(OUT, "10.9.0.1", TCP, 6443), True),
        (None, Direction.INGRESS, Stage.FORWARD, packet(OUT, "10.9.0.1", TCP, 6443), False),
        (None, Direction.EGRESS, Stage.NORMAL, packet("10.9.0.1", OUT, UDP, 53), True),
        (None, Direction.EGRESS, Stage.NORMAL, packet("10.9.0.1", OUT, TCP, 53), False),
        (NO_FAILSAFE, Direction.EGRESS, Stage.NORMAL, packet("10.9.0.1", OUT, UDP, 53), False),
        (FAILSAFE, Direction.INGRESS, Stage.PRE_DNAT, packet(OUT, "10.9.0.1", TCP, 22), True),
        (FAILSAFE, Direction.INGRESS, Stage.PRE_DNAT, packet("192.0.2.1", "10.9.0.1", TCP, 22), False),
        # replies, where nothing tracks connections
        (FAILSAFE, Direction.EGRESS, Stage.UNTRACKED, packet("10.9.0.1", OUT, TCP, 9, source_port=22), True),
        (FAILSAFE, Direction.EGRESS, Stage.UNTRACKED, packet("10.9.0.1", "192.0.2.1", TCP, 9, source_port=22), False),
        (FAILSAFE, Direction.EGRESS, Stage.NORMAL, packet("10.9.0.1", OUT, TCP, 9, source_port=22), False),
        (FAILSAFE, Direction.INGRESS, Stage.UNTRACKED, packet(OUT, "10.9.0.1", UDP, 9, source_port=53), True),
    ],
)
def test_failsafe_ports(
    failsafe: FailsafePorts | None, direction: Direction, stage: Stage, probe: Packet, covered: bool
) -> None:
    endpoint = EndpointId("HostEndpoint", "", "h")
    judgement = Evaluator(compile_policy([host("h", "10.9.0.1")]), failsafe).judge(
        endpoint, direction, probe, stage=stage
    )
    assert (judgement.decision.decider is Decider.FAILSAFE) is covered


def test_failsafe_ports_are_not_for_workloads() -> None:
    assert judged([egress()], packet("10.0.0.1", OUT, UDP, 53)).decision.action is Action.DENY


def test_where_a_host_and_a_workload_claim_an_address_it_is_the_workloads() -> None:
    compiled = compile_policy([host("a", "10.0.0.1"), workload("w", "10.0.0.1")])
    found = Evaluator(compiled).endpoint_of(ip_address("10.0.0.1"))
    assert found is not None
    assert found.id == W


def test_a_packet_has_one_ip_family() -> None:
    with pytest.raises(ImpossiblePacketError, match="different IP families"):
        packet("10.0.0.1", "fd00::1")
