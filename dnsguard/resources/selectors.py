"""Selectors as fields of a resource: the text as written, and the expression it stands for."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from dnsguard.resources.model import AS_TEXT
from dnsguard.resources.problems import kind_of_value, refused
from dnsguard.resources.reading import reads, string
from dnsguard.selector import Expression, SelectorSyntaxError, parse

MAX_LENGTH = 1024

_GLOBAL_CALL = "global("
_GLOBAL_ALONE = re.compile(r"\s*global\(\s*\)\s*")


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector that parses. Blank text restricts nothing and has no expression."""

    text: str
    expression: Expression | None

    def __str__(self) -> str:
        return self.text


def _parsed(value: Any, code: str) -> Selector:
    if not isinstance(value, str):
        raise refused("type", f"must be a string that holds a selector, not {kind_of_value(value)}")
    if len(value) > MAX_LENGTH:
        raise refused(code, f"is {len(value)} characters long; at most {MAX_LENGTH} are allowed")
    if not value.strip():
        return Selector(value, None)
    try:
        return Selector(value, parse(value))
    except SelectorSyntaxError as error:
        raise refused(code, f"bad selector, column {error.column}: {error.reason}, in {value!r}") from None


def read_top_selector(value: Any) -> Selector:
    """Which endpoints a policy applies to (V-20); `global(` has no meaning there (V-21)."""
    if isinstance(value, str) and _GLOBAL_CALL in value:
        raise refused(
            "V-21", "must not contain global(: a policy chooses endpoints by their labels; use all() for every one"
        )
    return _parsed(value, "V-20")


def read_rule_selector(value: Any) -> Selector:
    """Which endpoints and sets a rule matches (V-42); `global(` belongs into the namespaceSelector (V-43)."""
    if isinstance(value, str) and _GLOBAL_CALL in value:
        raise refused(
            "V-43", "must not contain global(: write namespaceSelector: global() for objects without a namespace"
        )
    return _parsed(value, "V-42")


def read_namespace_selector(value: Any) -> Selector:
    """Where a rule's selectors look (V-42); `global()` stands alone (V-44)."""
    if isinstance(value, str) and _GLOBAL_CALL in value and not _GLOBAL_ALONE.fullmatch(value):
        raise refused(
            "V-44", "global() stands alone: it cannot be combined with anything, negated or put in parentheses"
        )
    return _parsed(value, "V-42")


SELECTOR = string(maxLength=MAX_LENGTH)
TopSelector = Annotated[Selector, reads(read_top_selector, SELECTOR), AS_TEXT]
RuleSelector = Annotated[Selector, reads(read_rule_selector, SELECTOR), AS_TEXT]
NamespaceSelector = Annotated[Selector, reads(read_namespace_selector, SELECTOR), AS_TEXT]
