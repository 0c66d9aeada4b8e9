"""Sets of fields: paths ⇄ the form in which Kubernetes writes them (FieldsV1)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]
"""Keys from the object down. A list, a scalar and null are leaves."""

FieldSet = frozenset[Path]

NOTHING: FieldSet = frozenset()

_ITSELF = "."
_FIELD = "f:"

NOBODYS = frozenset({"apiVersion", "kind", "status"})
"""Parts of an object that nobody owns: its type, and what the server says of it."""

NOBODYS_METADATA = frozenset(
    {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "selfLink",
        "managedFields",
        "generateName",
    }
)


_NOT_ITSELF: FieldSet = frozenset({("metadata",)})
"""Every object has metadata; nobody owns that it has."""


class NoFieldSetError(ValueError):
    """It is not a FieldsV1 of mappings only."""


def ownable(value: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an object whose fields have owners."""
    part = {key: inner for key, inner in value.items() if key not in NOBODYS}
    metadata = value.get("metadata")
    if isinstance(metadata, Mapping):
        part["metadata"] = {key: inner for key, inner in metadata.items() if key not in NOBODYS_METADATA}
    return part


def leaves(value: Mapping[str, Any]) -> FieldSet:
    """What an applier says with this object: scalars, lists, nulls, and mappings that are empty."""
    found: list[Path] = []
    _collect(ownable(value), (), found, None)
    return frozenset(found) - _NOT_ITSELF


def all_fields(value: Mapping[str, Any]) -> FieldSet:
    """The same, and the mappings that they stand in."""
    found: list[Path] = []
    _collect(ownable(value), (), found, found)
    return frozenset(found) - _NOT_ITSELF


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed from one object to another."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet

    def __bool__(self) -> bool:
        return bool(self.added or self.modified or self.removed)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Of all fields that have owners."""
    added: list[Path] = []
    modified: list[Path] = []
    removed: list[Path] = []

    def compare(old: Mapping[str, Any], new: Mapping[str, Any], above: Path) -> None:
        for key, left in old.items():
            if key not in new:
                _collect({key: left}, above, removed, removed)
                continue
            right = new[key]
            if isinstance(left, dict) and isinstance(right, dict):
                compare(left, right, (*above, key))
            elif left != right or type(left) is not type(right):
                path = (*above, key)
                modified.append(path)
                _collect(left, path, removed, removed)
                _collect(right, path, added, added)
        for key, right in new.items():
            if key not in old:
                _collect({key: right}, above, added, added)

    compare({"metadata": {}} | ownable(before), {"metadata": {}} | ownable(after), ())
    return Difference(frozenset(added), frozenset(modified), frozenset(removed))


def written(fields: Iterable[Path]) -> dict[str, Any]:
    """As FieldsV1: ``{"f:spec": {"f:nets": {}}}``; ``"."`` is a mapping itself that has more in it."""
    tree: dict[str, Any] = {}
    for path in sorted(fields):  # a mapping comes before what is in it
        node = tree
        *above, last = path
        for key in above:
            step = _FIELD + key
            if step not in node:
                node[step] = {}
            elif not node[step]:
                node[step][_ITSELF] = {}  # it was a member by itself
            node = node[step]
        node[_FIELD + last] = {}
    return tree


def read(tree: Any) -> FieldSet:
    """From FieldsV1. Raises NoFieldSetError for what it cannot be here, as items of lists."""
    return frozenset(_paths(tree, ()))


def text(path: Path) -> str:
    """As Kubernetes names a field in a message: ``.spec.nets``."""
    return "".join(f".{key}" for key in path)


def _paths(tree: Any, above: Path) -> Iterator[Path]:
    if not isinstance(tree, dict):
        raise NoFieldSetError(text(above))
    for step, below in tree.items():
        if step == _ITSELF and above:
            yield above
        elif step.startswith(_FIELD):
            path = (*above, step.removeprefix(_FIELD))
            if below == {}:
                yield path
            else:
                yield from _paths(below, path)
        else:
            raise NoFieldSetError(text((*above, step)))


def _collect(value: Any, above: Path, found: list[Path], found_mappings: list[Path] | None) -> None:
    """The paths below ``above``: leaves into one list, mappings that have something in them into the other."""
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        path = (*above, key)
        if isinstance(inner, dict) and inner:
            if found_mappings is not None:
                found_mappings.append(path)
            _collect(inner, path, found, found_mappings)
        else:
            found.append(path)
