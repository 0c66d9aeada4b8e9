"""The owners of an object's fields, as `api.writing.apply` tells them, read from ``metadata`` and written there."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dnsguard.api.failures import Failure
from dnsguard.api.writing.apply.changing import (
    Conflict,
    allowed_by_last_applied,
    applied,
    merged,
    pruned,
    updated,
    with_first_owner,
)
from dnsguard.api.writing.apply.fieldset import FieldSet, all_fields, difference, text
from dnsguard.api.writing.apply.owners import (
    APPLY,
    Manager,
    Owners,
    as_managed_fields,
    is_reset,
    owners_of,
    same_but_times,
    within,
)
from dnsguard.errors import DnsguardError
from dnsguard.resources import Cause
from dnsguard.resources.manifest import load_value
from dnsguard.resources.metadata import MAX_ANNOTATION_BYTES, annotation_bytes
from dnsguard.store.interface import Object

KUBECTL = "kubectl"
"""The manager that ``kubectl apply --server-side`` is, unless told otherwise."""

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""Where ``kubectl apply`` keeps what it applied from the client."""

MAX_APPLIERS = 100
"""Of one object."""

MAX_OWNED = 50_000
"""Fields of one object, each counted for everybody who applies it: a list is one."""

_NULLABLE = ("labels", "annotations", "creationTimestamp")


def owned_from_start(value: Object, stated: Any, manager: str, now: str) -> Object:
    """A new object with its owners: whoever the client says, and the manager for the rest."""
    changes = difference({"metadata": {}}, value)
    return _owned(value, updated(_stated(stated, value), changes, manager, value["apiVersion"], now))


def owned_after_update(value: Object, current: Object, stated: Any, manager: str, now: str) -> Object:
    """``value``, which takes the place of ``current``, with its owners.

    A client that states no owners, or none that can be read, means the stored ones; ``[{}]`` has them forgotten. An
    object without owners stays so until it is applied, as in Kubernetes.
    """
    stored = current["metadata"].get("managedFields")
    if is_reset(stated):
        return _owned(value, {})
    changes = difference(current, value)
    moved = {} if stated in (None, stored) else _stated(stated, current)
    if not changes and not moved:
        return _with(value, stored)
    kept = owners_of(stored, stored=True) or {}
    if not changes and same_but_times(moved, kept):
        return _with(value, stored)
    before = moved or kept
    return _owned(value, updated(before, changes, manager, value["apiVersion"], now) if before else {})


def applied_over(current: Object, config: Object, manager: str) -> Object:
    """What the configuration makes of the object, its owners apart."""
    owners = _owners(current)
    return pruned(merged(current, config), owners, config, manager)


def owned_after_apply(value: Object, current: Object, config: Object, manager: str, now: str, *, force: bool) -> Object:
    """``value``, which applying ``config`` made of ``current``, with its owners.

    Raises Failure 409 where fields of others would change, unless that is forced.
    """
    owners = _owners(current)
    if Manager(APPLY, manager) not in owners and sum(each.operation == APPLY for each in owners) >= MAX_APPLIERS:
        raise Failure(
            422, "Invalid", f"{MAX_APPLIERS} managers apply this object already: apply with one of their names"
        )
    result = applied(owners, current, value, config, manager, now)
    conflicts = result.conflicts
    if manager == KUBECTL and conflicts:
        allowed = _allowed(current)
        conflicts = tuple(conflict for conflict in conflicts if conflict.path not in allowed)
    if conflicts and not force:
        raise _conflict(conflicts)
    count = sum(len(owned.fields) for owned in result.owners.values())
    if count > MAX_OWNED:
        raise Failure(
            422, "Invalid", f"managers own {count} fields of this object together, of at most {MAX_OWNED}: apply less"
        )
    return _owned(_with_last_applied(value, config, manager), result.owners)


def without_nulls(config: Any) -> Any:
    """A configuration without the nulls that clients write for "nothing said" in ``metadata``."""
    if not isinstance(config, dict) or not isinstance(config.get("metadata"), Mapping):
        return config
    metadata = {key: value for key, value in config["metadata"].items() if value is not None or key not in _NULLABLE}
    return {**config, "metadata": metadata}


def _owners(current: Object) -> Owners:
    return with_first_owner(owners_of(current["metadata"].get("managedFields"), stored=True) or {}, current)


def _stated(managed_fields: Any, value: Object) -> Owners:
    """What a client says of owners, as far as the fields are there."""
    owners = owners_of(managed_fields)
    return within(owners, all_fields(value)) if owners else {}


def _owned(value: Object, owners: Owners) -> Object:
    return _with(value, as_managed_fields(owners))


def _with(value: Object, managed_fields: Any) -> Object:
    metadata = {key: inner for key, inner in value["metadata"].items() if key != "managedFields"}
    if managed_fields:
        metadata["managedFields"] = managed_fields
    return {**value, "metadata": metadata}


def _allowed(current: Object) -> FieldSet:
    written = current["metadata"].get("annotations", {}).get(LAST_APPLIED)
    if written is None:
        return frozenset()
    try:
        value = load_value(written, LAST_APPLIED)
    except DnsguardError:
        return frozenset()
    return allowed_by_last_applied(current, value) if isinstance(value, dict) else frozenset()


def _with_last_applied(value: Object, config: Object, manager: str) -> Object:
    """Whoever applies from the client again later must find what was applied last."""
    annotations = value["metadata"].get("annotations", {})
    if manager != KUBECTL or LAST_APPLIED not in annotations:
        return value
    said = {key: each for key, each in config["metadata"].get("annotations", {}).items() if key != LAST_APPLIED}
    written = _as_go_writes({**config, "metadata": {**config["metadata"], "annotations": said}})
    annotations = {**annotations, LAST_APPLIED: written}
    if annotation_bytes(annotations) > MAX_ANNOTATION_BYTES:  # without it the object can still be changed
        del annotations[LAST_APPLIED]
    return {**value, "metadata": {**value["metadata"], "annotations": annotations}}


def _as_go_writes(value: Object) -> str:
    """JSON as ``kubectl`` itself would have written it, which compares texts."""
    text_ = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text_ = text_.replace(sign, f"\\u{ord(sign):04x}")
    return text_.encode("utf-8", "backslashreplace").decode() + "\n"  # half a character stays as it was escaped


def _conflict(conflicts: Sequence[Conflict]) -> Failure:
    """In the words of Kubernetes: ``kubectl`` prints them, and tools read them."""
    causes = [
        Cause(text(each.path), f"conflict with {each.manager.said(each.api_version)}", "FieldManagerConflict")
        for each in conflicts
    ]
    if len(conflicts) == 1:
        message = f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}"
    else:
        lines: dict[str, list[str]] = {}
        for each in conflicts:
            lines.setdefault(each.manager.said(each.api_version), []).append(f"- {text(each.path)}")
        parts = [f"conflicts with {said}:\n" + "\n".join(fields) for said, fields in lines.items()]
        message = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(parts)
    return Failure(409, "Conflict", message, causes=causes)
