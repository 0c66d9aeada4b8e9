"""What the server sets in ``metadata``, and what it ignores there."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dnsguard.api.description.discovery import root_of
from dnsguard.api.failures import Failure, bad_request
from dnsguard.resources import KINDS, Kind
from dnsguard.resources.metadata import SERVER_SET
from dnsguard.resources.problems import kind_of_value
from dnsguard.store.interface import Object

IGNORED = ("selfLink", "generateName", "deletionTimestamp", "deletionGracePeriodSeconds")
"""Clients send these back as they once got them from some server."""

_TYPES: Mapping[str, tuple[type, str]] = {
    **dict.fromkeys(SERVER_SET + IGNORED, (str, "a string")),
    **dict.fromkeys(("generation", "deletionGracePeriodSeconds"), (int, "an integer")),
    "managedFields": (list, "a list"),
}
"""What both hold, where it is not null, and what that is called."""

OMITTED_EMPTY = ("labels", "annotations")
"""Not there where they hold nothing, as with Kubernetes: `kubectl diff` sends empty annotations with every object."""

SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels, nothing that looks alike: what Kubernetes makes names of."""

LONGEST_PREFIX = 58
"""Of ``generateName``; the suffix makes 63 of it."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a client said of the fields that are the server's."""

    uid: str
    resource_version: str
    generate_name: str
    managed_fields: Any = None
    """As sent."""


def taken_apart(data: Any, kind: Kind, namespace: str) -> tuple[Any, Stated]:
    """The object without server-set fields, its kind filled in where it was left out; and what it said in them.

    Raises Failure 400 where it belongs to another path (another kind, another namespace), and where what it said is of
    another type than such fields are.
    """
    if not isinstance(data, Mapping):
        return data, Stated("", "", "")
    api_version, name = data.get("apiVersion", kind.api_version), data.get("kind", kind.kind)
    if (api_version, name) != (kind.api_version, kind.kind):
        raise bad_request(
            f"this path takes a {kind.api_version} {kind.kind}, not a {f'{api_version} {name}'[:200]}"
            f"{_belongs(api_version, name)}"
        )
    data = {"apiVersion": kind.api_version, "kind": kind.kind, **data}
    data.pop("status", None)
    metadata = data.get("metadata")
    if not isinstance(metadata, Mapping):
        return data, Stated("", "", "")
    for field in _TYPES:
        _check_type(metadata, field)
    uid, resource_version, generate_name = (
        metadata.get(field) or "" for field in ("uid", "resourceVersion", "generateName")
    )
    stated = Stated(uid, resource_version, generate_name, metadata.get("managedFields"))
    given = metadata.get("namespace")
    if kind.namespaced and given and given != namespace:
        raise bad_request(f"metadata.namespace is {given!r}, the path says {namespace!r}: make them the same")
    hidden = {*_TYPES, *(key for key in OMITTED_EMPTY if metadata.get(key) == {})}
    data["metadata"] = {key: value for key, value in metadata.items() if key not in hidden}
    return data, stated


def generated_name(prefix: str) -> str:
    """A name that begins with ``prefix`` and that nobody has, very likely."""
    return prefix[:LONGEST_PREFIX] + "".join(secrets.choice(SUFFIX_LETTERS) for _ in range(5))


def stated_revision(resource_version: str) -> int | None:
    """The revision a client says an object is at; ``None`` when it says nothing.

    Raises Failure 409 for what is no revision.
    """
    if not resource_version:
        return None
    if not resource_version.isascii() or not resource_version.isdigit() or len(resource_version) > 18:
        raise Failure(409, "Conflict", f"metadata.resourceVersion {resource_version[:40]!r} is none of this server's")
    return int(resource_version)


def created(value: Object, uid: str, now: datetime) -> Object:
    """A new object with its server-set fields."""
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _with_metadata(value, {"uid": uid, "generation": 1, "creationTimestamp": stamp})


def replaced(value: Object, current: Object) -> Object:
    """``value`` in the place of ``current``: server-set fields stay, the generation counts what is meant to happen."""
    kept = {field: current["metadata"][field] for field in SERVER_SET if field in current["metadata"]}
    if _intent(value) != _intent(current):
        kept["generation"] = int(kept.get("generation", 0)) + 1
    if "status" in current:
        value = {**value, "status": current["status"]}
    return _with_metadata(value, kept)


def _with_metadata(value: Object, fields: Mapping[str, Any]) -> Object:
    return {**value, "metadata": {**value["metadata"], **fields}}


def _intent(value: Object) -> Object:
    return {key: part for key, part in value.items() if key not in ("metadata", "status")}


def _belongs(api_version: Any, name: Any) -> str:
    """Where an object that was sent to another path should go, if anywhere."""
    served = next((kind for kind in KINDS if (kind.api_version, kind.kind) == (api_version, name)), None)
    if served is None:
        return ""
    scope = "/namespaces/NAMESPACE" if served.namespaced else ""
    return f"; send that to {root_of(served.api_version)}{scope}/{served.plural}"


def _check_type(metadata: Mapping[str, Any], field: str) -> None:
    """A number is no revision: to pass it over would lose the update it guards against."""
    of, said = _TYPES[field]
    value = metadata.get(field)
    if value is not None and (not isinstance(value, of) or isinstance(value, bool)):
        hint = ": put it in quotes" if of is str else ""
        raise bad_request(f"metadata.{field}: must be {said}, not {kind_of_value(value)}{hint}")
