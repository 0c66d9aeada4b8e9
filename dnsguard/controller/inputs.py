"""The objects of the store as policy is computed from them: parsed, each in its last valid version."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dnsguard.controller.transitions import Transitions
from dnsguard.resources import InvalidResource, Resource, UnknownKind, kind_of, parse_object
from dnsguard.resources.registry import ACCESS_COLLECTIONS
from dnsguard.store.interface import Change, ChangeType, Key, Object


@dataclass(frozen=True, slots=True)
class InvalidObject:
    """An object that arrived by another way than the API, or from another version, and is not understood."""

    key: Key
    reason: str
    enforced_version: str
    """``resourceVersion`` that stays active; empty when no valid version was ever seen."""

    def __str__(self) -> str:
        instead = f"version {self.enforced_version} stays active" if self.enforced_version else "it has no effect"
        return f"{self.key}: {self.reason}; {instead}"


class Inputs:
    """Follows the store, but for roles, bindings and tokens. What is invalid never replaces what was valid: policy is
    not weakened by a broken object."""

    def __init__(self) -> None:
        self._resources: dict[Key, Resource] = {}
        self._versions: dict[Key, str] = {}
        self._objects: dict[Key, Object] = {}
        """The same valid versions as they came, to be written down."""

        self._remembered: dict[Key, Object] = {}

        self._invalid: dict[Key, InvalidObject] = {}
        self.transitions = Transitions()
        self.revision = 0
        """Of the store, that this state stands for."""

    @property
    def resources(self) -> tuple[Resource, ...]:
        return tuple(self._resources.values())

    @property
    def invalid(self) -> tuple[InvalidObject, ...]:
        """In key order."""
        return tuple(self._invalid[key] for key in sorted(self._invalid))

    @property
    def has_invalid(self) -> bool:
        return bool(self._invalid)

    def invalid_at(self, key: Key) -> InvalidObject | None:
        """Where the object is not understood: why, and what stays active."""
        return self._invalid.get(key)

    def version_at(self, key: Key) -> str:
        """``resourceVersion`` of an object's last valid version; empty where there is none."""
        return self._versions.get(key, "")

    @property
    def counts(self) -> Mapping[str, int]:
        """Collection → how many are stored, the invalid ones included."""
        found: dict[str, int] = {}
        for key in self._resources.keys() | self._invalid.keys():
            found[key.plural] = found.get(key.plural, 0) + 1
        return found

    @property
    def valid_objects(self) -> tuple[Object, ...]:
        """The last valid version of every object."""
        return tuple(self._objects.values())

    def remember(self, objects: Iterable[Object]) -> None:
        """``valid_objects`` of an earlier run, for what became invalid since; to be called before ``replace``."""
        self._remembered = {key_of(value): value for value in objects}

    def replace(self, objects: Iterable[Object], revision: int) -> None:
        """A full list of the store: what is not in it is gone."""
        present = set()
        for value in objects:
            key = key_of(value)
            if key.plural not in ACCESS_COLLECTIONS:
                present.add(key)
                self._put(key, value)
        for key in (self._resources.keys() | self._invalid.keys()) - present:
            self._drop(key)
        self._remembered.clear()
        self.revision = revision

    def take(self, change: Change) -> None:
        """One event of the watch, of an object that policy may be computed from."""
        if change.type is ChangeType.DELETED:
            self._drop(change.key)
        else:
            self._put(change.key, change.object)
        self.revision = change.revision

    def _put(self, key: Key, value: Object) -> None:
        before, version = self._versions.get(key, ""), version_of(value)
        if version != before:
            self.transitions.changed(key, int(version) if version.isdecimal() else 0, before)
        try:
            self._accept(key, value)
        except InvalidResource as error:
            if key not in self._resources:
                self._recall(key)
            self._invalid[key] = InvalidObject(key, str(error), self._versions.get(key, ""))
        else:
            self._invalid.pop(key, None)

    def _accept(self, key: Key, value: Object) -> None:
        self._resources[key] = parse_object(value)
        self._versions[key] = version_of(value)
        self._objects[key] = value

    def _recall(self, key: Key) -> None:
        if key in self._remembered:
            with suppress(InvalidResource):  # valid for another version of dnsguard only
                self._accept(key, self._remembered[key])

    def _drop(self, key: Key) -> None:
        self._resources.pop(key, None)
        self._versions.pop(key, None)
        self._objects.pop(key, None)
        self._invalid.pop(key, None)
        self.transitions.gone(key)


def key_of(value: Object) -> Key:
    """Where an object of a list lives; a kind that this version does not know keeps its own name."""
    metadata: Any = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    kind = str(value.get("kind", ""))
    try:
        collection = kind_of(kind, str(value.get("apiVersion", ""))).collection
    except UnknownKind:
        collection = kind
    return Key(collection, str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))


def version_of(value: Object) -> str:
    """The ``resourceVersion``; empty when there is none."""
    metadata = value.get("metadata")
    return str(metadata.get("resourceVersion", "")) if isinstance(metadata, dict) else ""
