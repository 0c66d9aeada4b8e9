"""Who owns what after updates and applies: single cases, and what holds for any."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsguard.api.writing.apply.changing import (
    allowed_by_last_applied,
    applied,
    merged,
    pruned,
    updated,
    with_first_owner,
)
from dnsguard.api.writing.apply.fieldset import Path, all_fields, difference
from dnsguard.api.writing.apply.owners import APPLY, BEFORE_APPLY, UPDATE, Manager, Owned

NOW, LATER = "2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z"

Owners = dict[Manager, Owned]
World = tuple[dict[str, Any], Owners]


def thing(spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": spec}


EMPTY = {"apiVersion": "v1", "metadata": {}}


def update(world: World, spec: Any, manager: str = "edit", now: str = NOW) -> World:
    value, owners = world
    return thing(spec), updated(owners, difference(value, thing(spec)), manager, "v1", now)


def apply(world: World, spec: Any, manager: str, now: str = NOW, force: bool = False) -> World:
    value, owners = world
    known = with_first_owner(owners, value)
    config = thing(spec)
    after = pruned(merged(value, config), known, config, manager)
    result = applied(known, value, after, config, manager, now)
    assert force or not result.conflicts, result.conflicts
    return after, result.owners


def fields(world: World, name: str, operation: str = APPLY) -> set[str]:
    owned = world[1].get(Manager(operation, name))
    return {".".join(path) for path in owned.fields} if owned else set()


def made(spec: Any, manager: str = "edit") -> World:
    return thing(spec), updated({}, difference(EMPTY, thing(spec)), manager, "v1", NOW)


def test_who_makes_an_object_owns_all_of_it() -> None:
    world = made({"a": {"b": 1}, "c": [1]})
    assert fields(world, "edit", UPDATE) == {"spec", "spec.a", "spec.a.b", "spec.c"}


def test_who_changes_a_field_takes_it() -> None:
    world = update(made({"a": 1, "b": 1}), {"a": 2, "b": 1}, "other")
    assert fields(world, "other", UPDATE) == {"spec.a"}
    assert fields(world, "edit", UPDATE) == {"spec", "spec.b"}


def test_a_change_of_nothing_is_none() -> None:
    world = made({"a": 1})
    assert update(world, {"a": 1}, "other", LATER) == world
    world = apply(world, {"a": 1}, "kubectl")
    assert apply(world, {"a": 1}, "kubectl", LATER) == world


def test_what_is_applied_no_longer_is_removed() -> None:
    world = apply((EMPTY, {}), {"a": 1, "b": {"c": 1, "d": [1]}}, "kubectl")
    after = apply(world, {"a": 1}, "kubectl", LATER)
    assert after[0]["spec"] == {"a": 1}
    assert after[1][Manager(APPLY, "kubectl")].time == LATER


def test_what_others_own_or_put_there_stays() -> None:
    world = apply((EMPTY, {}), {"a": 1, "b": {"c": 1}}, "kubectl")
    world = apply(world, {"a": 1}, "helm")
    world = update(world, {**world[0]["spec"], "b": {"c": 1, "e": 1}}, "edit")
    world = apply(world, {"z": 1}, "kubectl")
    assert world[0]["spec"] == {"a": 1, "b": {"e": 1}, "z": 1}
    assert fields(world, "helm") == {"spec.a"}


def test_a_mapping_that_somebody_owns_stays_when_it_is_empty() -> None:
    world = update(apply((EMPTY, {}), {"a": 1}, "kubectl"), {"a": 1, "b": {}}, "edit")
    world = apply(world, {"b": {"c": 1}}, "kubectl")
    assert apply(world, {"a": 1}, "kubectl")[0]["spec"] == {"a": 1, "b": {}}


def test_who_applies_nothing_at_all_is_known_all_the_same() -> None:
    once = apply((EMPTY, {}), {}, "kubectl")
    server_filled = thing({"filled": 1}), once[1]
    assert fields(apply(server_filled, {}, "kubectl"), BEFORE_APPLY, UPDATE) == set()
    assert apply(once, {}, "kubectl", LATER) == once


def test_a_conflict_names_each_owner_and_field() -> None:
    world = apply(apply((EMPTY, {}), {"a": 1, "c": 1}, "one"), {"a": 1}, "two")
    value, owners = world
    config = thing({"a": 2})
    after = merged(value, config)
    found = applied(owners, value, after, config, "three", NOW).conflicts
    assert [(each.manager.name, each.path) for each in found] == [("one", ("spec", "a")), ("two", ("spec", "a"))]
    forced = apply(world, {"a": 2}, "three", force=True)
    assert (fields(forced, "one"), fields(forced, "two"), fields(forced, "three")) == ({"spec.c"}, set(), {"spec.a"})


def test_conflicts_come_by_the_names_of_managers_whatever_they_do() -> None:
    world = apply(update((EMPTY, {}), {"a": 1}, "alice"), {"b": 1}, "bob")
    after = thing({"a": 2, "b": 2})
    found = applied(world[1], world[0], after, after, "carol", NOW).conflicts
    assert [(each.manager.name, each.manager.operation) for each in found] == [("alice", UPDATE), ("bob", APPLY)]


def test_one_name_that_updates_and_applies_is_two() -> None:
    world = made({"a": 1}, "kubectl")
    with pytest.raises(AssertionError, match="Conflict"):
        apply(world, {"a": 2}, "kubectl")


def test_an_object_without_owners_had_one_before() -> None:
    world = apply((thing({"a": 1}), {}), {"b": 1}, "kubectl")
    assert fields(world, BEFORE_APPLY, UPDATE) == {"spec", "spec.a"}
    with pytest.raises(AssertionError, match="Conflict"):
        apply((thing({"a": 1}), {}), {"a": 2}, "kubectl")


def test_what_kubectl_applied_from_the_client_is_its_own_while_unchanged() -> None:
    allowed = allowed_by_last_applied(thing({"a": 1, "b": 2, "d": 1}), thing({"a": 1, "b": 1, "c": 1}))
    assert allowed == {("spec", "a")}


LEAF = st.one_of(st.integers(0, 2), st.lists(st.integers(0, 1), max_size=2))
SPECS = st.dictionaries(
    st.sampled_from("abcd"), st.one_of(LEAF, st.dictionaries(st.sampled_from("xyz"), LEAF, max_size=3)), max_size=4
)
FEW = settings(max_examples=40)
STEPS = st.lists(st.tuples(st.sampled_from(["update", "apply"]), st.sampled_from("pqr"), SPECS), max_size=6)


def world_after(steps: list[tuple[str, str, dict[str, Any]]]) -> World:
    world = made({})
    for step, manager, spec in steps:
        world = update(world, spec, manager) if step == "update" else apply(world, spec, manager, force=True)
    return world


@FEW
@given(STEPS, SPECS)
def test_applying_twice_is_applying_once(steps: Any, spec: dict[str, Any]) -> None:
    once = apply(world_after(steps), spec, "p", force=True)
    assert apply(once, spec, "p", LATER) == once


@FEW
@given(STEPS, SPECS)
def test_what_is_applied_is_there(steps: Any, spec: dict[str, Any]) -> None:
    after = apply(world_after(steps), spec, "p", force=True)[0]
    assert merged(after, thing(spec)) == after


@FEW
@given(STEPS)
def test_nobody_owns_what_is_not_there(steps: Any) -> None:
    value, owners = world_after(steps)
    for owned in owners.values():
        assert owned.fields or len(owners) == 1
        assert owned.fields <= all_fields(value)


@FEW
@given(STEPS, SPECS, SPECS)
def test_two_who_apply_different_fields_both_keep_theirs(steps: Any, one: Any, other: Any) -> None:
    first = {f"1{key}": value for key, value in one.items()}
    second = {f"2{key}": value for key, value in other.items()}
    world = world_after(steps)
    forwards = apply(apply(world, first, "one"), second, "two")
    backwards = apply(apply(world, second, "two"), first, "one")
    assert forwards == backwards
    again = apply(apply(forwards, first, "one", LATER), second, "two", LATER)
    assert again == forwards
    gone: Path
    for gone in forwards[1].get(Manager(APPLY, "one"), Owned(frozenset(), "", "")).fields:
        assert gone[1].startswith("1") if len(gone) > 1 else not first


@FEW
@given(STEPS, SPECS)
def test_who_stops_applying_leaves_nothing_of_their_own(steps: Any, spec: dict[str, Any]) -> None:
    world = world_after(steps)
    mine = {f"1{key}": value for key, value in spec.items()}
    after = apply(apply(world, mine, "one"), {}, "one")
    assert after[0]["spec"] == world[0]["spec"]
