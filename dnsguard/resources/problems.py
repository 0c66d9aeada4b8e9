"""What is wrong with an object: problems while it is read, causes once it is refused."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from dnsguard.resources.causes import Path

_COLLECTED = "problems"
_READABLE = "readable"


class Problem(NamedTuple):
    """One thing that is wrong, at a path relative to the value being read."""

    path: Path
    code: str
    message: str


class _Silent:
    """Something that travels with an error, and whose text nobody reads: pydantic asks for it all the same, at every
    level anew."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __str__(self) -> str:
        return ""


def refused(code: str, message: str) -> PydanticCustomError:
    """To raise where one value is wrong."""
    return PydanticCustomError("refused", "{message}", {"code": code, "message": message})


def refused_all(problems: Iterable[Problem], readable: object = None) -> PydanticCustomError:
    """To raise where a value is wrong for several reasons; `readable` is what could be read of it all the same."""
    return PydanticCustomError(
        _COLLECTED, "has problems", {_COLLECTED: _Silent(tuple(problems)), _READABLE: _Silent(readable)}
    )


def readable_parts(error: ValidationError) -> tuple[dict[Path, Any], frozenset[str]]:
    """What could be read of the fields (or items of a field) that are wrong, and the fields of which nothing could."""
    parts: dict[Path, Any] = {}
    lost: set[str] = set()
    for detail in error.errors(include_url=False):
        path: Path = detail["loc"]
        part = detail.get("ctx", {}).get(_READABLE)
        if part is not None and part.value is not None and len(path) <= 2:
            parts[path] = part.value
        elif path:
            lost.add(str(path[0]))
    return parts, frozenset(lost)


def problems_of(error: ValidationError) -> list[Problem]:
    """Everything a pydantic error says, flattened, in our words."""
    problems: list[Problem] = []
    for detail in error.errors(include_url=False):
        path: Path = detail["loc"]
        context = detail.get("ctx", {})
        if detail["type"] == _COLLECTED:
            problems += [Problem(path + inner.path, inner.code, inner.message) for inner in context[_COLLECTED].value]
        elif detail["type"] == "refused":
            problems.append(Problem(path, context["code"], context["message"]))
        else:
            problems.append(Problem(path, *_own_words(detail)))
    return problems


def kind_of_value(value: Any) -> str:
    """What a user would call this value: `a number`, `a list`."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return type(value).__name__


_WANTED = {
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
}


def _own_words(detail: ErrorDetails) -> tuple[str, str]:
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind == "missing":
        return "required", "is required"
    if kind in _WANTED:
        value = detail["input"]
        hint = ": put it in quotes" if kind == "string_type" and isinstance(value, bool | int | float) else ""
        return "type", f"{_WANTED[kind]}, not {kind_of_value(value)}{hint}"
    if kind == "too_long":
        return "limit", f"holds more than {context['max_length']} items"
    if kind in ("literal_error", "enum"):
        return "type", f"{detail['input']!r} is not one of {context['expected']}"
    return "type", detail["msg"]
