"""The objects under which the streams flow, and the changes of them that decide nothing about any stream. Pure."""

from typing import Any

from tests.torrent.streams import (
    BY_CIDR,
    BY_LABEL,
    BY_TURNS,
    DENIED,
    OPEN_NAME,
    REPLIED,
    SECRET_NAME,
)

Manifest = dict[str, Any]

NAMESPACE = "torrent"
TIER, NOISE_TIER = "torrent", "noise"
ELSEWHERE = "203.0.113.200/32"
"""Where no stream goes."""


def _object(kind: str, name: str, spec: Manifest, labels: dict[str, str] | None = None) -> Manifest:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": kind,
        "metadata": {"name": name, "labels": labels or {}},
        "spec": spec,
    }


def _nets(addresses: tuple[str, str]) -> list[str]:
    return [f"{addresses[0]}/32", f"{addresses[1]}/128"]


def _rules(action: str, side: str, *addresses: tuple[str, str]) -> list[Manifest]:
    """One rule for each IP version: none may name both."""
    lengths = 32, 128
    return [
        {"action": action, side: {"nets": [f"{both[version]}/{lengths[version]}" for both in addresses]}}
        for version in (0, 1)
    ]


def tiers(turn: int = 0) -> list[Manifest]:
    """The second lets everything go on; where exactly it stands changes with the turn."""
    return [
        _object("Tier", TIER, {"order": 500}),
        _object("Tier", NOISE_TIER, {"order": 100 + turn % 7, "defaultAction": "Pass"}),
    ]


def partners(turn: int = 0) -> Manifest:
    """Those whom a label lets in and lets a reach; some change with the turn, and are in no stream."""
    nets = [*_nets(BY_LABEL), *(f"203.0.113.{100 + turn % 50 + more}/32" for more in range(turn % 3))]
    return _object("GlobalNetworkSet", "partners", {"nets": nets}, {"list": "partners"})


def streams_policy(turn: int = 0, names: int = 0) -> Manifest:
    """What is allowed and denied to workload a. Its last rules change with the turn, and no stream comes so far; with
    ``names`` the list of names does, and so the sets of leases that it is."""
    never = {"action": "Allow", "protocol": "UDP", "destination": {"nets": [ELSEWHERE], "ports": [1 + turn % 60_000]}}
    egress = [
        *_rules("Deny", "destination", DENIED),
        *_rules("Allow", "destination", BY_CIDR, REPLIED),
        {"action": "Allow", "destination": {"selector": "list == 'partners'"}},
        {"action": "Allow", "destination": {"selector": "app == 'b'"}},
        {"action": "Allow", "destination": {"domains": [OPEN_NAME, SECRET_NAME, f"n{names % 3}.example.org"]}},
        *[never] * (1 + turn % 3),
    ]
    ingress = [
        *_rules("Deny", "source", DENIED),
        *_rules("Allow", "source", BY_CIDR),
        {"action": "Allow", "source": {"selector": "list == 'partners'"}},
        {"action": "Allow", "protocol": "TCP", "destination": {"ports": [1 + turn % 60_000]}},
    ]
    spec = {"tier": TIER, "order": 20, "selector": "app == 'a'", "types": ["Ingress", "Egress"]}
    return _object("GlobalNetworkPolicy", "streams", {**spec, "egress": egress, "ingress": ingress})


def others_policies() -> list[Manifest]:
    peer = {"tier": TIER, "order": 30, "selector": "app == 'b'", "types": ["Ingress", "Egress"]}
    ingress = [{"action": "Allow", "source": {"selector": "app == 'a'"}}]
    names = {"tier": TIER, "order": 30, "selector": "app == 'c'", "types": ["Ingress", "Egress"]}
    egress = [{"action": "Allow", "destination": {"domains": [SECRET_NAME]}}]
    return [
        _object("GlobalNetworkPolicy", "peer", {**peer, "ingress": ingress}),
        _object("GlobalNetworkPolicy", "names", {**names, "egress": egress}),
    ]


def turning(*, is_open: bool) -> Manifest:
    """The policy that decides about the streams that go by turns."""
    action = "Allow" if is_open else "Deny"
    spec = {"tier": TIER, "order": 10, "selector": "app == 'a'", "types": ["Ingress", "Egress"]}
    rules = {"egress": _rules(action, "destination", BY_TURNS), "ingress": _rules(action, "source", BY_TURNS)}
    return _object("GlobalNetworkPolicy", "turning", {**spec, **rules})


def noise(number: int, turn: int) -> Manifest:
    """A policy that selects everybody and decides about nothing that flows: the streams pass its rules first."""
    elsewhere = {"nets": [ELSEWHERE], "ports": [1 + turn % 60_000]}
    spec = {
        "tier": NOISE_TIER,
        "order": number,
        "selector": "all()",
        "types": ["Ingress", "Egress"],
        "egress": [{"action": "Deny", "protocol": "UDP", "destination": elsewhere}] * (1 + turn % 4),
        "ingress": [{"action": "Deny", "protocol": "UDP", "source": {"nets": [ELSEWHERE]}}],
    }
    return _object("GlobalNetworkPolicy", f"noise-{number}", spec)


def everything() -> list[Manifest]:
    """All of it, what is referred to first."""
    return [
        *tiers(),
        partners(),
        streams_policy(),
        *others_policies(),
        turning(is_open=False),
        *(noise(number, 0) for number in range(3)),
    ]


def endpoint(number: int, turn: int) -> Manifest:
    """A workload that takes no part. Its labels change with the turn: now and then it is among those that rules of
    the streams select, so that sets which the streams are looked up in change."""
    labels = [{"app": "x"}, {"app": "b"}, {"list": "partners"}, {"app": "x", "turn": str(turn)}][turn % 4]
    made = _object(
        "WorkloadEndpoint",
        f"other-{number}",
        {
            "interfaceName": f"cali{number:x}",
            "ipNetworks": [f"10.244.{100 + number // 250}.{1 + number % 250}/32", f"fd00::ffff:{number:x}/128"],
            "profiles": [f"kns.{NAMESPACE}"],
        },
        labels,
    )
    made["metadata"]["namespace"] = NAMESPACE
    return made
