"""Which profiles there are."""

from dnsguard.calc.profiles import EffectiveProfile, effective_profiles
from dnsguard.resources import Action
from tests.unit.calc.builders import namespace, network_set, policy, profile, workload


def test_a_namespace_brings_a_profile_that_allows_and_labels() -> None:
    found = effective_profiles([namespace("shop", env="prod")])["kns.shop"]
    assert [rule.action for rule in (*found.ingress, *found.egress)] == [Action.ALLOW, Action.ALLOW]
    assert found.labels["pcns.env"] == "prod"
    assert found.labels["pcns.projectcalico.org/name"] == "shop"


def test_a_namespace_that_is_merely_mentioned_has_one_too() -> None:
    mentioned = [workload("w", namespace="a"), network_set("n", namespace="b"), policy("p", namespace="c")]
    assert {"kns.a", "kns.b", "kns.c"} <= effective_profiles(mentioned).keys()


def test_a_defined_namespace_keeps_its_labels_whatever_the_order() -> None:
    resources = [namespace("shop", env="prod"), workload("w", namespace="shop")]
    for order in (resources, resources[::-1]):
        assert effective_profiles(order)["kns.shop"].labels["pcns.env"] == "prod"


def test_a_service_account_that_a_workload_names_has_a_profile_without_rules() -> None:
    found = effective_profiles([workload("w", serviceAccountName="robot")])["ksa.shop.robot"]
    assert found == EffectiveProfile((), (), {"pcsa.projectcalico.org/name": "robot"})


def test_a_written_profile_takes_the_place_of_a_made_one() -> None:
    written = profile("kns.shop", egress=[{"action": "Deny"}], labelsToApply={"a": "b"})
    found = effective_profiles([namespace("shop"), written])["kns.shop"]
    assert [rule.action for rule in found.egress] == [Action.DENY]
    assert (found.ingress, found.labels) == ((), {"a": "b"})


def test_default_allow_is_always_there() -> None:
    assert effective_profiles([])["projectcalico-default-allow"].egress[0].action is Action.ALLOW
