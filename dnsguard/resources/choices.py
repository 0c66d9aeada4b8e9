"""One of a few words, as a field of a resource."""

from enum import StrEnum
from typing import Any, TypeVar

from pydantic import PlainValidator

from dnsguard.resources.problems import refused
from dnsguard.resources.reading import reads

Choice = TypeVar("Choice", bound=StrEnum)


def choice(choices: type[Choice], noun: str, code: str = "type") -> PlainValidator:
    """Reads one of the choices, in its exact case; `noun` says in an error what they are."""
    *others, last = choices
    written = f"{', '.join(others)} or {last}"

    def read(value: Any) -> Choice:
        try:
            return choices(value)
        except ValueError:
            close = [each for each in choices if each.lower() == str(value).lower()]
            hint = f"; did you mean {close[0]}?" if close else ""
            raise refused(code, f"{value!r} is no {noun}: write {written}{hint}") from None

    return reads(read, {"type": "string", "enum": [each.value for each in choices]})
