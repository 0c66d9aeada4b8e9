"""How owners change when an object is updated or applied, as Kubernetes' structured-merge-diff has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dnsguard.api.writing.apply.fieldset import NOTHING, Difference, FieldSet, Path, all_fields, difference, leaves
from dnsguard.api.writing.apply.owners import (
    APPLY,
    BEFORE_APPLY,
    UPDATE,
    Manager,
    Owned,
    Owners,
    capped,
    owned_by_any,
    within,
    without,
)

Value = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that would be changed, and who else owns it."""

    manager: Manager
    api_version: str
    path: Path


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply comes to."""

    owners: dict[Manager, Owned]
    conflicts: tuple[Conflict, ...]
    """By the names of managers, then of fields. With any of them nothing may be written unless it is forced."""


def updated(owners: Owners, changes: Difference, manager: str, api_version: str, now: str) -> dict[Manager, Owned]:
    """Owners after an update that made these changes: who changes a field is its only owner."""
    if not changes:
        return dict(owners)
    taken = changes.added | changes.modified
    who = Manager(UPDATE, manager)
    mine = owners.get(who)
    kept = without({each: owned for each, owned in owners.items() if each != who}, taken | changes.removed)
    fields = ((mine.fields if mine else NOTHING) - changes.removed) | taken
    if fields:
        kept[who] = mine if mine and mine.fields == fields else Owned(fields, api_version, now)
    return capped(kept)


def with_first_owner(owners: Owners, live: Value) -> Owners:
    """Owners of an object that is applied: where there are none, `BEFORE_APPLY` owns all that is there."""
    if owners:
        return owners
    return {Manager(UPDATE, BEFORE_APPLY): Owned(all_fields(live), str(live["apiVersion"]), "")}


def merged(live: Value, config: Value) -> dict[str, Any]:
    """The live object with what the configuration says in it: mappings key by key, all else as a whole."""
    result = dict(live)
    for key, value in config.items():
        there = result.get(key)
        result[key] = merged(there, value) if isinstance(value, dict) and isinstance(there, dict) else value
    return result


def pruned(value: Value, owners: Owners, config: Value, manager: str) -> dict[str, Any]:
    """``value`` without what the manager applied the last time, does not apply now, and nobody else owns."""
    who = Manager(APPLY, manager)
    last = owners[who].fields if who in owners else NOTHING
    others = owned_by_any({each: owned for each, owned in owners.items() if each != who})
    owned = others | leaves(config)
    result = dict(value)
    for path in sorted(last - owned, key=len, reverse=True):  # what is inside first
        result = _without(result, path, owned)
    return result


def applied(owners: Owners, live: Value, after: Value, config: Value, manager: str, now: str) -> Applied:
    """Owners once ``config`` was applied to ``live`` and that made ``after``.

    Where others own what changes, and the apply is forced, they no longer do.
    """
    who = Manager(APPLY, manager)
    mine = owners.get(who)
    changes = difference(live, after)
    others = {each: owned for each, owned in owners.items() if each != who}
    taken = changes.added | changes.modified
    conflicts = tuple(
        Conflict(each, owned.api_version, path)
        for each, owned in sorted(others.items(), key=lambda item: (item[0].name, item[0]))
        for path in sorted(owned.fields & taken)
    )
    kept = within(without(others, taken | changes.removed), all_fields(after))
    fields = leaves(config) & all_fields(after)
    if fields or not kept:  # without any owner it would be taken for one from before there were owners
        kept[who] = mine if mine and mine.fields == fields else Owned(fields, str(after["apiVersion"]), now)
    return Applied(kept, conflicts)


def allowed_by_last_applied(live: Value, last_applied: Value) -> FieldSet:
    """Fields that ``kubectl apply`` set from the client and that are still as it set them.

    Its server-side form may go on with them without a conflict.
    """
    changes = difference(last_applied, live)
    return leaves(last_applied) - changes.modified - changes.added - changes.removed


def _without(value: dict[str, Any], path: Path, owned: FieldSet) -> dict[str, Any]:
    """Without the leaf or empty mapping at ``path``, and without mappings that are empty then and that nobody owns."""

    def removed(node: dict[str, Any], depth: int) -> dict[str, Any]:
        key = path[depth]
        if key not in node:
            return node
        inner = node[key]
        if depth < len(path) - 1:
            if not isinstance(inner, dict):
                return node
            inner = removed(inner, depth + 1)
            if inner or path[: depth + 1] in owned:
                return {**node, key: inner}
        elif isinstance(inner, dict) and inner:
            return node  # others have put something in
        return {each: part for each, part in node.items() if each != key}

    return removed(value, 0)
