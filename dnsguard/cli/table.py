"""Objects as rows of a table."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from dnsguard.resources import Kind
from dnsguard.resources.tiernames import DEFAULT_TIER

Object = dict[str, Any]


class Column(NamedTuple):
    """One column, and what an object shows in it."""

    title: str
    cell: Callable[[Object], object]
    only_wide: bool = False


def _part(*path: str) -> Callable[[Object], object]:
    """What stands at the end of the path; None where something on the way is missing."""

    def cell(value: Object) -> object:
        found: Any = value
        for step in path:
            found = found.get(step) if isinstance(found, dict) else None
        return found

    return cell


_spec = partial(_part, "spec")
_stat = partial(_part, "stats")
"""What `dnsguard get --stats` adds to an object."""


def _count(field: str) -> Callable[[Object], object]:
    return lambda value: len(_spec(field)(value) or ())  # type: ignore[arg-type]  # a list, by the kind's model


def _addresses(value: Object) -> object:
    spec = value.get("spec") or {}
    return spec.get("ipNetworks") or spec.get("expectedIPs")


def _labels(value: Object) -> object:
    return [f"{key}={text}" for key, text in sorted((value["metadata"].get("labels") or {}).items())]


def _pods(selector: object) -> str:
    """A Kubernetes label selector in one word, as kubectl shows it."""
    if not isinstance(selector, dict) or not any(selector.values()):
        return "<all>"
    words = [f"{key}={text}" for key, text in sorted((selector.get("matchLabels") or {}).items())]
    for each in selector.get("matchExpressions") or ():
        listed = f"({','.join(each.get('values') or ())})"
        match each.get("operator"):
            case "In" | "NotIn" as operator:
                words.append(f"{each.get('key')} {operator.lower()} {listed}")
            case "DoesNotExist":
                words.append(f"!{each.get('key')}")
            case _:
                words.append(str(each.get("key")))
    return ",".join(words)


_POLICY = (
    Column("TIER", lambda value: _spec("tier")(value) or DEFAULT_TIER),
    Column("ORDER", _spec("order")),
    Column("TYPES", _spec("types")),
    Column("SELECTOR", _spec("selector")),
    Column("INGRESS", _count("ingress"), only_wide=True),
    Column("EGRESS", _count("egress"), only_wide=True),
)
_SET = (Column("NETS", _count("nets")), Column("DOMAINS", _count("allowedEgressDomains")))
_ENDPOINT = (
    Column("NODE", _spec("node")),
    Column("INTERFACE", _spec("interfaceName")),
    Column("ADDRESSES", _addresses),
    Column("PROFILES", _spec("profiles"), only_wide=True),
)

_KUBERNETES = (
    Column("POD-SELECTOR", lambda value: _pods(_spec("podSelector")(value))),
    Column("TYPES", _spec("policyTypes")),
    Column("INGRESS", _count("ingress"), only_wide=True),
    Column("EGRESS", _count("egress"), only_wide=True),
)
_ACTION = (Column("ACTION", _spec("stagedAction")),)

COLUMNS: dict[str, tuple[Column, ...]] = {
    # by collection
    "tiers": (Column("ORDER", _spec("order")), Column("DEFAULT", _spec("defaultAction"))),
    "profiles": (Column("INGRESS", _count("ingress")), Column("EGRESS", _count("egress"))),
    "networkpolicies": _POLICY,
    "globalnetworkpolicies": _POLICY,
    "networkpolicies.networking.k8s.io": _KUBERNETES,
    "stagednetworkpolicies": (*_ACTION, *_POLICY),
    "stagedglobalnetworkpolicies": (*_ACTION, *_POLICY),
    "stagedkubernetesnetworkpolicies": (*_ACTION, *_KUBERNETES),
    "networksets": _SET,
    "globalnetworksets": _SET,
    "workloadendpoints": _ENDPOINT,
    "hostendpoints": _ENDPOINT,
    "felixconfigurations": (Column("FIELDS", lambda value: sorted(value.get("spec") or {})),),
}


_SUMS = tuple(
    Column(f"{title}{what}", _stat(field, part), only_wide=part == "bytes")
    for title, field in (("ALLOWED", "allowed"), ("DENIED", "denied"), ("PASSED", "passed"), ("LOGGED", "logged"))
    for what, part in (("", "packets"), ("-BYTES", "bytes"))
)
_RULES = (Column("RULES", _stat("ruleCount")), Column("UNMATCHED", _stat("unmatched")), *_SUMS)
_POLICY_COUNTS = (Column("TIER", lambda value: _spec("tier")(value) or DEFAULT_TIER), *_RULES)

COUNTS: dict[str, tuple[Column, ...]] = {
    # by collection, with --stats
    "tiers": (
        Column("ORDER", _spec("order")),
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
    shown = [Column("NAME", lambda value: value["metadata"]["name"])]
    if with_namespace and kind.namespaced:
        shown.insert(0, Column("NAMESPACE", lambda value: value["metadata"].get("namespace")))
    own = COUNTS if stats else COLUMNS
    shown += [column for column in own.get(kind.collection, ()) if wide or not column.only_wide]
    if wide and not stats:
        shown.append(Column("LABELS", _labels))
    shown.append(Column("AGE", lambda value: age(value["metadata"].get("creationTimestamp"), now)))
    return shown


def rows(shown: Sequence[Column], values: Iterable[Object]) -> list[list[str]]:
    """The cells of each object, as text."""
    return [[cell_text(column.cell(value)) for column in shown] for value in values]


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Lines of text with their columns below each other."""
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return ["   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def cell_text(value: object) -> str:
    """A value in a table; absent is a dash."""
    if value is None or value == "":
        return "-"
    if isinstance(value, list):
        return ",".join(map(str, value)) or "-"
    return str(value)


def age(timestamp: object, now: datetime) -> str:
    """How long ago, in the largest unit that says enough: `45s`, `10m`, `3h`, `12d`."""
    try:
        then = datetime.fromisoformat(str(timestamp))
    except ValueError:
        return "-"
    seconds = max(int((now - (then if then.tzinfo else then.replace(tzinfo=UTC))).total_seconds()), 0)
    for unit, size, until in (("s", 1, 120), ("m", 60, 7200), ("h", 3600, 172_800)):
        if seconds < until:
            return f"{seconds // size}{unit}"
    return f"{seconds // 86_400}d"
