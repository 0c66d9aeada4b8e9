"""JSON shape ⇄ resource: nothing is lost, nothing is made up, and any garbage gives our one error."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.resources import KINDS, InvalidResource, parse_object, to_dict
from tests.unit.resources.objects import V3, obj, read, to

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=10,
)


@given(st.one_of(json_values, st.builds(lambda spec: obj("NetworkPolicy", spec), json_values)))
def test_any_garbage_is_read_or_refused_with_causes(data: Any) -> None:
    try:
        resource = parse_object(data)
    except InvalidResource:
        return
    assert parse_object(to_dict(resource)) == resource


def test_ports_are_written_in_one_form() -> None:
    made = to_dict(read(to({"ports": ["443", "0080", "5:5", "1:2", "dns"]}, protocol="6")))
    rule = made["spec"]["egress"][0]
    assert rule["destination"]["ports"] == [443, 80, 5, "1:2", "dns"]
    assert rule["protocol"] == 6


@pytest.mark.parametrize(
    ("data", "field", "said"),
    [
        ([], "", "must be a mapping"),
        ({}, "kind", "is required: one of Namespace"),
        ({"kind": 5}, "kind", "must be a string"),
        ({"kind": "IPPool"}, "kind", "StagedKubernetesNetworkPolicy, HostEndpoint, WorkloadEndpoint"),
        ({"kind": "Tier", "apiVersion": "v1", "metadata": {"name": "a"}}, "apiVersion", f"must be {V3}"),
        ({"kind": "Tier", "metadata": {"name": "a"}}, "apiVersion", "is required"),
        ({"kind": "Tier", "apiVersion": V3}, "metadata", "is required"),
        ({"kind": "Tier", "apiVersion": V3, "metadata": []}, "metadata", "must be a mapping, not a list"),
        (obj("NetworkPolicy", {"egres": []}), "spec.egres", "did you mean egress?"),
        (obj("NetworkSet", {"zzz": []}), "spec.zzz", "the fields here are allowedEgressDomains, nets"),
        (obj("NetworkSet", None) | {"spec": None}, "spec", "leave it out"),
    ],
)
def test_errors_say_what_to_write(data: Any, field: str, said: str) -> None:
    with pytest.raises(InvalidResource) as caught:
        parse_object(data)
    assert [cause.field for cause in caught.value.causes if said in cause.message] == [field]


def test_every_error_of_an_object_is_reported() -> None:
    data = obj(
        "NetworkPolicy", {"selector": "a =", "order": "x", "egress": [{"action": "no"}, 5]}, "Bad", labels={"a": 1}
    )
    with pytest.raises(InvalidResource) as caught:
        parse_object(data)
    assert {(cause.field, cause.code) for cause in caught.value.causes} == {
        ("metadata.labels.a", "D-03"),
        ("metadata.name", "V-02"),
        ("spec.selector", "V-20"),
        ("spec.order", "type"),
        ("spec.egress[0].action", "V-30"),
        ("spec.egress[1]", "type"),
    }
    assert str(caught.value).startswith("NetworkPolicy Bad is invalid: ")


def test_the_namespace_of_the_request_is_used_where_none_is_written() -> None:
    assert parse_object(obj("NetworkSet")).namespace == "default"
    assert parse_object(obj("NetworkSet"), "shop").namespace == "shop"
    assert parse_object(obj("NetworkSet", namespace="mine"), "shop").namespace == "mine"
    assert parse_object(obj("Tier"), "shop").namespace == ""


def test_objects_are_equal_by_what_they_say() -> None:
    assert parse_object(obj("Tier", {"order": 5})) == parse_object(obj("Tier", {"order": 5.0}))
    assert parse_object(obj("Tier", {"order": 5})) != parse_object(obj("Tier", {"order": 6}))
    assert parse_object(obj("NetworkSet")) != parse_object(obj("GlobalNetworkSet"))


def test_every_kind_can_be_read() -> None:
    specs = {"WorkloadEndpoint": {"interfaceName": "cali0"}, "HostEndpoint": {"node": "n", "interfaceName": "*"}}
    for kind in KINDS:
        name = "default" if kind.kind.endswith("Configuration") else "thing"
        data = obj(kind.kind, specs.get(kind.kind), name) | {"apiVersion": kind.api_version}
        if kind.kind.endswith("Binding"):
            data |= {"roleRef": {"kind": "ClusterRole", "name": "view"}}
        made = parse_object(data)
        assert type(made) is kind.model
        assert bool(made.namespace) is kind.namespaced
