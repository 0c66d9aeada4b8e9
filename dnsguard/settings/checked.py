"""Frozen records whose fields are read and checked when they are made.

Written as models of pydantic are, in the little of its notation that settings need. It is not pydantic, because to
import that and to build one model of it takes longer than all the rest of a forwarder's start, and queries wait.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, dataclass_transform, get_args, get_origin

from dnsguard.errors import DnsguardError

Reader = Callable[[Any], Any]
"""A value as it was given → as it is kept. Raises ValueError, which says what to write."""


@dataclass(frozen=True, slots=True)
class PlainValidator:
    """`Annotated[T, PlainValidator(read)]`: `read` makes the value, whatever T is."""

    read: Reader


@dataclass(frozen=True, slots=True)
class BeforeValidator:
    """`Annotated[T, BeforeValidator(read)]`: what `read` makes of it is then read as T."""

    read: Reader


class Fault(NamedTuple):
    """What is wrong with one value."""

    name: str
    """The field's."""
    place: tuple[int, ...]
    """Where in a list it stands."""
    text: str


class InvalidValues(DnsguardError):
    """Values that make no record; `faults` has everything that is wrong."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(f"{fault.name}: {fault.text}" for fault in faults))


class _Wrong(Exception):
    """One value, or several of a list."""

    def __init__(self, found: list[tuple[tuple[int, ...], str]]) -> None:
        super().__init__()
        self.found = found


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record."""

    read: Reader
    default: Any

    def is_required(self) -> bool:
        return self.default is ...


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Checked:
    """Base of records. A field is `tuple[T, ...]`, a `Literal` or `Annotated` with one of the validators above."""

    model_fields: ClassVar[Mapping[str, Field]] = {}

    model_fields_set: set[str]
    """Names of the fields that were given."""

    def __init_subclass__(cls) -> None:
        cls.model_fields = {
            name: Field(_reader(hint, f"{cls.__name__}.{name}"), getattr(cls, name, ...))
            for name, hint in cls.__annotations__.items()
        }

    def __init__(self, **values: Any) -> None:
        """Raises InvalidValues."""
        faults = [Fault(name, (), "is no field") for name in values if name not in self.model_fields]
        for name, field in self.model_fields.items():
            try:
                self.__dict__[name] = field.read(values[name]) if name in values else _default(field)
            except _Wrong as wrong:
                faults += [Fault(name, place, text) for place, text in wrong.found]
            except ValueError as error:
                faults.append(Fault(name, (), str(error)))
        if faults:
            raise InvalidValues(faults)
        self.__dict__["model_fields_set"] = set(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} cannot be set: the record is frozen")

    @classmethod
    def model_validate(cls, values: Mapping[str, Any]) -> Self:
        """The record of these values. Raises InvalidValues."""
        return cls(**values)

    def model_copy(self, *, update: Mapping[str, Any]) -> Self:
        """The same with other values for some fields, which are taken as they are and count as given."""
        made = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__, **update)
        made.__dict__["model_fields_set"] = self.model_fields_set | update.keys()
        return made

    def filled(self, **values: Any) -> Self:
        """The same with values that nobody gave, in place of defaults. Taken as they are."""
        made = self.model_copy(update=values)
        made.__dict__["model_fields_set"] = self.model_fields_set
        return made


def _default(field: Field) -> Any:
    if field.is_required():
        raise ValueError("is missing")
    return field.default


def _reader(hint: Any, where: str) -> Reader:
    """How values of this type are read. Raises TypeError for a type that nobody has said how to read."""
    if get_origin(hint) is Annotated:
        inner, *validators = get_args(hint)
        match validators:
            case [PlainValidator(read)]:
                return read
            case [BeforeValidator(read)]:
                then = _reader(inner, where)
                return lambda value: then(read(value))
    elif get_origin(hint) is Literal:
        return _one_of(get_args(hint))
    elif get_origin(hint) is tuple and get_args(hint)[1:] == (...,):
        return _tuple_of(_reader(get_args(hint)[0], where))
    raise TypeError(f"{where}: write Annotated[…, PlainValidator(…)], for how to read {hint} is not said")


def _one_of(choices: tuple[str, ...]) -> Reader:
    def read(value: Any) -> Any:
        if value not in choices:
            *first, last = choices
            raise ValueError(f"{value!r} is none of the choices: write {', '.join(first)} or {last}")
        return value

    return read


def _tuple_of(read_item: Reader) -> Reader:
    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{value!r} is no list")
        items: list[Any] = []
        found: list[tuple[tuple[int, ...], str]] = []
        for number, item in enumerate(value):
            try:
                items.append(read_item(item))
            except ValueError as error:
                found.append(((number,), str(error)))
        if found:
            raise _Wrong(found)
        return tuple(items)

    return read
