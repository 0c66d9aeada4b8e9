"""What the kernel counted of objects, for `dnsguard get --stats`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from dnsguard.cli.server import Object, Server
from dnsguard.resources import Kind
from dnsguard.resources.apiversions import NETWORKING

COUNTED: Final[Mapping[str, str]] = {
    "networkpolicies": "NetworkPolicy",
    "globalnetworkpolicies": "GlobalNetworkPolicy",
    "networkpolicies.networking.k8s.io": "KubernetesNetworkPolicy",
    "profiles": "Profile",
    "tiers": "Tier",
}
"""Collection → what `/v1/stats` calls it."""

LONGEST: Final = 72
"""Characters of a rule in a table that is not wide."""

_OF_THE_OBJECT = ("kind", "namespace", "name", "tier")


def add_counts(server: Server, kind: Kind, namespace: str, values: Sequence[Object], *, rules: bool) -> None:
    """Give each object a field `stats`; None where nothing of it is in force on the server's node.

    `rules`: with each rule for itself. Raises ServerError.
    """
    asked = {"kind": COUNTED[kind.collection], "rules": str(rules).lower()}
    if kind.namespaced and namespace:
        asked["namespace"] = namespace
    if len(values) == 1:
        asked["name"] = values[0]["metadata"]["name"]
    answer = server.get("/v1/stats", asked)
    found = {
        (each.get("namespace", ""), each["name"]): {
            key: value for key, value in each.items() if key not in _OF_THE_OBJECT and (rules or key != "rules")
        }
        for each in (*answer["policies"], *answer["tiers"])
    }
    for value in values:
        metadata = value["metadata"]
        value["stats"] = found.get((metadata.get("namespace", ""), metadata["name"]))


def rule_lines(kind: Kind, value: Object, *, wide: bool) -> Iterator[list[str]]:
    """Each rule of a policy or profile as it is written, with what it matched: title, then lines of cells."""
    yield ["DIRECTION", "RULE", "ACTION", "PACKETS", "BYTES", "MATCHES"]
    stats = value.get("stats") or {}
    counts = {(each["direction"], each["rule"]): each for each in stats.get("rules", ())}
    spec = _spec(kind, value)
    for direction in "ingress", "egress":
        for place, rule in enumerate(spec.get(direction) or ()):
            count = counts.get((direction, place), {})
            shown = [str(count.get(each, "-")) for each in ("packets", "bytes")]
            yield [direction, str(place), str(rule.get("action", "-")), *shown, _condition(rule, wide=wide)]


def _spec(kind: Kind, value: Object) -> Mapping[str, Any]:
    """Where Kubernetes' rules are others than ours, the rules that they come to: those are counted."""
    if kind.api_version == NETWORKING:
        from dnsguard.resources import KubernetesNetworkPolicy, calico_spec, parse_object

        resource = parse_object({key: part for key, part in value.items() if key != "stats"})
        assert isinstance(resource, KubernetesNetworkPolicy)  # noqa: S101 - by its kind
        return calico_spec(resource.spec).model_dump(mode="json", by_alias=True, exclude_unset=True)
    spec: Mapping[str, Any] = value.get("spec") or {}
    return spec


def _condition(rule: Mapping[str, Any], *, wide: bool) -> str:
    """All but the action, in one line."""
    said = {key: value for key, value in rule.items() if key != "action" and value not in ({}, None)}
    if not said:
        return "everything"
    import yaml

    text = str(yaml.safe_dump(said, default_flow_style=True, sort_keys=False, allow_unicode=True, width=1 << 20))
    text = text.strip()[1:-1]
    return text if wide or len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
