"""A plain reading of what Kubernetes documents of its network policies, written from the manifest alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

Address = IPv4Address | IPv6Address
Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod, with the labels of its namespace."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    namespace_labels: Mapping[str, str]
    addresses: tuple[Address, ...]
    ports: Mapping[tuple[str, str], int]
    """Protocol and name → number."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A packet of a new connection."""

    source: Address
    destination: Address
    protocol: str
    port: int


def allowed(pod: Pod, direction: str, packet: Connection, policies: Iterable[Manifest], pods: Iterable[Pod]) -> bool:
    """Whether the pod may receive (`Ingress`) or send (`Egress`) it. An isolated pod may what a rule allows."""
    pods = list(pods)
    applying = [policy for policy in policies if _isolates(policy, pod, direction)]
    if not applying:
        return True
    field, peers = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    remote = packet.source if direction == "Ingress" else packet.destination
    return any(
        _peer_matches(rule.get(peers) or None, policy["metadata"]["namespace"], remote, pods)
        and _port_matches(rule.get("ports") or None, packet, pods)
        for policy in applying
        for rule in _spec(policy).get(field) or ()
    )


def _spec(policy: Manifest) -> Manifest:
    found: Manifest = policy.get("spec") or {}
    return found


def _isolates(policy: Manifest, pod: Pod, direction: str) -> bool:
    spec = _spec(policy)
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return (
        direction in types
        and policy["metadata"]["namespace"] == pod.namespace
        and selects(spec.get("podSelector") or {}, pod.labels)
    )


def selects(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether a label selector is true of these labels."""
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(each, labels) for each in selector.get("matchExpressions") or ()
    )


def _holds(expression: Manifest, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    return {
        "In": key in labels and labels[key] in values,
        "NotIn": key not in labels or labels[key] not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[expression["operator"]]


def _peer_matches(peers: Iterable[Manifest] | None, namespace: str, address: Address, pods: Iterable[Pod]) -> bool:
    return peers is None or any(_is_peer(peer, namespace, address, pods) for peer in peers)


def _is_peer(peer: Manifest, namespace: str, address: Address, pods: Iterable[Pod]) -> bool:
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        inside = address in ip_network(block["cidr"], strict=False)
        return inside and not any(address in ip_network(net, strict=False) for net in block.get("except") or ())
    return any(
        address in pod.addresses
        and selects(peer.get("podSelector") or {}, pod.labels)
        and (
            selects(peer["namespaceSelector"], pod.namespace_labels)
            if "namespaceSelector" in peer
            else pod.namespace == namespace
        )
        for pod in pods
    )


def _port_matches(ports: Iterable[Manifest] | None, packet: Connection, pods: Iterable[Pod]) -> bool:
    return ports is None or any(_is_port(port, packet, pods) for port in ports)


def _is_port(port: Manifest, packet: Connection, pods: Iterable[Pod]) -> bool:
    protocol, wanted = port.get("protocol", "TCP"), port.get("port")
    if packet.protocol != protocol:
        return False
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return packet.port in range(wanted, port.get("endPort", wanted) + 1)
    return any(packet.destination in pod.addresses and pod.ports.get((protocol, wanted)) == packet.port for pod in pods)
