"""Names, labels, annotations."""

import pytest

from tests.unit.resources.objects import faults, obj, read


@pytest.mark.parametrize("key", ["a", "A.b_c-d", "projectcalico.org/Label", "x" * 63, "a.b/" + "x" * 63])
def test_good_label_keys(key: str) -> None:
    assert faults(obj("NetworkSet", labels={key: "v"})) == set()


@pytest.mark.parametrize(
    "key", ["", "-a", "a-", "x" * 64, "ProjectCalico.org/label", "/a", "a/", "a/b/c", "a b", "a\n"]
)
def test_bad_label_keys(key: str) -> None:
    assert {code for _, code in faults(obj("NetworkSet", labels={key: "v"}))} == {"V-05"}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", None),
        ("A_b.c-9", None),
        ("x" * 63, None),
        ("x" * 64, "V-05"),
        ("-a", "V-05"),
        ("a b", "V-05"),
        ("a\n", "V-05"),
    ],
)
def test_label_values(value: str, code: str | None) -> None:
    expected = {("metadata.labels.k", code)} if code else set()
    assert faults(obj("NetworkSet", labels={"k": value})) == expected


@pytest.mark.parametrize("value", [True, 80, 1.5, None, [], {}])
def test_label_values_that_are_no_strings(value: object) -> None:
    assert faults(obj("NetworkSet", labels={"k": value})) == {("metadata.labels.k", "D-03")}


def test_every_bad_label_is_named() -> None:
    data = obj("NetworkSet", labels={"a": 1, "-b": "x", "projectcalico.org/c": "!", "good": "yes"})
    assert faults(data) == {
        ("metadata.labels.a", "D-03"),
        ("metadata.labels.-b", "V-05"),
        ("metadata.labels[projectcalico.org/c]", "V-05"),
    }


def test_annotation_keys_may_be_upper_case_in_the_prefix() -> None:
    assert faults(obj("NetworkSet", annotations={"Example.ORG/x": "anything at all"})) == set()


def test_labels_are_limited_together() -> None:
    assert faults(obj("NetworkSet", labels={f"k{number:05}": "x" for number in range(37_449)})) == set()
    assert faults(obj("NetworkSet", labels={f"k{number:05}": "x" for number in range(37_450)})) == {
        ("metadata.labels", "V-05")
    }


def test_annotations_are_limited_together() -> None:
    assert faults(obj("NetworkSet", annotations={"a": "x" * 262_143})) == set()
    assert faults(obj("NetworkSet", annotations={"a": "x" * 262_144})) == {("metadata.annotations", "V-07")}


def test_what_kubectl_sends_as_null_counts_as_absent() -> None:
    assert read(obj("NetworkSet", labels=None, annotations=None, creationTimestamp=None)).labels == {}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("namespace", "A", "V-01"),
        ("namespace", "a.b", "V-01"),
        ("namespace", "a" * 64, "V-01"),
        ("namespace", 5, "type"),
        ("resourceVersion", 5, "type"),
        ("generation", "1", "type"),
        ("name", None, "null"),
        ("name", 80, "type"),
        ("finalizers", [], "D-01"),
    ],
)
def test_bad_metadata(field: str, value: object, code: str) -> None:
    assert (f"metadata.{field}", code) in faults(obj("NetworkSet", **{field: value}))  # type: ignore[arg-type]


def test_what_the_server_sets_is_kept() -> None:
    data = obj("NetworkSet", uid="u", resourceVersion="7", generation=2, creationTimestamp="2026-01-02T03:04:05Z")
    metadata = read(data).metadata
    assert (metadata.uid, metadata.resource_version, metadata.generation) == ("u", "7", 2)
