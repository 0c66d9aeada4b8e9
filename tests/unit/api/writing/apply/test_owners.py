"""``managedFields`` ⇄ owners."""

from typing import Any

import pytest

from dnsguard.api.writing.apply.owners import (
    ANCIENT,
    APPLY,
    MAX_UPDATERS,
    UPDATE,
    Manager,
    Owned,
    as_managed_fields,
    capped,
    is_reset,
    owners_of,
    within,
    without,
)

A, B = ("spec", "a"), ("spec", "b")
ENTRY = {
    "manager": "kubectl",
    "operation": "Apply",
    "apiVersion": "projectcalico.org/v3",
    "time": "2026-01-02T03:04:05Z",
    "fieldsType": "FieldsV1",
    "fieldsV1": {"f:spec": {"f:a": {}}},
}


def owned(*paths: tuple[str, ...], time: str = "") -> Owned:
    return Owned(frozenset(paths), "v1", time)


def test_entries_read_back_and_appliers_come_first() -> None:
    update = {
        **ENTRY,
        "manager": "edit",
        "operation": "Update",
        "time": "2025-01-01T00:00:00Z",
        "subresource": "status",
    }
    owners = owners_of([update, ENTRY])
    assert owners is not None
    assert set(owners) == {Manager(APPLY, "kubectl"), Manager(UPDATE, "edit", "status")}
    assert as_managed_fields(owners) == [ENTRY, update]


@pytest.mark.parametrize(
    "entries",
    [
        None,
        "x",
        {},
        [5],
        [{}],
        [{**ENTRY, "operation": "Guess"}],
        [{**ENTRY, "manager": 5}],
        [{**ENTRY, "time": {}}],
        [{**ENTRY, "fieldsV1": {"f:spec": {'k:{"name":"x"}': {}}}}],
        [{**ENTRY, "fieldsV1": "x"}],
    ],
)
def test_what_cannot_be_read_says_nothing(entries: Any) -> None:
    assert owners_of(entries) is None


@pytest.mark.parametrize(("entries", "reset"), [([{}], True), ([], False), (None, False), ([{}, {}], False)])
def test_only_one_empty_entry_resets(entries: Any, reset: bool) -> None:
    assert is_reset(entries) is reset


def test_a_manager_that_owns_nothing_is_gone() -> None:
    owners = {Manager(APPLY, "one"): owned(A, B), Manager(APPLY, "two"): owned(A)}
    assert without(owners, frozenset({A})) == {Manager(APPLY, "one"): owned(B)}
    assert within(owners, frozenset({B})) == {Manager(APPLY, "one"): owned(B)}


def test_the_oldest_updaters_are_put_together() -> None:
    owners = {
        Manager(UPDATE, f"m{n:02}"): owned(("spec", str(n)), time=f"2026-01-{n + 1:02}")
        for n in range(MAX_UPDATERS + 3)
    }
    owners[Manager(APPLY, "kubectl")] = owned(A)
    kept = capped(owners)
    assert len(kept) == MAX_UPDATERS + 1
    ancient = kept[Manager(UPDATE, ANCIENT)]
    assert ancient == owned(*[("spec", str(n)) for n in range(4)], time="2026-01-04")
    assert capped(kept) == kept
