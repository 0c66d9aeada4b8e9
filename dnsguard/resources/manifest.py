"""Manifests: YAML or JSON text → checked resources, or every error of every document, with file, line and field."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from dnsguard.errors import DnsguardError
from dnsguard.resources.causes import Cause, InvalidResource, field_text
from dnsguard.resources.parse import parse_object
from dnsguard.resources.resource import Resource
from dnsguard.yamltext import MAX_DEPTH, Path, YamlDocument, YamlError, documents

MAX_BYTES = 32 * 1024 * 1024
_LIST_KEYS = frozenset({"apiVersion", "kind", "metadata", "items"})


class Lines:
    """Where the fields of one document stand."""

    def __init__(self, lines: Mapping[Path, int]) -> None:
        self._lines = lines

    @cached_property
    def _by_field(self) -> dict[str, int]:
        return {field_text(path).lower(): line for path, line in self._lines.items()}

    def of(self, field: str) -> int:
        """The line of the field, or of the nearest thing around it that stands in the text; 0 where none is known."""
        field = field.lower()  # some kinds take their keys in any spelling, and name them in the canonical one
        while field and field not in self._by_field:
            field = field[: max(field.rfind("."), field.rfind("["), 0)]
        return self._by_field.get(field, 0)


@dataclass(frozen=True, slots=True)
class Document:
    """One resource, and where it was written."""

    source: str
    """File name, `-` or an address."""
    number: int
    """Of the document in its source, counted from 1."""
    line: int
    """Where the object begins, counted from 1; 0 where it is not known (JSON)."""
    data: Mapping[str, Any]
    """As written."""
    resource: Resource
    lines: Lines
    prefix: str = ""
    """Path of the object in its document: empty, or `items[3]` in a list."""

    def fault(self, cause: Cause) -> "Fault":
        """An error that was found later, by somebody who has seen other objects too."""
        field = ".".join(part for part in (self.prefix, cause.field) if part)
        name = "/".join(part for part in (self.resource.namespace, self.resource.name) if part)
        return Fault(
            self.source, self.number, self.lines.of(field), f"{self.resource.kind} {name}", cause._replace(field=field)
        )


class Fault(NamedTuple):
    """One error of one document."""

    source: str
    document: int
    line: int
    """Of the field, or of the nearest thing around it; 0 where it is not known (JSON)."""
    subject: str
    """Kind and name, as far as they can be read; empty for an error of syntax."""
    cause: Cause

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        subject = f"{self.subject}: " if self.subject else ""
        field = f"{self.cause.field}: " if self.cause.field else ""
        return (
            f"{self.source}: document {self.document}{line}: {subject}{field}{self.cause.message} ({self.cause.code})"
        )


class ManifestError(DnsguardError):
    """A manifest has errors; nothing of it may be applied. `faults` lists them all, a line each in `str()`."""

    exit_code = 2

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def load(text: str | bytes, source: str, namespace: str | None = None) -> list[Document]:
    """The resources of a text, in its order; lists unfolded, empty documents skipped.

    `namespace` is for namespaced objects that name none. Raises ManifestError with the faults of all documents.
    """
    loaded: list[Document] = []
    faults: list[Fault] = []
    for number, prefix, data, lines in _objects(text, source, faults):
        try:
            resource = parse_object(data, namespace)
        except InvalidResource as error:
            for cause in error.causes:
                field = ".".join(part for part in (prefix, cause.field) if part)
                faults.append(Fault(source, number, lines.of(field), error.subject, cause._replace(field=field)))
        else:
            loaded.append(Document(source, number, lines.of(prefix), data, resource, lines, prefix))
    if faults:
        raise ManifestError(sorted(faults, key=lambda fault: (fault.document, fault.line)))
    return loaded


def load_value(text: str | bytes, source: str, doubled: list[Path] | None = None) -> Any:
    """The one value of a text, unchecked: for bodies whose kind is known from elsewhere. Raises ManifestError.

    With a list for ``doubled``, of keys that stand twice the last counts, and the list says where they are.
    """
    faults: list[Fault] = []
    read = _documents(_decoded(text, source), source, faults, doubled)
    values = [document.value for document in read if document.value is not None]
    if not faults and len(values) != 1:
        faults.append(_syntax(source, 1, 0, f"must hold one document, not {len(values)}"))
    if faults:
        raise ManifestError(faults)
    return values[0]


def _objects(text: str | bytes, source: str, faults: list[Fault]) -> Iterator[tuple[int, str, Any, Lines]]:
    for document in _documents(_decoded(text, source), source, faults):
        if document.value is None:
            continue
        lines = Lines(document.lines)
        items = _items(document.value)
        if items is None:
            yield document.number, "", document.value, lines
            continue
        for index, item in enumerate(items):
            yield document.number, f"items[{index}]", item, lines


def _items(value: Any) -> list[Any] | None:
    """The objects of a list (`kind: List`, or `NetworkSetList` as servers answer), or None for anything else."""
    if not isinstance(value, Mapping) or set(value) - _LIST_KEYS or not isinstance(value.get("items"), list):
        return None
    kind = value.get("kind")
    if not isinstance(kind, str) or not kind.endswith("List"):
        return None
    inherited = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix("List")} if kind != "List" else {}
    return [{**inherited, **item} if isinstance(item, Mapping) else item for item in value["items"]]


def _documents(
    text: str, source: str, faults: list[Fault], doubled: list[Path] | None = None
) -> Iterator[YamlDocument]:
    if text.lstrip().startswith(("{", "[")):
        try:
            yield _json_document(text, doubled)
        except _DuplicateKeyError as error:
            faults.append(_syntax(source, 1, 0, str(error)))
        except RecursionError:
            faults.append(_syntax(source, 1, 0, f"nested deeper than {MAX_DEPTH} levels"))
        except ValueError:
            pass  # a YAML document may begin like that too, and its reader says where it goes wrong
        else:
            return
        if faults:
            return
    try:
        yield from documents(text, doubled)
    except YamlError as error:
        cause = Cause(field_text(error.path), error.reason, "syntax")
        faults.append(Fault(source, error.document, error.line, "", cause))


class _DuplicateKeyError(DnsguardError):
    """A JSON object has one key twice."""


def _json_document(text: str, doubled: list[Path] | None) -> YamlDocument:
    marked: list[tuple[dict[str, Any], list[str]]] = []

    def as_mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(pairs)
        if len(read) != len(pairs):
            twice = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
            if doubled is None:
                raise _DuplicateKeyError(f"duplicate key {twice[0]!r}")
            marked.append((read, twice))
        return read

    value = json.loads(text, object_pairs_hook=as_mapping, parse_constant=_no_constant)
    if is_deeper_than(value, MAX_DEPTH):
        raise RecursionError
    if doubled is not None and marked:
        keys = {id(mapping): twice for mapping, twice in marked}
        doubled += _places(value, keys)
    return YamlDocument(1, value, {})


def _places(value: Any, keys: Mapping[int, list[str]], path: Path = ()) -> Iterator[Path]:
    """Where the mappings stand whose keys are given by the mappings' identity."""
    yield from ((*path, key) for key in keys.get(id(value), ()))
    if isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(inner, keys, (*path, step))


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def is_deeper_than(value: Any, limit: int) -> bool:
    """Whether lists and mappings stand in each other more than ``limit`` deep. Costs no stack."""
    level = [value]
    for _ in range(limit + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _decoded(text: str | bytes, source: str) -> str:
    if len(text) > MAX_BYTES:
        raise ManifestError([_syntax(source, 1, 0, f"is larger than {MAX_BYTES} bytes: split it")])
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ManifestError([_syntax(source, 1, line, "is not UTF-8")]) from None


def _syntax(source: str, document: int, line: int, message: str) -> Fault:
    return Fault(source, document, line, "", Cause("", message, "syntax"))
