"""A packet on its way: which endpoints judge it, in which stages, and what comes of it."""

from ipaddress import ip_address

import pytest

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Action, Compiled, EndpointId, Stage
from dnsguard.calc.trace import Decider, Decision
from dnsguard.calc.verdict import Evaluator, evaluate
from dnsguard.resources import Resource
from tests.unit.calc.builders import global_policy, host, policy, workload
from tests.unit.calc.probes import OUT, P, W, egress, packet

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
    workloads = [workload("w", "10.0.0.1"), workload("v", "10.0.0.2")]
    return compile_policy([*workloads, host("in"), host("out", interfaceName="eth1"), *policies])


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


def test_a_host_in_the_middle_denies_too() -> None:
    only_hosts = "!has(projectcalico.org/name)"
    hosts = global_policy("f", namespaceSelector=only_hosts, applyOnForward=True, types=["Ingress"])
    compiled = forwarding(hosts)
    verdict = evaluate(compiled, packet("10.0.0.1", "10.0.0.2"), entry=EndpointId("HostEndpoint", "", "in"))
    assert [each.decision.action for each in verdict.judgements] == [Action.ALLOW, None, Action.DENY, Action.ALLOW]
    assert (verdict.action, str(verdict.decision)) == (Action.DENY, "end of tier default")


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


def test_who_has_an_address_that_several_claim() -> None:
    rivals = [host("a", "10.0.0.1"), workload("w", "10.0.0.1"), workload("x", "10.0.0.1")]
    for order in (rivals, rivals[::-1]):
        found = Evaluator(compile_policy(order)).endpoint_of(ip_address("10.0.0.1"))
        assert found is not None
        assert found.id == W
