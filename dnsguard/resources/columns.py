"""What tables show of objects: `dnsguard get`, and `kubectl get` by way of the API."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from dnsguard.resources.registry import Kind
from dnsguard.resources.tiernames import DEFAULT_TIER

Object = dict[str, Any]


class Column(NamedTuple):
    """One column, and what an object shows in it."""

    title: str
    cell: Callable[[Object], object]
    only_wide: bool = False
    meaning: str = ""
    """For who asks the API what a column holds."""


def part(*path: str) -> Callable[[Object], object]:
    """What stands at the end of the path; None where something on the way is missing."""

    def cell(value: Object) -> object:
        found: Any = value
        for step in path:
            found = found.get(step) if isinstance(found, dict) else None
        return found

    return cell


_spec = partial(part, "spec")


def tier(value: Object) -> object:
    """That a policy is in."""
    return _spec("tier")(value) or DEFAULT_TIER


def _count(*path: str) -> Callable[[Object], object]:
    return lambda value: len(part(*path)(value) or ())  # type: ignore[arg-type]  # a list, by the kind's model


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


def _enforced(value: Object) -> object:
    """What the condition says; None where nobody says anything."""
    conditions = part("status", "conditions")(value)
    for condition in conditions if isinstance(conditions, list) else ():
        if condition.get("type") == "Enforced":
            return condition.get("status")
    return None


def _role(value: Object) -> object:
    reference = value.get("roleRef") or {}
    return f"{reference.get('kind')}/{reference.get('name')}"


def _subjects(kind: str) -> Callable[[Object], object]:
    return lambda value: [each.get("name") for each in value.get("subjects") or () if each.get("kind") == kind]


_ENFORCED = Column("ENFORCED", _enforced, meaning="Whether this node's kernel enforces it as it is written here.")
_ORDER = Column("ORDER", _spec("order"), meaning="Lower comes first; without one it comes last.")
_TIER = Column("TIER", tier, meaning="The tier that it is in.")
_TYPES = Column("TYPES", _spec("types"), meaning="Directions of traffic that it decides.")
_RULES = (
    Column("INGRESS", _count("spec", "ingress"), only_wide=True, meaning="Rules for what comes in."),
    Column("EGRESS", _count("spec", "egress"), only_wide=True, meaning="Rules for what goes out."),
)
_POLICY = (
    _TIER,
    _ORDER,
    _TYPES,
    Column("SELECTOR", _spec("selector"), meaning="The endpoints that it applies to."),
    *_RULES,
)
_SET = (
    Column("NETS", _count("spec", "nets"), meaning="How many CIDRs are in it."),
    Column("DOMAINS", _count("spec", "allowedEgressDomains"), meaning="How many domain names are in it."),
    _ENFORCED,
)
_ENDPOINT = (
    Column("NODE", _spec("node"), meaning="The node that it is on."),
    Column("INTERFACE", _spec("interfaceName"), meaning="The interface of the node that its packets come by."),
    Column("ADDRESSES", _addresses, meaning="The addresses that it may use."),
    _ENFORCED,
    Column("PROFILES", _spec("profiles"), only_wide=True, meaning="What applies where no policy does."),
)
_KUBERNETES = (
    Column("POD-SELECTOR", lambda value: _pods(_spec("podSelector")(value)), meaning="The pods that it applies to."),
    Column("TYPES", _spec("policyTypes"), meaning="Directions of traffic that it decides."),
    *_RULES,
)
_ACTION = (Column("ACTION", _spec("stagedAction"), meaning="What would become of it."),)
_ROLE = (Column("RULES", _count("rules"), meaning="How many rules it has."),)
_BINDING = (
    Column("ROLE", _role, meaning="What is granted."),
    Column("USERS", _subjects("User"), only_wide=True, meaning="Users that it is granted to."),
    Column("GROUPS", _subjects("Group"), only_wide=True, meaning="Groups that it is granted to."),
)

COLUMNS: dict[str, tuple[Column, ...]] = {
    # by collection
    "tiers": (_ORDER, Column("DEFAULT", _spec("defaultAction"), meaning="What its end does."), _ENFORCED),
    "profiles": (
        Column("INGRESS", _count("spec", "ingress"), meaning="Rules for what comes in."),
        Column("EGRESS", _count("spec", "egress"), meaning="Rules for what goes out."),
        _ENFORCED,
    ),
    "networkpolicies": (*_POLICY, _ENFORCED),
    "globalnetworkpolicies": (*_POLICY, _ENFORCED),
    "networkpolicies.networking.k8s.io": (*_KUBERNETES, _ENFORCED),
    "stagednetworkpolicies": (*_ACTION, *_POLICY),
    "stagedglobalnetworkpolicies": (*_ACTION, *_POLICY),
    "stagedkubernetesnetworkpolicies": (*_ACTION, *_KUBERNETES),
    "networksets": _SET,
    "globalnetworksets": _SET,
    "workloadendpoints": _ENDPOINT,
    "hostendpoints": _ENDPOINT,
    "felixconfigurations": (
        Column("FIELDS", lambda value: sorted(value.get("spec") or {}), meaning="What it sets."),
        _ENFORCED,
    ),
    "kubecontrollersconfigurations": (
        Column(
            "HOST-ENDPOINTS",
            _spec("controllers", "node", "hostEndpoint", "autoCreate"),
            meaning="Whether the node has a host endpoint by itself.",
        ),
    ),
    "roles.rbac.authorization.k8s.io": _ROLE,
    "clusterroles.rbac.authorization.k8s.io": _ROLE,
    "rolebindings.rbac.authorization.k8s.io": _BINDING,
    "clusterrolebindings.rbac.authorization.k8s.io": _BINDING,
    "accesstokens.dnsguard.io": (
        Column("EXPIRES", _spec("expires"), meaning="When it ends to be of use."),
        Column("GROUPS", _spec("groups"), meaning="Groups that its holder is in."),
    ),
}

NAME = Column("NAME", lambda value: value["metadata"]["name"], meaning="Its name.")
NAMESPACE = Column("NAMESPACE", lambda value: value["metadata"].get("namespace"), meaning="Its namespace.")
LABELS = Column("LABELS", _labels, only_wide=True, meaning="Its labels.")


def age_column(now: datetime) -> Column:
    """The last one."""
    return Column(
        "AGE",
        lambda value: age(value["metadata"].get("creationTimestamp"), now),
        meaning="How long ago it was created.",
    )


def own_columns(kind: Kind) -> Sequence[Column]:
    """Those that not every kind has."""
    return COLUMNS.get(kind.collection, ())


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
