"""Who is asked first."""

from itertools import permutations

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Action, Direction, Stage
from dnsguard.calc.ordering import BUILTIN, ordered_tier
from dnsguard.resources import Tier
from tests.unit.calc.builders import global_policy, kubernetes_policy, policy, tier, workload
from tests.unit.calc.places import place


def test_tiers_go_by_order_then_name_and_the_built_in_ones_are_there() -> None:
    written = [tier("z", order=-0.5), tier("b"), tier("a", order=1_000_000), tier("e", defaultAction="Pass", order=5)]
    tiers = [*BUILTIN.values(), *(ordered_tier(each) for each in written if isinstance(each, Tier))]
    ordered = sorted(tiers, key=lambda each: each.rank)
    assert [each.rank.name for each in ordered] == ["z", "e", "kube-admin", "a", "b", "default", "kube-baseline"]
    assert [each.rank.name for each in ordered if each.default_action is Action.PASS] == [
        "e",
        "kube-admin",
        "kube-baseline",
    ]


def test_policies_go_by_order_then_name_namespace_and_kind() -> None:
    resources = [
        workload("w", namespace="ns1", orchestrator="k8s"),
        policy("a", "ns1", order=5),
        global_policy("a", order=5),
        global_policy("a-x", order=5),
        global_policy("a.x", order=5),
        global_policy("late"),
        global_policy("last-of-all", tier="last"),
        tier("last", order=1_000_001),
        policy("early", "ns1", order=-1.5),
        global_policy("zero", order=0),
        kubernetes_policy("k", "ns1"),
    ]
    wanted = ["early", "zero", "a-x", "a.x", "a", "a", "k", "late"]
    for order in (resources, resources[::-1], resources[5:] + resources[:5]):
        compiled = compile_policy(order)
        default, last = place(compiled, "w", Stage.NORMAL, Direction.INGRESS) or []
        assert (default[0], default[2]) == ("default", wanted)
        assert last == ("last", "deny", ["last-of-all"])
        (endpoint,) = compiled.endpoints.values()
        policies = endpoint.classes[Stage.NORMAL, Direction.INGRESS].tiers[0].policies
        assert [each.kind for each in policies[4:7]] == [
            "GlobalNetworkPolicy",
            "NetworkPolicy",
            "KubernetesNetworkPolicy",
        ]


def test_ties_are_broken_by_the_kind_in_the_end() -> None:
    both = [policy("p", order=1000), kubernetes_policy("p"), workload("w", orchestrator="k8s")]
    for order in permutations(both):
        (endpoint,) = compile_policy(order).endpoints.values()
        policies = endpoint.classes[Stage.NORMAL, Direction.INGRESS].tiers[0].policies
        assert [each.kind for each in policies] == ["KubernetesNetworkPolicy", "NetworkPolicy"]


def test_a_policy_without_its_tier_is_not_enforced_and_says_so() -> None:
    compiled = compile_policy([workload("w"), policy("p", tier="missing")])
    assert compiled.policies == {}
    assert compiled.warnings == ("NetworkPolicy/shop/p: not enforced, since there is no tier 'missing'",)
