"""What the author of a Kubernetes network policy should know about it."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_interface

from dnsguard.resources.kubernetesspec import (
    IPBlock,
    KubernetesEgressRule,
    KubernetesIngressRule,
    KubernetesPeer,
    KubernetesPolicySpec,
    KubernetesRule,
)
from dnsguard.resources.policy import PolicyType


def kubernetes_warnings(spec: KubernetesPolicySpec) -> Iterator[str]:
    """Where Kubernetes' meaning of what is empty or absent is wider than it looks, and rules that never count."""
    for field, direction, rules in (
        ("spec.ingress", PolicyType.INGRESS, spec.ingress or ()),
        ("spec.egress", PolicyType.EGRESS, spec.egress or ()),
    ):
        if rules and spec.policy_types and direction not in spec.policy_types:
            yield f"{field}: these rules are ignored, since spec.policyTypes does not list {direction.value}"
        for index, rule in enumerate(rules):
            yield from _rule_warnings(f"{field}[{index}]", rule)


def _rule_warnings(field: str, rule: KubernetesRule) -> Iterator[str]:
    if isinstance(rule, KubernetesIngressRule) and rule.sources == ():
        yield f"{field}.from: an empty list allows everybody, as in Kubernetes; name the peers, or leave the rule out"
    if isinstance(rule, KubernetesEgressRule) and rule.destinations == ():
        yield f"{field}.to: an empty list allows everybody, as in Kubernetes; name the peers, or leave the rule out"
    if rule.ports == ():
        yield f"{field}.ports: an empty list allows every port, as in Kubernetes; name the ports, or leave the rule out"
    end = "from" if isinstance(rule, KubernetesIngressRule) else "to"
    yield from _peer_warnings(f"{field}.{end}", rule.peers)


def _peer_warnings(field: str, peers: Iterable[KubernetesPeer]) -> Iterator[str]:
    for index, peer in enumerate(peers):
        if peer.ip_block is not None:
            yield from _block_warnings(f"{field}[{index}].ipBlock", peer.ip_block)


def _block_warnings(field: str, block: IPBlock) -> Iterator[str]:
    if block.excepted == ():
        yield f"{field}.except: an empty list excludes nothing; leave it out"
    for written, net in (
        ("cidr", block.cidr),
        *((f"except[{at}]", net) for at, net in enumerate(block.excepted or ())),
    ):
        if ip_interface(net.text).ip != net.network.network_address:
            yield f"{field}.{written}: {net.text} means {net.network}"
