"""Frozen dataclasses ⇄ plain JSON values, strictly: every field is there, has its type, and there are no others.

Knows just the field types that the messages use: ``str int float bool``, ``tuple[T, ...]``, ``dict[str, int | str]``
and dataclasses of those.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from dnsguard.errors import DnsguardError

Builder = Callable[[Any, str], Any]
"""A plain value and where it stands → the typed value."""


class LinkProtocolError(DnsguardError):
    """The other side of the link sent what this side does not understand."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


def plain(value: Any) -> Any:
    """The JSON shape of a message or a part of one."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class Shape:
    """How to build one dataclass."""

    kind: type[Any]
    builders: dict[str, Builder]
    required: frozenset[str]
    items: dict[str, Builder]
    """For the fields that are tuples: how to build one item."""

    @classmethod
    def of(cls, kind: type[Any]) -> "Shape":
        hints = get_type_hints(kind)
        return cls(
            kind,
            {field.name: _builder(hints[field.name]) for field in fields(kind)},
            frozenset(
                field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING
            ),
            {
                field.name: _builder(get_args(hints[field.name])[0])
                for field in fields(kind)
                if get_origin(hints[field.name]) is tuple
            },
        )

    def build(self, value: Any, where: str) -> Any:
        """The dataclass. Items of tuple fields may be built already. Raises LinkProtocolError."""
        if isinstance(value, self.kind):
            return value
        if not isinstance(value, dict):
            raise LinkProtocolError(where, f"expected an object, found {_short(value)}")
        if missing := self.required - value.keys():
            raise LinkProtocolError(f"{where}.{min(missing)}", "is missing")
        if unknown := value.keys() - self.builders.keys():
            raise LinkProtocolError(f"{where}.{min(unknown)}", "is no field that this version knows")
        return self.kind(**{key: self.builders[key](item, f"{where}.{key}") for key, item in value.items()})

    def build_items(self, value: Any, key: str, where: str) -> list[Any]:
        """The items of one tuple field, built."""
        if not isinstance(value, list):
            raise LinkProtocolError(f"{where}.{key}", f"expected a list, found {_short(value)}")
        build = self.items[key]
        return [build(item, f"{where}.{key}[{index}]") for index, item in enumerate(value)]


def _builder(hint: Any) -> Builder:
    if isinstance(hint, type) and is_dataclass(hint):
        return Shape.of(hint).build
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        return _tuple_of(_builder(arguments[0]))
    if origin is dict:
        return _dict_of(_builder(arguments[1]))
    return _SCALARS[hint]


def _tuple_of(build: Builder) -> Builder:
    def build_tuple(value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise LinkProtocolError(where, f"expected a list, found {_short(value)}")
        return tuple([build(item, where) for item in value])

    return build_tuple


def _dict_of(build: Builder) -> Builder:
    def build_dict(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise LinkProtocolError(where, f"expected an object, found {_short(value)}")
        return {key: build(item, f"{where}.{key}") for key, item in value.items()}

    return build_dict


def _scalar(name: str, *kinds: type[Any]) -> Builder:
    def build(value: Any, where: str) -> Any:
        if type(value) not in kinds:
            raise LinkProtocolError(where, f"expected {name}, found {_short(value)}")
        return value

    return build


_SCALARS: dict[Any, Builder] = {
    str: _scalar("a string", str),
    int: _scalar("a whole number", int),
    float: _scalar("a number", float, int),
    bool: _scalar("true or false", bool),
}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
