"""Policies as a whole: names, types, flags, limits."""

from typing import Any

import pytest

from dnsguard.resources import GlobalNetworkPolicy, NetworkPolicy, Policy, to_dict
from tests.unit.resources.objects import codes, faults, obj, policy, read

RULE = {"action": "Allow"}


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ({}, ["Ingress"]),
        ({"ingress": [RULE]}, ["Ingress"]),
        ({"egress": [RULE]}, ["Egress"]),
        ({"ingress": [RULE], "egress": [RULE]}, ["Ingress", "Egress"]),
        ({"ingress": [], "egress": [RULE]}, ["Ingress", "Egress"]),
        ({"ingress": [RULE], "egress": []}, ["Ingress", "Egress"]),
        ({"ingress": []}, ["Ingress"]),
        ({"egress": []}, ["Egress"]),
        ({"types": [], "egress": []}, ["Egress"]),
        ({"types": [], "egress": [RULE]}, ["Egress"]),
        ({"types": ["Egress", "Ingress"]}, ["Egress", "Ingress"]),
        ({"types": ["Egress"], "ingress": [RULE]}, ["Egress"]),
    ],
)
def test_types_are_inferred_into_the_object(spec: dict[str, Any], types: list[str]) -> None:
    for kind in ("NetworkPolicy", "GlobalNetworkPolicy"):
        assert to_dict(read(policy(kind, **spec)))["spec"]["types"] == types


def test_an_empty_list_adds_no_type_that_a_pre_dnat_policy_cannot_have() -> None:
    spec = {"preDNAT": True, "applyOnForward": True, "egress": []}
    assert to_dict(read(policy("GlobalNetworkPolicy", **spec)))["spec"]["types"] == ["Ingress"]


def test_a_policy_without_spec_is_complete() -> None:
    read_back = read(obj("NetworkPolicy"))
    assert isinstance(read_back, NetworkPolicy)
    assert read_back.tier == "default"
    assert to_dict(read_back)["spec"] == {"types": ["Ingress"]}


def test_the_tier_label_follows_the_tier() -> None:
    data = obj("NetworkPolicy", {"tier": "security"}, labels={"projectcalico.org/tier": "other", "a": "b"})
    assert read(data).labels == {"projectcalico.org/tier": "security", "a": "b"}


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        *(("NetworkPolicy", name, None) for name in ("a", "th.ing", "knp.default.a.b.c", "ossg.default.x", "a" * 253)),
        *(
            ("NetworkPolicy", name, "V-02")
            for name in ("t.h.i.ng", "tHiNg", "t_h", "-a", "a.", "a" * 254, "", "knp.x.a")
        ),
        *(("GlobalNetworkPolicy", name, None) for name in ("a", "security.egress-dev1")),
        *(("GlobalNetworkPolicy", name, "V-03") for name in ("a.b.c", "knp.default.thing", ".a", "a\n")),
    ],
)
def test_names(kind: str, name: str, code: str | None) -> None:
    assert faults(obj(kind, {}, name)) == ({("metadata.name", code)} if code else set())


GLOBAL: list[tuple[dict[str, Any], set[str]]] = [
    ({"doNotTrack": True, "applyOnForward": True}, set()),
    ({"preDNAT": True, "applyOnForward": True}, set()),
    ({"preDNAT": True, "applyOnForward": True, "egress": [RULE]}, {"V-13"}),
    ({"preDNAT": True, "applyOnForward": True, "types": ["Egress"]}, {"V-14"}),
    ({"preDNAT": True, "applyOnForward": False}, {"V-12"}),
    ({"doNotTrack": True, "preDNAT": True}, {"V-11", "V-12"}),
    ({"doNotTrack": True, "egress": [{"action": "x"}]}, {"V-12", "V-30"}),
    ({"doNotTrack": "yes"}, {"type"}),
    ({"namespaceSelector": "global()"}, {"V-21"}),
    ({"namespaceSelector": "a ="}, {"V-20"}),
]


@pytest.mark.parametrize(("spec", "expected"), GLOBAL)
def test_flags_of_global_policies(spec: dict[str, Any], expected: set[str]) -> None:
    assert codes(policy("GlobalNetworkPolicy", **spec)) == expected


SPECS: list[tuple[dict[str, Any], str, str]] = [
    ({"selector": "a"}, "spec.selector", "V-20"),
    ({"selector": 5}, "spec.selector", "type"),
    ({"selector": 'a == "global("'}, "spec.selector", "V-21"),
    ({"serviceAccountSelector": "global()"}, "spec.serviceAccountSelector", "V-21"),
    ({"order": "10"}, "spec.order", "type"),
    ({"order": True}, "spec.order", "type"),
    ({"order": float("nan")}, "spec.order", "type"),
    ({"order": 10**400}, "spec.order", "type"),
    ({"tier": "A"}, "spec.tier", "V-08"),
    ({"tier": 5}, "spec.tier", "type"),
    ({"types": "Egress"}, "spec.types", "type"),
    ({"types": [["Egress"]]}, "spec.types", "V-09"),
    ({"ingress": [RULE] * 1025}, "spec.ingress", "V-10"),
    ({"ingress": {}}, "spec.ingress", "type"),
    ({"performanceHints": ["Other"]}, "spec.performanceHints", "type"),
    ({"namespaceSelector": "all()"}, "spec.namespaceSelector", "D-01"),
    ({"doNotTrack": True}, "spec.doNotTrack", "D-01"),
]


@pytest.mark.parametrize(("spec", "field", "code"), SPECS)
def test_bad_specs(spec: dict[str, Any], field: str, code: str) -> None:
    assert faults(policy(**spec)) == {(field, code)}


@pytest.mark.parametrize(("order", "written"), [(10, 10), (-0.5, -0.5), (1e6, 1_000_000)])
def test_orders_are_written_as_they_are_read(order: float, written: float) -> None:
    made = read(policy(order=order))
    assert isinstance(made, Policy)
    assert made.spec.order == order
    assert repr(to_dict(made)["spec"]["order"]) == repr(written)


def test_a_global_policy_has_no_namespace() -> None:
    data = obj("GlobalNetworkPolicy", {}, namespace="x")
    assert faults(data) == {("metadata.namespace", "scope")}
    assert read(obj("GlobalNetworkPolicy")).namespace == ""
    assert isinstance(read(obj("GlobalNetworkPolicy")), GlobalNetworkPolicy)
