"""``metadata.managedFields``: which manager set which fields, and when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from dnsguard.api.writing.apply.fieldset import FieldSet, NoFieldSetError, read, written

APPLY, UPDATE = "Apply", "Update"

MAX_UPDATERS = 10
"""Managers that update; what the oldest own beyond that goes to `ANCIENT`, as in Kubernetes."""

MAX_ENTRIES = 200
"""Of ``managedFields`` that a client sends; the server writes fewer."""

ANCIENT = "ancient-changes"
BEFORE_APPLY = "before-first-apply"
"""Owns what was there when an object without owners is applied for the first time."""


@dataclass(frozen=True, slots=True, order=True)
class Manager:
    """Somebody who sets fields."""

    operation: str
    """``Apply`` or ``Update``: one name can do both, and then is two managers."""

    name: str
    subresource: str = ""

    def said(self, api_version: str) -> str:
        """As a message about a conflict names it."""
        name = f'"{self.name}"' + (f' with subresource "{self.subresource}"' if self.subresource else "")
        return name if self.operation == APPLY else f"{name} using {api_version}"


@dataclass(frozen=True, slots=True)
class Owned:
    """What one manager owns."""

    fields: FieldSet
    api_version: str
    time: str
    """Of its last change of this set, RFC 3339; empty where it is not known."""

    entry: dict[str, Any] | None = field(default=None, compare=False, repr=False)
    """Of ``managedFields`` that it was read from, while it is the same."""


Owners = Mapping[Manager, Owned]


def owners_of(managed_fields: Any, *, stored: bool = False) -> dict[Manager, Owned] | None:
    """What ``managedFields`` says, or None where it is nothing that can be read as such.

    ``stored``: the server wrote it, so what does not change need not be written anew.
    """
    if not isinstance(managed_fields, list) or len(managed_fields) > MAX_ENTRIES:
        return None
    owners: dict[Manager, Owned] = {}
    for entry in managed_fields:
        if not isinstance(entry, dict) or entry.get("operation") not in (APPLY, UPDATE):
            return None
        texts = [entry.get(each, "") for each in ("manager", "subresource", "apiVersion", "time")]
        if not all(isinstance(each, str) for each in texts):
            return None
        name, subresource, api_version, time = texts
        try:
            fields = read(entry.get("fieldsV1") or {})
        except NoFieldSetError:
            return None
        owners[Manager(entry["operation"], name, subresource)] = Owned(
            fields, api_version, time, entry if stored else None
        )
    return owners


def is_reset(managed_fields: Any) -> bool:
    """Whether a client asks that owners be forgotten: ``[{}]``. An empty list asks for nothing: clients that know
    nothing of owners send it."""
    return bool(managed_fields == [{}])


def as_managed_fields(owners: Owners) -> list[dict[str, Any]]:
    """In the order of Kubernetes: appliers first, then by time and name."""
    entries = []
    for manager, owned in sorted(owners.items(), key=lambda item: (item[0].operation, item[1].time, item[0])):
        if owned.entry is not None:
            entries.append(owned.entry)
            continue
        entry = {"manager": manager.name, "operation": manager.operation, "apiVersion": owned.api_version}
        entry |= {"time": owned.time} if owned.time else {}
        entry |= {"subresource": manager.subresource} if manager.subresource else {}
        entries.append({**entry, "fieldsType": "FieldsV1", "fieldsV1": written(owned.fields)})
    return entries


def stamped(now: datetime) -> str:
    """A time as owners carry it."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def owned_by_any(owners: Owners) -> FieldSet:
    """The fields that somebody owns."""
    return frozenset[tuple[str, ...]]().union(*(owned.fields for owned in owners.values()))


def without(owners: Owners, gone: FieldSet) -> dict[Manager, Owned]:
    """Nobody owns these fields any more."""
    return _mapped(owners, lambda fields: fields - gone) if gone else dict(owners)


def within(owners: Owners, there: FieldSet) -> dict[Manager, Owned]:
    """Nobody owns what is not there."""
    return _mapped(owners, lambda fields: fields & there)


def capped(owners: Owners) -> dict[Manager, Owned]:
    """No more than `MAX_UPDATERS` managers that update."""
    updaters = [manager for manager in owners if manager.operation == UPDATE]
    if len(updaters) <= MAX_UPDATERS:
        return dict(owners)
    oldest = sorted(updaters, key=lambda manager: (owners[manager].time, manager))
    merged = oldest[: len(updaters) - MAX_UPDATERS + 1]
    kept = {manager: owned for manager, owned in owners.items() if manager not in merged}
    last = owners[merged[-1]]
    kept[Manager(UPDATE, ANCIENT)] = replace(
        last, fields=_union(owners[manager].fields for manager in merged), entry=None
    )
    return kept


def _union(sets: Iterable[FieldSet]) -> FieldSet:
    return frozenset[tuple[str, ...]]().union(*sets)


def _mapped(owners: Owners, change: Any) -> dict[Manager, Owned]:
    changed: dict[Manager, Owned] = {}
    for manager, owned in owners.items():
        if fields := change(owned.fields):
            changed[manager] = owned if len(fields) == len(owned.fields) else replace(owned, fields=fields, entry=None)
    return changed


def same_but_times(one: Owners, other: Owners) -> bool:
    """Whether both say the same of who owns what."""
    return {each: replace(owned, time="") for each, owned in one.items()} == {
        each: replace(owned, time="") for each, owned in other.items()
    }
