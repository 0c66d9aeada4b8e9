"""A small world in which everything can change: few names, few labels, few values, so that selectors hit."""

from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

from dnsguard.resources import Resource
from tests.unit.calc.builders import (
    global_network_set,
    global_policy,
    host,
    kubernetes_policy,
    namespace,
    network_set,
    policy,
    profile,
    staged,
    staged_global,
    staged_kubernetes,
    tier,
    workload,
)

VARIANTS = 40
"""Of each object. Some are equal, and are other objects all the same."""

NAMESPACES = ["shop", "else"]
PROFILES = ["pr", "kns.shop", "kns.else", "ksa.shop.robot", "nobody-wrote-it"]
SELECTORS = [
    "a == 'x'",
    "a != 'x'",
    "has(b)",
    "!has(b)",
    "a in {'x', 'y'} && has(b)",
    "a == 'x' || b == 'y'",
    "all()",
    "a starts with 'x'",
    "projectcalico.org/namespace == 'shop'",
]
NAMESPACE_SELECTORS = ["env == 'x'", "!has(env)", "env != 'x'", "all()", "has(env)", "projectcalico.org/name == 'shop'"]
ADDRESSES = [*(f"10.0.0.{number}" for number in range(4)), "fd00::1", "fd00::2"]
NETS = ["10.0.0.0/31", "10.0.0.2/32", "10.0.0.3", "10.0.0.0/30", "fd00::/126", "192.0.2.0/25", "192.0.2.128/25"]
DOMAINS = ["a.example", "*.a.example", "b.example"]


def _some(random: Random, pool: list[Any], most: int = 2) -> list[Any]:
    return random.sample(pool, random.randint(0, most))


def _maybe(random: Random, **fields: Any) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if random.random() < 0.5}


def _labels(random: Random) -> dict[str, str]:
    return _maybe(random, a=random.choice("xy"), b=random.choice("xy")) or {"a": "x"}


def _ports(random: Random) -> list[dict[str, Any]]:
    offered = [("web", "TCP", 80), ("web", "TCP", 81), ("dns", "UDP", 53)]
    return [{"name": name, "protocol": protocol, "port": port} for name, protocol, port in _some(random, offered)]


def _workload(random: Random, name: str, space: str) -> Resource:
    account = _maybe(random, serviceAccountName="robot", orchestrator="k8s", ports=_ports(random))
    return workload(
        name,
        *_some(random, ADDRESSES),
        namespace=space,
        labels=_labels(random),
        profiles=_some(random, PROFILES, 3),
        **account,
    )


def _host(random: Random, name: str) -> Resource:
    where = {
        "interfaceName": random.choice(["eth0", "*"]),
        "profiles": _some(random, PROFILES),
        "ports": _ports(random),
    }
    return host(name, *_some(random, ADDRESSES), labels=_labels(random), **where)


def _set(random: Random) -> dict[str, Any]:
    lists = _maybe(random, nets=_some(random, NETS, 3), allowedEgressDomains=_some(random, DOMAINS, 3))
    return {"labels": _labels(random), **lists}


def _entity(random: Random) -> dict[str, Any]:
    return random.choice(
        [
            {},
            {"selector": random.choice(SELECTORS)},
            {"notSelector": random.choice(SELECTORS)},
            {
                "selector": random.choice(SELECTORS),
                "namespaceSelector": random.choice(["global()", *NAMESPACE_SELECTORS]),
            },
            {"serviceAccounts": {"names": ["robot"]}},
            {"nets": ["192.0.2.0/24"], "notNets": ["192.0.2.0/25"]},
        ]
    )


def _rule(random: Random, *, egress: bool) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "action": random.choice(["Allow", "Allow", "Allow", "Deny", "Pass", "Log"]),
        "source": _entity(random),
        "destination": _entity(random),
    }
    if random.random() < 0.4:
        rule |= {"protocol": "TCP", "destination": {**rule["destination"], "ports": [80, "web"]}}
    if egress and random.random() < 0.2:
        rule |= {"action": "Allow", "destination": {"domains": _some(random, DOMAINS)}}
    return rule


def _spec(random: Random) -> dict[str, Any]:
    rules = {
        direction: [_rule(random, egress=direction == "egress") for _ in range(random.randint(0, 2))]
        for direction in ("ingress", "egress")
    }
    return rules | _maybe(
        random,
        tier=random.choice(["t0", "t1", "default", "t0", "t1", "missing"]),
        order=random.choice([1, 2, 1.5]),
        types=random.choice([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
        selector=random.choice(SELECTORS),
        serviceAccountSelector=random.choice(["all()", "", ""]),
    )


def _global_spec(random: Random) -> dict[str, Any]:
    spec = _spec(random) | _maybe(random, namespaceSelector=random.choice(NAMESPACE_SELECTORS))
    match random.randint(0, 4):
        case 0:
            return {**spec, "applyOnForward": True}
        case 1:
            return {**spec, "applyOnForward": True, "doNotTrack": True}
        case 2:
            return {**spec, "applyOnForward": True, "preDNAT": True, "egress": [], "types": ["Ingress"]}
        case _:
            return spec


def _staged(random: Random, spec: dict[str, Any]) -> dict[str, Any]:
    action = random.choice(["Set", "Learn", "Ignore", "Delete"])
    return {"stagedAction": action} if action == "Delete" else {**spec, "stagedAction": action}


def _kubernetes_spec(random: Random) -> dict[str, Any]:
    peers = [
        {"podSelector": {"matchLabels": {"a": "x"}}},
        {"namespaceSelector": {}},
        {"ipBlock": {"cidr": "192.0.2.0/24"}},
    ]
    return {
        "podSelector": random.choice([{}, {"matchLabels": {"a": "x"}}]),
        "egress": [{"to": _some(random, peers)}],
        "policyTypes": random.choice([["Ingress"], ["Ingress", "Egress"]]),
    }


def _namespace(random: Random, name: str) -> Resource:
    return namespace(name, **_maybe(random, env=random.choice("xy")))


def _profile(random: Random, name: str) -> Resource:
    ingress = [_rule(random, egress=False)]
    egress = [_rule(random, egress=True), {"action": "Allow", "destination": {"selector": random.choice(SELECTORS)}}]
    return profile(name, **_maybe(random, ingress=ingress, egress=egress, labelsToApply=_labels(random)))


def _tier(random: Random, name: str) -> Resource:
    return tier(name, **_maybe(random, order=random.choice([1, 2]), defaultAction=random.choice(["Pass", "Deny"])))


_Maker = Callable[[Random, str], Resource]
"""Makes a variant of the object of a name, or of the one in a namespace."""

_BY_NAMESPACE: dict[str, _Maker] = {
    "namespace": _namespace,
    "workload v": lambda random, space: _workload(random, "v", space),
    "workload w": lambda random, space: _workload(random, "w", space),
    "set": lambda random, space: network_set("n", space, **_set(random)),
    "policy p": lambda random, space: policy("p", space, **_spec(random)),
    "policy q": lambda random, space: policy("q", space, **_spec(random)),
    "kubernetes": lambda random, space: kubernetes_policy("p", space, **_kubernetes_spec(random)),
    "staged": lambda random, space: staged("p", space, **_staged(random, _spec(random))),
    "staged kubernetes": lambda random, space: staged_kubernetes(
        "p", space, **_staged(random, _kubernetes_spec(random))
    ),
}
_BY_NAME: dict[str, _Maker] = {
    "host": _host,
    "global set": lambda random, name: global_network_set(name, **_set(random)),
    "global policy": lambda random, name: global_policy(name, **_global_spec(random)),
    "staged global": lambda random, name: staged_global(name, **_staged(random, _global_spec(random))),
}
_MAKERS: dict[tuple[str, str], _Maker] = {
    **{(kind, space): maker for kind, maker in _BY_NAMESPACE.items() for space in NAMESPACES},
    **{(kind, name): maker for kind, maker in _BY_NAME.items() for name in ("g", "h")},
    **{("tier", name): _tier for name in ("t0", "t1")},
    **{("profile", name): _profile for name in ("pr", "kns.shop")},
}

SLOTS = list(_MAKERS)
"""Every object that can be there."""


@cache
def variant(slot: tuple[str, str], number: int) -> Resource:
    """One of the `VARIANTS` of an object; the same object when asked again."""
    return _MAKERS[slot](Random(f"{slot} {number // 2 if number % 10 == 0 else number}"), slot[1])
