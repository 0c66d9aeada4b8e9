"""The base of every part of a resource: strict about what it reads, and complete about what is wrong."""

import difflib
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any, ClassVar, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PlainSerializer,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from dnsguard.resources.causes import Path
from dnsguard.resources.problems import Problem, problems_of, readable_parts, refused_all

MAX_SAID = 100
"""Unknown fields of one part of which it is said what may have been meant: that takes some time for each."""

AS_TEXT = PlainSerializer(str, return_type=str)
"""For fields whose values are written as their `str()`."""


class Model(BaseModel):
    """A frozen value read from a manifest; what was absent stays absent when it is written again.

    Unknown fields and nulls are refused, and one reading reports everything that is wrong: a part that cannot be read
    does not hide the combinations that are wrong around it.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
    )

    NULLABLE: ClassVar[frozenset[str]] = frozenset()
    """Fields (as written) where null means absent. Elsewhere null is refused: a template that rendered to nothing would
    otherwise take a restriction away."""

    REQUIRED: ClassVar[Mapping[str, str]] = {}
    """Required field (as written) → the rule that requires it, where there is one."""

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The data with what the server fills in. It sees unchecked values and must cope with any of them."""
        return data

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:  # noqa: ARG002 - part of the contract
        """What is wrong between fields. Fields named in `broken` (as written) could not be read and look absent.

        A part that could be read in part is there, without what is broken in it: judge what is written, not what is
        absent there.
        """
        return ()

    @classmethod
    def field_names(cls) -> dict[str, str]:
        """Name as written → attribute."""
        return _field_names(cls)

    @classmethod
    def unknown_field(cls, key: str) -> str:
        """What to say about a field that is not there."""
        if meant := _meant(key, cls):
            return f"unknown field; did you mean {meant}?"
        return f"unknown field; the fields here are {', '.join(sorted(cls.field_names()))}"

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, Mapping):
            return handler(data)
        problems, known = cls._known_fields(data)
        known = cls.completed(known)
        read: Self | None = None
        broken = frozenset(str(problem.path[0]) for problem in problems)
        try:
            read = handler(known)
        except ValidationError as error:
            found = [cls._named_by_rule(problem) for problem in problems_of(error)]
            problems += [problem for problem in found if problem.path[:1] != () and problem.path[0] not in broken]
            problems += [problem for problem in found if problem.path == ()]
            parts, lost = readable_parts(error)
            broken |= lost
            read = cls._readable_part(_with_parts(known, parts), broken, handler)
        if read is not None:
            problems += read.problems(broken)
        if problems:
            raise refused_all(problems, read)
        return cast("Self", read)  # without problems the first reading succeeded

    @classmethod
    def _named_by_rule(cls, problem: Problem) -> Problem:
        if problem.code == "required" and len(problem.path) == 1:
            return problem._replace(code=cls.REQUIRED.get(str(problem.path[0]), problem.code))
        return problem

    @classmethod
    def _known_fields(cls, data: Mapping[Any, Any]) -> tuple[list[Problem], dict[str, Any]]:
        names = cls.field_names()
        problems: list[Problem] = []
        known: dict[str, Any] = {}
        for key, value in data.items():
            if key not in names:
                said = cls.unknown_field(str(key)) if len(problems) < MAX_SAID else "unknown field"
                problems.append(Problem((str(key),), "D-01", said))
            elif value is not None:
                known[key] = value
            elif key not in cls.NULLABLE:
                problems.append(Problem((key,), "null", "is null: leave it out, or write a value; an empty list is []"))
        return problems, known

    @classmethod
    def _readable_part(
        cls, data: dict[str, Any], broken: frozenset[str], handler: ModelWrapValidatorHandler[Self]
    ) -> Self | None:
        try:
            return handler({key: value for key, value in data.items() if key not in broken})
        except ValidationError:
            return None  # a required field is among the broken ones


def _with_parts(data: Mapping[str, Any], parts: Mapping[Path, Any]) -> dict[str, Any]:
    """The data with readable parts in place of the fields, or items of fields, that they were read from."""
    mended = dict(data)
    copied: dict[str, list[Any]] = {}
    for path, part in parts.items():
        match path:
            case (str(field),):
                mended[field] = part
            case (str(field), int(index)):
                if field not in copied:
                    mended[field] = copied[field] = list(mended[field])
                copied[field][index] = part
            case _:
                pass
    return mended


@lru_cache(maxsize=1_024)  # a mistake that is made once is often made in every rule
def _meant(key: str, model: type[Model]) -> str:
    close = difflib.get_close_matches(key, sorted(model.field_names()), n=1)
    return close[0] if close else ""


@cache
def _field_names(model: type[Model]) -> dict[str, str]:
    return {field.alias or name: name for name, field in model.model_fields.items()}
