"""Objects as rows of a table."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from dnsguard.cli.output import harmless
from dnsguard.resources import Kind
from dnsguard.resources.columns import (
    LABELS,
    NAME,
    NAMESPACE,
    Column,
    Object,
    age_column,
    cell_text,
    own_columns,
    part,
    tier,
)

_stat = partial(part, "stats")
"""What `dnsguard get --stats` adds to an object."""

_SUMS = tuple(
    Column(f"{title}{what}", _stat(field, unit), only_wide=unit == "bytes")
    for title, field in (("ALLOWED", "allowed"), ("DENIED", "denied"), ("PASSED", "passed"), ("LOGGED", "logged"))
    for what, unit in (("", "packets"), ("-BYTES", "bytes"))
)
_RULES = (Column("RULES", _stat("ruleCount")), Column("UNMATCHED", _stat("unmatched")), *_SUMS)
_POLICY_COUNTS = (Column("TIER", tier), *_RULES)

COUNTS: dict[str, tuple[Column, ...]] = {
    # by collection, with --stats
    "tiers": (
        Column("ORDER", part("spec", "order")),
        Column("POLICIES", _stat("policies")),
        *_SUMS,
        Column("END-INGRESS", _stat("endOfIngress", "packets")),
        Column("END-EGRESS", _stat("endOfEgress", "packets")),
    ),
    "profiles": _RULES,
    "networkpolicies": _POLICY_COUNTS,
    "globalnetworkpolicies": _POLICY_COUNTS,
    "networkpolicies.networking.k8s.io": _RULES,
}


def columns(kind: Kind, *, wide: bool, with_namespace: bool, now: datetime, stats: bool = False) -> list[Column]:
    """The columns of a kind, name first and age last; with `stats` those of what was counted."""
    shown = [NAMESPACE, NAME] if with_namespace and kind.namespaced else [NAME]
    own = COUNTS.get(kind.collection, ()) if stats else own_columns(kind)
    shown += [column for column in own if wide or not column.only_wide]
    if wide and not stats:
        shown.append(LABELS)
    return [*shown, age_column(now)]


def rows(shown: Sequence[Column], values: Iterable[Object]) -> list[list[str]]:
    """The cells of each object, as text."""
    return [[cell_text(column.cell(value)) for column in shown] for value in values]


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Lines of text with their columns below each other, whatever cells hold."""
    lines = [[harmless(cell) for cell in line] for line in lines]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return ["   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
