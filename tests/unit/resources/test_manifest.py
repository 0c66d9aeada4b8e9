"""Manifests: what is read, and what is said about what is wrong."""

import json

import pytest

from dnsguard.resources import NetworkSet, Tier
from dnsguard.resources.causes import Cause
from dnsguard.resources.manifest import MAX_BYTES, ManifestError, load, load_value

TIER = "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata:\n  name: {name}\nspec:\n  order: {order}\n"


def faults(text: str | bytes) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        load(text, "x.yaml")
    assert str(caught.value).splitlines() == [str(fault) for fault in caught.value.faults]
    return [str(fault) for fault in caught.value.faults]


def test_documents_come_with_their_place() -> None:
    found = load("# first\n---\n" + TIER.format(name="a", order=1) + "---\n" + TIER.format(name="b", order=2), "x.yaml")
    assert [(document.resource.name, document.number, document.line) for document in found] == [
        ("a", 1, 3),
        ("b", 2, 10),
    ]


def test_every_fault_of_every_document_is_said() -> None:
    text = TIER.format(name="a.b", order="x") + "---\n" + TIER.format(name="ok", order=1) + "---\nkind: Teir\n"
    assert [fault.split(": ")[:4] for fault in faults(text)] == [
        ["x.yaml", "document 1, line 4", "Tier a.b", "metadata.name"],
        ["x.yaml", "document 1, line 6", "Tier a.b", "spec.order"],
        ["x.yaml", "document 3, line 15", "Teir", "kind"],
    ]


def test_a_field_that_is_missing_is_said_at_what_misses_it() -> None:
    text = "apiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\nmetadata:\n  name: a\nspec:\n  node: n\n"
    assert faults(text) == [
        "x.yaml: document 1, line 5: WorkloadEndpoint a: spec.interfaceName: is required (required)"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [\n", "x.yaml: document 1, line 2: is no YAML"),
        ("a: 1\na: 2\n", "x.yaml: document 1, line 2: duplicate key 'a'"),
        (b"a: \xff", "x.yaml: document 1, line 1: is not UTF-8"),
        (b"a: 1\n\n\xff", "x.yaml: document 1, line 3: is not UTF-8"),
        ('{"kind": "Tier", "kind": "Tier"}', "x.yaml: document 1: duplicate key 'kind'"),
        ("{" + '"a": 1, ' * 300_000 + '"b": 1, "b": 2}', "x.yaml: document 1: duplicate key 'a'"),
        (
            "{" + "".join(f'"{n}": 1, ' for n in range(300_000)) + '"b": 1, "b": 2}',
            "x.yaml: document 1: duplicate key 'b'",
        ),
        ('{"a": ' * 100 + "1" + "}" * 100, "x.yaml: document 1: nested deeper than 64 levels"),
        ('{"a": ' * 100_000, "x.yaml: document 1: nested deeper"),
        ('{"kind": NaN}', "x.yaml: document 1, line 1: NaN: kind: unknown kind"),
        ("[]", "x.yaml: document 1: the object: must be a mapping"),
        ("just text", "x.yaml: document 1, line 1: the object: must be a mapping"),
        ("x" * (MAX_BYTES + 1), "x.yaml: document 1: is larger than"),
    ],
)
def test_texts_that_are_no_manifest(text: str | bytes, said: str) -> None:
    assert faults(text)[0].startswith(said)


def test_nothing_is_an_empty_manifest() -> None:
    assert load("", "-") == []
    assert load("# only a comment\n---\n---\n", "-") == []


def test_json_is_read_as_yaml_is() -> None:
    value = {"apiVersion": "projectcalico.org/v3", "kind": "Tier", "metadata": {"name": "a"}, "spec": {"order": 5}}
    (from_json,) = load(json.dumps(value), "x.json")
    (from_flow,) = load(
        "{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: a}, spec: {order: 5}}", "x.yaml"
    )
    assert from_json.resource == from_flow.resource
    assert (from_json.line, from_flow.line) == (0, 1)
    assert load("\ufeff" + json.dumps(value), "x.json")[0].resource == from_json.resource


def test_escapes_that_only_json_knows() -> None:
    metadata = '{"name":"a","annotations":{"k":"\\ud83d\\ude00"}}'
    (document,) = load('{"apiVersion":"projectcalico.org/v3","kind":"Tier","metadata":' + metadata + "}", "-")
    assert document.resource.metadata.annotations == {"k": "\U0001f600"}


def test_lists_are_unfolded() -> None:
    text = """\
apiVersion: v1
kind: List
items:
- {apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: a}}
- apiVersion: projectcalico.org/v3
  kind: NetworkSet
  metadata: {name: b, namespace: shop}
"""
    first, second = load(text, "x.yaml")
    assert isinstance(first.resource, Tier)
    assert isinstance(second.resource, NetworkSet)
    assert (first.line, second.line) == (4, 5)
    assert faults(text + "  spec: {nets: [x]}\n")[0].startswith(
        "x.yaml: document 1, line 8: NetworkSet shop/b: items[1].spec.nets[0]: "
    )


def test_lists_as_servers_answer_give_their_kind_to_their_items() -> None:
    head = '"apiVersion": "projectcalico.org/v3", "kind": "TierList", "metadata": {}'
    text = "{" + head + ', "items": [{"metadata": {"name": "a"}}]}'
    assert [document.resource.name for document in load(text, "-")] == ["a"]


def test_the_namespace_for_objects_that_name_none() -> None:
    text = "apiVersion: projectcalico.org/v3\nkind: NetworkSet\nmetadata: {name: a}\n"
    assert load(text, "-")[0].resource.namespace == "default"
    assert load(text, "-", "shop")[0].resource.namespace == "shop"


def test_a_fault_that_is_found_later_gets_its_line_too() -> None:
    (document,) = load(TIER.format(name="a", order=5), "x.yaml")
    assert str(document.fault(Cause("spec.order", "is taken", "other"))) == (
        "x.yaml: document 1, line 6: Tier a: spec.order: is taken (other)"
    )


def test_one_value_unchecked() -> None:
    assert load_value("a: no\n", "-") == {"a": "no"}
    assert load_value('{"a": [1]}', "-") == {"a": [1]}
    assert load_value('["\\ud83d\\ude00"]', "-") == ["\N{GRINNING FACE}"]  # JSON, and no YAML
    for text in ("", "a: 1\n---\nb: 2\n", "a: [\n"):
        with pytest.raises(ManifestError):
            load_value(text, "-")
