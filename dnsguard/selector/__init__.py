"""The label expression language: text → tokens → expression with `matches(labels)`; an error points at its column."""

from dnsguard.selector.errors import SelectorSyntaxError
from dnsguard.selector.expression import (
    All,
    And,
    Contains,
    EndsWith,
    Equals,
    Expression,
    Global,
    Has,
    In,
    Not,
    NotEquals,
    NotIn,
    Or,
    StartsWith,
)
from dnsguard.selector.identity import content_id, identifier
from dnsguard.selector.labels import labels_in
from dnsguard.selector.parser import parse
from dnsguard.selector.rewriting import conjunction, prefixed, replaced

__all__ = [
    "All",
    "And",
    "Contains",
    "EndsWith",
    "Equals",
    "Expression",
    "Global",
    "Has",
    "In",
    "Not",
    "NotEquals",
    "NotIn",
    "Or",
    "SelectorSyntaxError",
    "StartsWith",
    "conjunction",
    "content_id",
    "identifier",
    "labels_in",
    "parse",
    "prefixed",
    "replaced",
]
