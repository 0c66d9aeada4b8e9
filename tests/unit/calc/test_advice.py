"""Warnings about resources that do not fit together."""

import pytest

from dnsguard.calc.compile import Compiler, compile_policy
from dnsguard.calc.staging import View
from dnsguard.resources import Resource
from tests.unit.calc.builders import (
    global_network_set,
    global_policy,
    host,
    kubernetes_policy,
    network_set,
    staged_kubernetes,
    workload,
)


def test_stages_that_some_endpoints_do_not_have() -> None:
    compiled = compile_policy(
        [
            host("h", "10.0.0.1"),
            host("all", interfaceName="*"),
            workload("w", "10.1.0.1"),
            global_policy("untracked", doNotTrack=True, applyOnForward=True),
            global_policy("pre", preDNAT=True, applyOnForward=True),
            global_policy("forward", applyOnForward=True),
        ]
    )
    assert compiled.warnings == (
        "GlobalNetworkPolicy/pre: without effect on workload shop/w: it applies to host endpoints only",
        "GlobalNetworkPolicy/untracked: without effect on all: doNotTrack needs a named interface",
        "GlobalNetworkPolicy/untracked: without effect on workload shop/w: it applies to host endpoints only",
    )


def test_an_address_that_two_workloads_claim_is_reported() -> None:
    compiled = compile_policy([workload("a", "10.0.0.1"), workload("b", "10.0.0.1"), host("h", "10.0.0.1")])
    assert compiled.warnings == ("WorkloadEndpoint shop/b: shop/a has the address 10.0.0.1 too, and gets its packets",)


def test_domains_behind_a_negated_selector_are_reported() -> None:
    compiled = compile_policy(
        [
            global_network_set("g", labels={"a": "b"}, allowedEgressDomains=["a.example"]),
            global_policy(
                "p", types=["Egress"], egress=[{"action": "Allow", "destination": {"notSelector": "has(a)"}}]
            ),
        ]
    )
    assert len(compiled.warnings) == 1
    assert "egress[0].destination.notSelector matches network sets with domains" in compiled.warnings[0]


NO_POD = (
    "KubernetesNetworkPolicy/shop/p: without effect on workloads that its podSelector matches and that are no pods:"
    " write orchestrator: k8s in their spec, or a policy of Calico's",
)
OF_A = {"matchLabels": {"app": "a"}}


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([workload("w", "10.0.0.1")], NO_POD),
        ([workload("w", "10.0.0.1", orchestrator="docker"), workload("v", "10.0.0.2", orchestrator="k8s")], NO_POD),
        ([workload("w", "10.0.0.1", orchestrator="k8s")], ()),
        ([workload("w", "10.0.0.1", namespace="else")], ()),
        ([workload("w")], ()),
        ([network_set("s", nets=["10.0.0.1"])], ()),
        ([], ()),
    ],
)
def test_workloads_that_a_kubernetes_policy_passes_over_are_reported(
    others: list[Resource], said: tuple[str, ...]
) -> None:
    assert compile_policy([kubernetes_policy("p"), *others]).warnings == said


def test_only_workloads_that_its_pod_selector_matches_are_passed_over() -> None:
    of_a, other = kubernetes_policy("p", podSelector=OF_A), workload("w", "10.0.0.1", labels={"app": "b"})
    assert compile_policy([of_a, other]).warnings == ()
    assert compile_policy([of_a, workload("w", "10.0.0.1", labels={"app": "a"})]).warnings == NO_POD


def test_passing_over_is_reported_for_as_long_as_it_lasts() -> None:
    compiler, policy = Compiler(), kubernetes_policy("p")
    assert compiler.compile([policy]).warnings == ()
    assert compiler.compile([policy, workload("w", "10.0.0.1")]).warnings == NO_POD
    assert compiler.compile([policy, workload("w", "10.0.0.1", orchestrator="k8s")]).warnings == ()
    assert compiler.compile([policy, workload("w", "10.0.0.1")]).warnings == NO_POD
    assert compiler.compile([workload("w", "10.0.0.1")]).warnings == ()


def test_what_a_staged_kubernetes_policy_would_pass_over_is_reported_as_pending() -> None:
    resources = [staged_kubernetes("p"), workload("w", "10.0.0.1")]
    assert compile_policy(resources).warnings == ()
    (line,) = compile_policy(resources, View.PENDING).warnings
    assert line.startswith("StagedKubernetesNetworkPolicy/shop/p: without effect on workloads")
