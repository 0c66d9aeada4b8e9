"""Which profiles there are."""

from collections.abc import Iterable

from dnsguard.calc.changes import Change
from dnsguard.calc.profiles import EffectiveProfile, ProfileBook
from dnsguard.resources import Action, Resource
from tests.unit.calc.builders import namespace, network_set, policy, profile, workload


def effective(resources: Iterable[Resource], name: str) -> EffectiveProfile:
    book = ProfileBook()
    book.apply(Change(None, resource) for resource in resources)
    found = book.get(name)
    assert found is not None
    return found


def test_a_namespace_brings_a_profile_that_allows_and_labels() -> None:
    found = effective([namespace("shop", env="prod")], "kns.shop")
    assert [rule.action for rule in (*found.ingress, *found.egress)] == [Action.ALLOW, Action.ALLOW]
    assert found.labels["pcns.env"] == "prod"
    assert found.labels["pcns.projectcalico.org/name"] == "shop"


def test_a_namespace_that_is_merely_mentioned_has_one_too() -> None:
    mentioned = [workload("w", namespace="a"), network_set("n", namespace="b"), policy("p", namespace="c")]
    for name in ("kns.a", "kns.b", "kns.c"):
        assert effective(mentioned, name).labels["pcns.projectcalico.org/name"] == name.removeprefix("kns.")


def test_a_defined_namespace_keeps_its_labels_whatever_the_order() -> None:
    resources = [namespace("shop", env="prod"), workload("w", namespace="shop")]
    for order in (resources, resources[::-1]):
        assert effective(order, "kns.shop").labels["pcns.env"] == "prod"


def test_a_service_account_that_a_workload_names_has_a_profile_without_rules() -> None:
    found = effective([workload("w", serviceAccountName="robot")], "ksa.shop.robot")
    assert found == EffectiveProfile((), (), {"pcsa.projectcalico.org/name": "robot"})


def test_a_written_profile_takes_the_place_of_a_made_one() -> None:
    written = profile("kns.shop", egress=[{"action": "Deny"}], labelsToApply={"a": "b"})
    found = effective([namespace("shop"), written], "kns.shop")
    assert [rule.action for rule in found.egress] == [Action.DENY]
    assert (found.ingress, found.labels) == ((), {"a": "b"})


def test_default_allow_is_always_there() -> None:
    assert effective([], "projectcalico-default-allow").egress[0].action is Action.ALLOW


def test_a_change_tells_which_profiles_are_others_now() -> None:
    book = ProfileBook()
    first, second, plain = namespace("shop", env="prod"), namespace("shop", env="dev"), workload("w")
    assert book.apply([Change(None, plain)]).keys() == {"kns.shop"}
    assert book.apply([Change(None, first)])["kns.shop"].relabels
    assert book.apply([Change(None, workload("v"))]) == {}
    assert book.apply([Change(first, second)])["kns.shop"].relabels
    same_labels = profile("kns.shop", labelsToApply={**book.labels("kns.shop")})
    change = book.apply([Change(None, same_labels)])["kns.shop"]
    assert not change.relabels
    book.apply([Change(same_labels, None), Change(second, None), Change(workload("v"), None), Change(plain, None)])
    assert book.get("kns.shop") is None
