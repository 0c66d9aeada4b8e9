"""Frozen dataclasses ⇄ plain JSON values, strictly: every field is there, has its type, and there are no others.

Knows just the field types that the messages use: ``str int float bool``, ``tuple[T, ...]``, ``dict[str, int | str]``
and dataclasses of those.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from dnsguard.errors import DnsguardError

Builder = Callable[[Any], Any]
"""A plain value → the typed value. Raises LinkProtocolError with the place inside the value; callers put theirs in
front, so that only errors pay for it."""


class LinkProtocolError(DnsguardError):
    """The other side of the link sent what this side does not understand."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason

    def inside(self, place: str) -> "LinkProtocolError":
        """The same, with where the value itself stands."""
        return LinkProtocolError(place + self.where, self.reason)


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

    def build(self, value: Any) -> Any:
        """The dataclass. Items of tuple fields may be built already. Raises LinkProtocolError."""
        if isinstance(value, self.kind):
            return value
        if not isinstance(value, dict):
            raise LinkProtocolError("", f"expected an object, found {_short(value)}")
        if missing := self.required - value.keys():
            raise LinkProtocolError(f".{min(missing)}", "is missing")
        if unknown := value.keys() - self.builders.keys():
            raise LinkProtocolError(f".{min(unknown)}", "is no field that this version knows")
        typed = {}
        for key, item in value.items():
            try:
                typed[key] = self.builders[key](item)
            except LinkProtocolError as error:
                raise error.inside(f".{key}") from None
        return self.kind(**typed)

    def build_items(self, value: Any, key: str) -> list[Any]:
        """The items of one tuple field, built."""
        try:
            return _items(value, self.items[key])
        except LinkProtocolError as error:
            raise error.inside(f".{key}") from None


def _items(value: Any, build: Builder) -> list[Any]:
    if not isinstance(value, list):
        raise LinkProtocolError("", f"expected a list, found {_short(value)}")
    built: list[Any] = []
    try:
        for item in value:
            built.append(build(item))  # its length is the index of the item at fault
    except LinkProtocolError as error:
        raise error.inside(f"[{len(built)}]") from None
    return built


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
    return lambda value: tuple(_items(value, build))


def _dict_of(build: Builder) -> Builder:
    def build_dict(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise LinkProtocolError("", f"expected an object, found {_short(value)}")
        typed = {}
        for key, item in value.items():
            try:
                typed[key] = build(item)
            except LinkProtocolError as error:
                raise error.inside(f".{key}") from None
        return typed

    return build_dict


def _scalar(name: str, *kinds: type[Any]) -> Builder:
    def build(value: Any) -> Any:
        if type(value) not in kinds:
            raise LinkProtocolError("", f"expected {name}, found {_short(value)}")
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
