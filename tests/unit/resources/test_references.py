"""Checks that need other objects, and the objects that are always there."""

from dnsguard.resources import kind_of, parse_object, to_dict, warnings
from dnsguard.resources.references import BUILTINS, deletion_causes, reference_causes, reference_warnings
from tests.unit.resources.objects import obj, policy, read


def test_the_built_in_objects() -> None:
    assert [(builtin.kind, builtin.name) for builtin in BUILTINS] == [
        ("Namespace", "default"),
        ("Tier", "kube-admin"),
        ("Tier", "default"),
        ("Tier", "kube-baseline"),
        ("Profile", "projectcalico-default-allow"),
    ]
    specs = {builtin.name: to_dict(builtin)["spec"] for builtin in BUILTINS if builtin.kind == "Tier"}
    assert specs == {
        "kube-admin": {"order": 1000, "defaultAction": "Pass"},
        "default": {"order": 1_000_000, "defaultAction": "Deny"},
        "kube-baseline": {"order": 10_000_000, "defaultAction": "Pass"},
    }
    for builtin in BUILTINS:
        assert parse_object(to_dict(builtin)) == builtin
        assert type(builtin) is kind_of(builtin.kind).model
        assert warnings(builtin) == ()


def test_built_in_objects_cannot_be_deleted() -> None:
    protected = [builtin for builtin in BUILTINS if deletion_causes(builtin, [])]
    assert protected == list(BUILTINS)
    assert {cause.code for builtin in protected for cause in deletion_causes(builtin, [])} == {"V-24"}
    assert deletion_causes(read(obj("Profile")), []) == ()


def test_a_refusal_names_some_of_the_policies_that_a_tier_holds() -> None:
    tier = read(obj("Tier", {}, "security"))
    held = [read({**policy(tier="security"), "metadata": {"name": f"p{number}"}}) for number in range(7)]
    (cause,) = deletion_causes(tier, held)
    assert "still holds 7 policies: NetworkPolicy default/p0" in cause.message
    assert "and 2 more" in cause.message


def test_a_refusal_names_some_of_the_objects_that_a_namespace_holds() -> None:
    shop = read(obj("Namespace", name="shop"))
    inside = [read({**policy(), "metadata": {"name": f"p{number}", "namespace": "shop"}}) for number in range(7)]
    outside = [read(policy()), read(obj("GlobalNetworkSet", {}, "shop"))]
    (cause,) = deletion_causes(shop, [*outside, *inside])
    assert cause.code == "V-23"
    assert "namespace shop still holds 7 objects: NetworkPolicy shop/p0" in cause.message
    assert "shop/p4 and 2 more" in cause.message
    assert deletion_causes(shop, outside) == ()


def test_only_policies_refer_to_tiers() -> None:
    for data in (obj("Tier"), obj("NetworkSet")):
        assert reference_causes(read(data), set()) == ()
        assert reference_warnings(read(data), {"thing"}) == ()
