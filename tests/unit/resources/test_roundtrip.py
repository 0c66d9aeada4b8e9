"""What is read, written and read again is the same, for every kind; what was empty or absent stays so."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsguard.resources import KINDS, calico_spec, parse_object, to_dict, warnings
from dnsguard.resources.kubernetespolicy import KubernetesNetworkPolicy, StagedKubernetesNetworkPolicy
from dnsguard.resources.manifest import load
from tests.unit.resources.strategies import MANIFESTS, Manifest, manifests

FILLED_IN = {
    # by kind: what reading adds to a spec
    "Tier": {"order", "defaultAction"},
    "Policy": {"types", "policyTypes", "stagedAction"},
}


def test_there_are_manifests_of_every_kind() -> None:
    assert set(MANIFESTS) == {kind.collection for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.collection)
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_reading_what_was_written_gives_the_same(kind: Any, data: st.DataObject) -> None:
    first = parse_object(data.draw(MANIFESTS[kind.collection]))
    assert type(first) is kind.model
    written = json.loads(json.dumps(to_dict(first)))
    second = parse_object(written)
    assert second == first
    assert to_dict(second) == written
    (document,) = load(json.dumps(written), "x")
    assert document.resource == first


@settings(deadline=None)
@given(manifests)
def test_nothing_is_lost_and_nothing_made_up(manifest: Manifest) -> None:
    resource = parse_object(manifest)
    written = to_dict(resource)
    filled = next((fields for name, fields in FILLED_IN.items() if name in resource.kind), set())
    before, after = canonical(manifest.get("spec", {})), canonical(written.get("spec", {}))
    if before.get("stagedAction") == "delete":
        before = {field: value for field, value in before.items() if field not in ("types", "policytypes")}
    shapes = {path: value for path, value in empties(before) if path[0] not in ("types", "policytypes", "stagedaction")}
    assert shapes == {path: value for path, value in empties(after) if path in shapes}
    assert {path for path, _ in leaves(after)} - {path for path, _ in leaves(before)} <= {
        path for path, _ in leaves(after) if path[0] in {name.lower() for name in filled}
    }
    assert {path for path, _ in leaves(before)} <= {path for path, _ in leaves(after)} | {("types",), ("policytypes",)}


def canonical(spec: dict[str, Any]) -> dict[str, Any]:
    """With the keys of its first level in lower case, as FelixConfiguration may spell them in any."""
    return {key.lower(): value.lower() if key == "stagedAction" else value for key, value in spec.items()}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every place that holds something that is no list or mapping, or an empty one."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    items = list(inner)
    if not items and path:
        yield path, value
    for step, item in items:
        yield from leaves(item, (*path, step))


def empties(value: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The places that are empty."""
    return ((path, held) for path, held in leaves(value) if held in ([], {}, ""))


@settings(deadline=None)
@given(manifests)
def test_an_object_that_was_read_again_is_warned_about_no_more_than_before(manifest: Manifest) -> None:
    resource = parse_object(manifest)
    assert set(warnings(parse_object(to_dict(resource)))) <= set(warnings(resource))


@settings(deadline=None)
@given(st.one_of(MANIFESTS["networkpolicies.networking.k8s.io"], MANIFESTS["stagedkubernetesnetworkpolicies"]))
def test_every_kubernetes_policy_comes_to_rules(manifest: Manifest) -> None:
    resource = parse_object(manifest)
    assert isinstance(resource, KubernetesNetworkPolicy | StagedKubernetesNetworkPolicy)
    spec = calico_spec(resource.spec)
    for field in ("ingress", "egress"):
        rules = getattr(resource.spec, field) or ()
        assert bool(getattr(spec, field)) is bool(rules)
