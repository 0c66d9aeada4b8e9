"""What is in force, and what would be if everything staged were."""

from typing import Any

import pytest

from dnsguard.calc.compile import Compiler, compile_policy
from dnsguard.calc.compiled import Direction, Stage
from dnsguard.calc.staging import View
from dnsguard.resources import Resource
from tests.unit.calc.builders import (
    global_policy,
    kubernetes_policy,
    policy,
    staged,
    staged_global,
    staged_kubernetes,
    tier,
    workload,
)

POD = workload("w", "10.0.0.1", orchestrator="k8s")
EGRESS: dict[str, Any] = {"types": ["Egress"]}
PODS: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Egress"]}


def judging(resources: list[Resource], view: View) -> list[tuple[str, list[str]]]:
    """Tiers and policies that judge what the pod sends, these as kind and name."""
    (endpoint,) = compile_policy([POD, tier("t", order=1), *resources], view).endpoints.values()
    tiers = endpoint.classes[Stage.NORMAL, Direction.EGRESS].tiers
    return [(each.tier, [f"{one.kind}/{one.name}" for one in each.policies]) for each in tiers]


@pytest.mark.parametrize(
    ("resources", "enforced", "pending"),
    [
        ([policy("p", **EGRESS)], {"default": ["NetworkPolicy/p"]}, {"default": ["NetworkPolicy/p"]}),
        # without a counterpart: inserted at its sorted place; a tier with nothing but staged policies is skipped
        ([staged("p", tier="t", **EGRESS)], {}, {"t": ["StagedNetworkPolicy/p"]}),
        ([staged("p", stagedAction="Learn", **EGRESS)], {}, {"default": ["StagedNetworkPolicy/p"]}),
        ([staged("p", stagedAction="Ignore", **EGRESS)], {}, {}),
        (
            [policy("a", **EGRESS), staged("b", **EGRESS), policy("c", **EGRESS)],
            {"default": ["NetworkPolicy/a", "NetworkPolicy/c"]},
            {"default": ["NetworkPolicy/a", "StagedNetworkPolicy/b", "NetworkPolicy/c"]},
        ),
        # with one: it takes the other's place in the list of policies, and its own place in order
        (
            [policy("p", order=1, **EGRESS), policy("q", order=2, **EGRESS), staged("p", order=3, **EGRESS)],
            {"default": ["NetworkPolicy/p", "NetworkPolicy/q"]},
            {"default": ["NetworkPolicy/q", "StagedNetworkPolicy/p"]},
        ),
        (
            [policy("p", **EGRESS), staged("p", tier="t", **EGRESS)],
            {"default": ["NetworkPolicy/p"]},
            {"t": ["StagedNetworkPolicy/p"]},
        ),
        ([policy("p", **EGRESS), staged("p", types=["Ingress"])], {"default": ["NetworkPolicy/p"]}, {}),
        (
            [policy("p", **EGRESS), staged("p", stagedAction="Ignore", types=["Ingress"])],
            {"default": ["NetworkPolicy/p"]},
            {"default": ["NetworkPolicy/p"]},
        ),
        ([policy("p", **EGRESS), staged("p", stagedAction="Delete")], {"default": ["NetworkPolicy/p"]}, {}),
        # of another namespace, name or family it is another policy
        (
            [policy("p", **EGRESS), staged("p", "else", stagedAction="Delete"), staged("q", stagedAction="Delete")],
            {"default": ["NetworkPolicy/p"]},
            {"default": ["NetworkPolicy/p"]},
        ),
        (
            [policy("p", **EGRESS), staged_global("p", **EGRESS), kubernetes_policy("p", **PODS)],
            {"default": ["KubernetesNetworkPolicy/p", "NetworkPolicy/p"]},
            {"default": ["KubernetesNetworkPolicy/p", "StagedGlobalNetworkPolicy/p", "NetworkPolicy/p"]},
        ),
        (
            [global_policy("p", **EGRESS), staged_global("p", selector="has(nothing)", **EGRESS)],
            {"default": ["GlobalNetworkPolicy/p"]},
            {},
        ),
        (
            [kubernetes_policy("p", **PODS), staged_kubernetes("p", **PODS)],
            {"default": ["KubernetesNetworkPolicy/p"]},
            {"default": ["StagedKubernetesNetworkPolicy/p"]},
        ),
        (
            [kubernetes_policy("p", **PODS), staged_kubernetes("p", stagedAction="Delete")],
            {"default": ["KubernetesNetworkPolicy/p"]},
            {},
        ),
        # an enforced policy comes before the staged one of its order when only the kind tells them apart
        (
            [policy("p", **EGRESS), staged_kubernetes("q", **PODS), staged("q", order=1000, **EGRESS)],
            {"default": ["NetworkPolicy/p"]},
            {"default": ["StagedKubernetesNetworkPolicy/q", "StagedNetworkPolicy/q", "NetworkPolicy/p"]},
        ),
    ],
)
def test_what_judges_in_each_view(
    resources: list[Resource], enforced: dict[str, list[str]], pending: dict[str, list[str]]
) -> None:
    for order in (resources, resources[::-1]):
        assert dict(judging(order, View.ENFORCED)) == enforced
        assert dict(judging(order, View.PENDING)) == pending


def test_a_deletion_of_what_is_not_there_is_reported_to_those_who_look_ahead() -> None:
    resources = [POD, staged("p", stagedAction="Delete")]
    assert compile_policy(resources).warnings == ()
    assert compile_policy(resources, View.PENDING).warnings == (
        "NetworkPolicy/shop/p: staged to be deleted, and not there",
    )


def test_what_is_staged_leaves_no_trace_in_force() -> None:
    """Not even a namespace that nothing else speaks of."""
    listed = workload("w", "10.0.0.1", profiles=["kns.fresh"])
    rules = [{"action": "Allow", "destination": {"domains": ["a.example"]}}]
    resources = [listed, staged("p", "fresh", egress=rules), staged_global("p", tier="missing", egress=rules)]
    assert compile_policy(resources) == compile_policy([listed])
    assert "'kns.fresh' does not exist" in compile_policy(resources).warnings[0]
    assert compile_policy(resources, View.PENDING).warnings == (
        "StagedGlobalNetworkPolicy/p: not enforced, since there is no tier 'missing'",
    )


def test_something_staged_costs_what_is_in_force_nothing() -> None:
    compiler = Compiler()
    before = compiler.compile([POD, policy("p", **EGRESS)])
    assert compiler.compile([POD, policy("p", **EGRESS), staged("p", **EGRESS)]) is before
