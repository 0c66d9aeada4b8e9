"""Paths, FieldsV1, and what differs between two objects."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.api.writing.apply.fieldset import NoFieldSetError, all_fields, difference, leaves, read, text, written

OBJECT = {
    "apiVersion": "v1",
    "kind": "Some",
    "metadata": {"name": "a", "uid": "u", "labels": {"a.b/c": "x"}, "annotations": {}},
    "spec": {"nets": ["192.0.2.1"], "empty": {}, "deep": {"order": 1, "none": None}},
    "status": {"ready": True},
}

MAPPINGS = st.recursive(
    st.one_of(st.none(), st.integers(0, 2), st.lists(st.integers(0, 1), max_size=2)),
    lambda inner: st.dictionaries(st.sampled_from("abc."), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.fixed_dictionaries({"metadata": st.just({"name": "x"}), "spec": MAPPINGS})


def test_lists_scalars_nulls_and_what_is_empty_are_leaves() -> None:
    assert leaves(OBJECT) == {
        ("metadata", "labels", "a.b/c"),
        ("metadata", "annotations"),
        ("spec", "nets"),
        ("spec", "empty"),
        ("spec", "deep", "order"),
        ("spec", "deep", "none"),
    }
    assert all_fields(OBJECT) - leaves(OBJECT) == {("metadata", "labels"), ("spec",), ("spec", "deep")}


def test_fields_are_written_as_kubernetes_writes_them() -> None:
    tree: dict[str, Any] = {
        "f:metadata": {"f:labels": {".": {}, "f:a.b/c": {}}, "f:annotations": {}},
        "f:spec": {".": {}, "f:nets": {}, "f:empty": {}, "f:deep": {".": {}, "f:order": {}, "f:none": {}}},
    }
    assert written(all_fields(OBJECT)) == tree
    assert written(leaves(OBJECT))["f:spec"] == {"f:nets": {}, "f:empty": {}, "f:deep": {"f:order": {}, "f:none": {}}}


@given(OBJECTS)
def test_what_is_written_reads_back(value: dict[str, Any]) -> None:
    assert read(written(all_fields(value))) == all_fields(value)
    assert read(written(leaves(value))) == leaves(value)


@pytest.mark.parametrize(
    "tree", [5, [], {"f:a": 1}, {'k:{"name":"x"}': {}}, {"f:a": {"v:1": {}}}, {".": {}}, {"a": {}}]
)
def test_what_cannot_be_a_set_of_fields_here_is_refused(tree: Any) -> None:
    with pytest.raises(NoFieldSetError):
        read(tree)


def test_what_differs() -> None:
    after = {
        **OBJECT,
        "status": {"ready": False},
        "metadata": {"name": "a", "uid": "other", "labels": {"a.b/c": "y", "new": "z"}},
        "spec": {"nets": ["192.0.2.2"], "empty": {"now": 1}, "deep": True},
    }
    changes = difference(OBJECT, after)
    assert changes.added == {("metadata", "labels", "new"), ("spec", "empty", "now")}
    assert changes.modified == {("metadata", "labels", "a.b/c"), ("spec", "nets"), ("spec", "deep")}
    assert changes.removed == {("metadata", "annotations"), ("spec", "deep", "order"), ("spec", "deep", "none")}


@given(OBJECTS, OBJECTS)
def test_differences_account_for_every_field(one: dict[str, Any], other: dict[str, Any]) -> None:
    changes = difference(one, other)
    assert bool(changes) == (one["spec"] != other["spec"])
    assert all_fields(one) - changes.removed == all_fields(other) - changes.added


def test_true_is_not_one() -> None:
    assert difference({"spec": {"a": 1}}, {"spec": {"a": True}}).modified == {("spec", "a")}


def test_a_field_in_a_message() -> None:
    assert text(("metadata", "labels", "a.b/c")) == ".metadata.labels.a.b/c"
