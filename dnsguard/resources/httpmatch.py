"""Conditions on HTTP requests: checked in full, so that a manifest is known to be right, and refused after all."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictStr

from dnsguard.resources.choices import choice
from dnsguard.resources.model import AS_TEXT, Model
from dnsguard.resources.problems import Problem

MAX_MATCHES = 20
MAX_PATH = 1024

_NOT_IN_PATHS = "?# "


class HeaderOperator(StrEnum):
    """How the value of a header is compared."""

    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    HAS_PREFIX = "HasPrefix"
    HAS_SUFFIX = "HasSuffix"
    IN = "In"
    NOT_IN = "NotIn"
    MATCHES_REGEX = "MatchesRegex"


class HTTPPath(Model):
    """One path, whole or by its beginning."""

    exact: StrictStr | None = None
    """The whole path."""
    prefix: StrictStr | None = None
    """What the path begins with."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """V-37."""
        if not broken and (self.exact is None) is (self.prefix is None):
            yield Problem((), "V-37", "write either exact or prefix")
        for field, path in (("exact", self.exact), ("prefix", self.prefix)):
            if path is None:
                continue
            if not path.startswith("/") or any(character in path for character in _NOT_IN_PATHS):
                yield Problem((field,), "V-37", f"{path[:60]!r} must begin with / and hold no ?, # or blank")
            if len(path) > MAX_PATH:
                yield Problem((field,), "V-37", f"is {len(path)} characters long; at most {MAX_PATH} are allowed")


class HTTPHeader(Model):
    """One header of a request."""

    header: StrictStr
    """Its name."""
    operator: Annotated[HeaderOperator, choice(HeaderOperator, "operator", "V-37"), AS_TEXT]
    """How its value is compared."""
    values: tuple[StrictStr, ...] | None = None
    """What it is compared with."""


class HTTPMatch(Model):
    """Requests by method, path and header."""

    methods: Annotated[tuple[StrictStr, ...], Field(max_length=MAX_MATCHES)] | None = None
    """One of these methods."""
    paths: Annotated[tuple[HTTPPath, ...], Field(max_length=MAX_MATCHES)] | None = None
    """One of these paths."""
    headers: tuple[HTTPHeader, ...] | None = None
    """All of these headers."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:  # noqa: ARG002 - what is broken looks absent
        """V-37."""
        methods = self.methods or ()
        for index, method in enumerate(methods):
            if method in methods[:index]:
                yield Problem(("methods", index), "V-37", f"{method} is listed twice: write it once")
