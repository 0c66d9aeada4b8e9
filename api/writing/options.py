"""How a change is to be made, as the query says it: for show, by whom, how strictly read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from starlette.datastructures import QueryParams

from dnsguard.api.authorization.judging import ANYTHING, Judge
from dnsguard.api.failures import Failure, bad_request
from dnsguard.api.queries import is_true
from dnsguard.resources import Cause

LONGEST_MANAGER = 128
"""Characters, as in Kubernetes."""


class FieldValidation(StrEnum):
    """What becomes of fields that a kind does not have, and of fields that are written twice."""

    STRICT = "Strict"
    """The object is refused."""

    WARN = "Warn"
    """They are left out, of two the last one stays, and a warning names each."""

    IGNORE = "Ignore"
    """The same: what is left out of a firewall's rules is never left out in silence."""


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Of one change."""

    dry_run: bool = False
    """Everything is checked, nothing is kept."""

    manager: str = "dnsguard"
    """Who comes to own the fields that change."""

    validation: FieldValidation = FieldValidation.STRICT

    force: bool = False
    """An apply takes over fields of others."""

    judge: Judge = ANYTHING

    @property
    def lenient(self) -> bool:
        """Whether unknown fields are left out."""
        return self.validation is not FieldValidation.STRICT


def write_options(query: QueryParams, user_agent: str, *, applying: bool = False, dry_run: bool) -> WriteOptions:
    """Raises Failure 400 and 422, as Kubernetes does."""
    return WriteOptions(
        dry_run, _manager(query, user_agent, applying=applying), _validation(query), _force(query, applying=applying)
    )


def is_dry(values: Iterable[Any]) -> bool:
    """Whether a change is for show, by all that ``dryRun`` is given. Raises Failure 400."""
    stages = [stage for stage in values if stage != ""]
    if any(stage != "All" for stage in stages):
        raise bad_request(f"dryRun: {stages!r} is not supported: the only value is All")
    return bool(stages)


def _manager(query: Mapping[str, str], user_agent: str, *, applying: bool) -> str:
    if name := query.get("fieldManager", ""):
        if len(name) > LONGEST_MANAGER or not name.isprintable():
            raise _invalid("fieldManager", f"must be at most {LONGEST_MANAGER} characters, all printable")
        return name
    if applying:
        raise _invalid("fieldManager", "is required for apply patch: add ?fieldManager=NAME")
    word = user_agent.partition("/")[0][:LONGEST_MANAGER]
    return word if word and word.isprintable() else "unknown"


def _validation(query: Mapping[str, str]) -> FieldValidation:
    value = query.get("fieldValidation", "")
    try:
        return FieldValidation(value or FieldValidation.STRICT)
    except ValueError:
        known = ", ".join(FieldValidation)
        raise _invalid("fieldValidation", f"unsupported value {value[:40]!r}: one of {known}") from None


def _force(query: Mapping[str, str], *, applying: bool) -> bool:
    if not query.get("force"):
        return False
    if not applying:
        raise _invalid("force", "may not be specified for non-apply patch")
    return is_true(query, "force")


def _invalid(field: str, message: str) -> Failure:
    return Failure(422, "Invalid", f"{field}: {message}", causes=[Cause(field, message, "FieldValueInvalid")])
