"""YAML 1.2 (core schema) text → values, strictly: what another reader could take differently is an error.

Refused are duplicate keys, keys that are not scalars, merge keys, tags beyond the core schema, aliases to an enclosing
node, and anything deeper or larger than the limits. `no`, `on`, `1000:2000` and `2024-01-01` are strings, `022` is 22.
The text is read event by event, so nesting costs no stack.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from dnsguard.errors import DnsguardError

MAX_DEPTH = 64
MAX_ALIASED = 100_000
"""Values that aliases may repeat in one document."""

_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]{1,100}", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]{1,100}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,100}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}

Path = tuple[str | int, ...]


class YamlError(DnsguardError):
    """The text is no YAML that dnsguard takes; `document` and `line` count from 1, `path` leads to the value."""

    def __init__(self, document: int, line: int, reason: str, path: Path = ()) -> None:
        self.document = document
        self.line = line
        self.reason = reason
        self.path = path
        super().__init__(f"document {document}, line {line}: {reason}")


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """One document of a text."""

    number: int
    """Counted from 1; empty documents count."""
    value: Any
    lines: dict[Path, int]
    """Where each value stands: path → line, counted from 1."""


@dataclass(slots=True)
class _Open:
    """A collection that is being read."""

    value: dict[str, Any] | list[Any]
    path: Path
    line: int
    anchor: str | None
    key: str | None = None
    """Of a mapping: the key whose value comes next."""
    size: int = 1
    """Values inside, itself included, aliased ones counted each time."""


@dataclass(slots=True)
class _Reading:
    number: int
    stack: list[_Open] = field(default_factory=list)
    lines: dict[Path, int] = field(default_factory=dict)
    anchors: dict[str, tuple[Any, int] | None] = field(default_factory=dict)
    """Anchor → value and its size; None while the value is being read."""
    aliased: int = 0
    root: Any = None
    doubled: list[Path] | None = None
    """Where keys stand for a second time; None where that is an error."""

    def path(self) -> Path:
        """Of the value that comes next; of the mapping itself while a key is expected."""
        if not self.stack:
            return ()
        top = self.stack[-1]
        if isinstance(top.value, list):
            return (*top.path, len(top.value))
        return top.path if top.key is None else (*top.path, top.key)

    def fail(self, line: int, reason: str) -> YamlError:
        return YamlError(self.number, line, reason, self.path())

    def expects_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None

    def key(self, text: str, line: int) -> None:
        top = self.stack[-1]
        if text == "<<":
            raise self.fail(line, "merge keys (<<) are not supported: write the fields out")
        if text in top.value and self.doubled is not None:
            self.doubled.append((*top.path, text))
        elif text in top.value:
            raise self.fail(line, f"duplicate key {text!r}: it stands on line {self.lines[(*top.path, text)]} already")
        top.key = text
        self.lines[(*top.path, text)] = line

    def open(self, value: dict[str, Any] | list[Any], line: int, anchor: str | None) -> None:
        if self.expects_key():
            raise self.fail(line, "a key must be a single value, not a list or mapping")
        if len(self.stack) >= MAX_DEPTH:
            raise self.fail(line, f"nested deeper than {MAX_DEPTH} levels")
        path = self.path()
        self.lines.setdefault(path, line)
        if anchor:
            self.anchors[anchor] = None
        self.stack.append(_Open(value, path, line, anchor))

    def close(self) -> None:
        done = self.stack.pop()
        self._store(done.value, done.size, done.anchor)

    def scalar(self, value: Any, line: int, anchor: str | None) -> None:
        self.lines.setdefault(self.path(), line)
        self._store(value, 1, anchor)

    def alias(self, name: str, line: int) -> None:
        if name not in self.anchors:
            raise self.fail(line, f"alias *{name} has no anchor before it")
        target = self.anchors[name]
        if target is None:
            raise self.fail(line, f"alias *{name} stands inside what it refers to")
        value, size = target
        self.aliased += size
        if self.aliased > MAX_ALIASED:
            raise self.fail(line, f"aliases repeat more than {MAX_ALIASED} values")
        self.lines.setdefault(self.path(), line)
        self._store(value, size, None)

    def _store(self, value: Any, size: int, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = (value, size)
        if not self.stack:
            self.root = value
            return
        top = self.stack[-1]
        top.size += size
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is not None:
            top.value[top.key] = value
            top.key = None


def documents(text: str, doubled: list[Path] | None = None) -> Iterator[YamlDocument]:
    """The documents of a text, one after another. Raises YamlError.

    With a list for ``doubled``, of keys that stand twice the last counts, and the list says where they are.
    """
    number = 0
    reading = _Reading(1)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.DocumentStartEvent):
                number += 1
                reading = _Reading(number, doubled=doubled)
            elif isinstance(event, yaml.DocumentEndEvent):
                yield YamlDocument(number, reading.root, reading.lines)
            else:
                _take(reading, event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        column = f", column {mark.column + 1}" if mark else ""
        raise YamlError(max(number, 1), line, f"is no YAML{column}: {_reason(error)}") from None
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise YamlError(max(number, 1), line, "is no YAML: half of a surrogate pair is no character") from None
    except yaml.YAMLError as error:
        raise YamlError(max(number, 1), 1, f"is no YAML: {' '.join(str(error).split())}") from None


def _reason(error: yaml.MarkedYAMLError) -> str:
    return ", ".join(part for part in (error.problem, error.context) if part)


def _take(reading: _Reading, event: yaml.Event) -> None:
    line = event.start_mark.line + 1 if event.start_mark else 1
    match event:
        case yaml.MappingStartEvent():
            _check_tag(reading, event.tag, "map", line)
            reading.open({}, line, event.anchor)
        case yaml.SequenceStartEvent():
            _check_tag(reading, event.tag, "seq", line)
            reading.open([], line, event.anchor)
        case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
            reading.close()
        case yaml.AliasEvent():
            if reading.expects_key():
                raise reading.fail(line, "an alias cannot be a key")
            reading.alias(str(event.anchor), line)
        case yaml.ScalarEvent():
            if not reading.expects_key():
                reading.scalar(_scalar(reading, event, line), line, event.anchor)
            elif event.anchor:
                raise reading.fail(line, "a key cannot have an anchor")
            else:
                reading.key(_key(reading, event, line), line)
        case _:
            pass


def _check_tag(reading: _Reading, tag: str | None, wanted: str, line: int) -> None:
    if tag not in (None, "!", _TAG + wanted):
        raise reading.fail(line, f"tag {tag} is not supported: leave it out")


def _key(reading: _Reading, event: yaml.ScalarEvent, line: int) -> str:
    # `on: x` is the key "on", and `80: x` the key "80": what a key is called does not hang on its type
    _check_tag(reading, event.tag, "str", line)
    if not event.style and event.value in ("", "~"):
        raise reading.fail(line, "a key is missing before the colon")
    return str(event.value)


def _scalar(reading: _Reading, event: yaml.ScalarEvent, line: int) -> Any:
    tag = event.tag
    if tag in (_TAG + "str", "!") or (tag is None and event.style):
        return event.value
    value = plain_value(event.value)
    expected: dict[str, tuple[type, ...]] = {
        "null": (type(None),),
        "bool": (bool,),
        "int": (int,),
        "float": (float, int),
    }
    if tag is None:
        return value
    wanted = expected.get(tag.removeprefix(_TAG))
    if wanted is None:
        raise reading.fail(line, f"tag {tag} is not supported: leave it out")
    if type(value) not in wanted:
        raise reading.fail(line, f"{event.value!r} is no {tag.removeprefix(_TAG)}")
    return float(value) if wanted == expected["float"] else value


def plain_value(text: str) -> Any:
    """What an unquoted scalar stands for in the core schema (YAML 1.2.2 § 10.3.2)."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
