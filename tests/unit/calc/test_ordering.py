"""Who is asked first."""

from itertools import permutations

from dnsguard.calc.compiled import Action
from dnsguard.calc.ordering import ordered_tiers
from tests.unit.calc.builders import global_policy, policy, tier


def test_tiers_go_by_order_then_name_and_the_built_in_ones_are_there() -> None:
    resources = [tier("z", order=-0.5), tier("b"), tier("a", order=1_000_000), tier("e", defaultAction="Pass", order=5)]
    for order in permutations(resources):
        tiers, _ = ordered_tiers(order)
        assert [each.name for each in tiers] == ["z", "e", "kube-admin", "a", "b", "default", "kube-baseline"]
        assert [each.name for each in tiers if each.default_action is Action.PASS] == [
            "e",
            "kube-admin",
            "kube-baseline",
        ]


def test_policies_go_by_order_then_name_namespace_and_kind() -> None:
    resources = [
        policy("a", "ns2", order=5),
        policy("a", "ns1", order=5),
        global_policy("a", order=5),
        global_policy("a-x", order=5),
        global_policy("a.x", order=5),
        global_policy("late"),
        policy("early", order=-1.5),
        global_policy("zero", order=0),
    ]
    wanted = ["early", "zero", "a-x", "a.x", "a", "a", "a", "late"]
    for order in (resources, resources[::-1]):
        tiers, warnings = ordered_tiers(order)
        policies = next(each.policies for each in tiers if each.name == "default")
        assert [each.name for each in policies] == wanted
        assert [each.namespace for each in policies[4:7]] == ["", "ns1", "ns2"]
        assert warnings == ()


def test_a_policy_without_its_tier_is_not_enforced_and_says_so() -> None:
    tiers, warnings = ordered_tiers([policy("p", tier="missing")])
    assert not any(each.policies for each in tiers)
    assert warnings == ("NetworkPolicy/shop/p: not enforced, since there is no tier 'missing'",)
