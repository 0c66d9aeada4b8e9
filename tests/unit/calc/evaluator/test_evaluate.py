"""A packet on its way: what comes of all that judges it."""

from ipaddress import ip_address

import pytest

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Action
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.node import Node
from dnsguard.resources import Resource
from tests.unit.calc.builders import host, policy, workload
from tests.unit.calc.probes import OUT, P, W, egress, packet

NODE = Node("node-a", frozenset({ip_address("10.9.0.1")}))
ENDS = [
    workload("w", "10.0.0.1", node="node-a"),
    workload("v", "10.0.0.2", node="node-a", labels={"app": "v"}),
    workload("r", "10.0.0.3", node="node-b", labels={"app": "v"}),
    host("h", "10.9.0.1"),
    host("far", "10.9.0.2", node="node-b"),
    host("open", "10.9.0.3", node="node-b", profiles=["projectcalico-default-allow"]),
]
CLOSED = policy("closed", selector="app == 'v'", types=["Ingress"])


@pytest.mark.parametrize(
    ("resources", "source", "destination", "allowed", "way", "elsewhere"),
    [
        ([], "10.0.0.1", "10.0.0.2", True, ["w normal egress", "v normal ingress"], []),
        ([CLOSED], "10.0.0.1", "10.0.0.2", False, ["w normal egress", "v normal ingress"], []),
        ([CLOSED, egress()], "10.0.0.1", "10.0.0.2", False, ["w normal egress", "v normal ingress"], []),
        ([], "10.0.0.1", OUT, True, ["w normal egress"], []),
        ([CLOSED], OUT, "10.0.0.2", False, ["v normal ingress"], []),
        ([CLOSED], "10.0.0.1", "10.0.0.3", True, ["w normal egress"], ["r normal ingress"]),
        ([CLOSED], "10.0.0.3", "10.0.0.2", False, ["v normal ingress"], ["r normal egress"]),
        ([], "10.0.0.1", "10.9.0.2", True, ["w normal egress"],
         ["far untracked ingress", "far pre-dnat ingress", "far normal ingress"]),
        ([CLOSED], "10.9.0.3", "10.0.0.2", False, ["v normal ingress"],
         ["open untracked egress", "open normal egress"]),
        ([], OUT, "198.51.100.1", None, [], []),
        ([], "10.0.0.3", OUT, None, [], ["r normal egress"]),
    ],
)  # fmt: skip
def test_both_ends_are_judged_each_by_its_node(
    resources: list[Resource], source: str, destination: str, allowed: bool | None, way: list[str], elsewhere: list[str]
) -> None:
    verdict = Evaluator(compile_policy([*ENDS, *resources]), NODE).evaluate(packet(source, destination))
    assert verdict.action is (None if allowed is None else Action.ALLOW if allowed else Action.DENY)
    assert [f"{each.endpoint.name} {each.stage} {each.direction}" for each in verdict.judgements] == way
    assert [f"{each.endpoint.name} {each.stage} {each.direction}" for each in verdict.elsewhere] == elsewhere


def test_the_first_deny_is_the_one_that_decides() -> None:
    verdict = Evaluator(compile_policy([*ENDS, CLOSED, egress()]), NODE).evaluate(packet("10.0.0.1", "10.0.0.2"))
    assert not verdict.allowed
    assert verdict.decision == verdict.judgements[0].decision
    assert verdict.decision is not None
    assert verdict.decision.policy == P


def test_who_has_an_address_that_several_claim() -> None:
    rivals = [host("a", "10.0.0.1"), workload("w", "10.0.0.1"), workload("x", "10.0.0.1")]
    for order in (rivals, rivals[::-1]):
        found = Evaluator(compile_policy(order)).endpoint_of(ip_address("10.0.0.1"))
        assert found is not None
        assert found.id == W
