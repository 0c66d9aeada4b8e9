"""Kubernetes network policies as rules of our own: the same verdicts as Kubernetes documents."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dnsguard.resources.kubernetesspec import IPBlock, KubernetesPeer, KubernetesPolicySpec, KubernetesRule
from dnsguard.resources.labels import KIND, NAMESPACE, ORCHESTRATOR
from dnsguard.resources.policy import PolicySpec
from dnsguard.resources.ports import NamedPort, Port, port_json
from dnsguard.resources.problems import Problem
from dnsguard.resources.rule import MAX_PORTS
from dnsguard.resources.rulechecks import MAX_RULES
from dnsguard.resources.selectors import MAX_LENGTH

ORDER = 1000.0
"""Where Kubernetes policies stand in the default tier."""

_POD = f"{ORCHESTRATOR} == 'k8s'"
# A pod has a namespace and is no network set, whatever labels somebody gave a set or a host endpoint.
_OTHER_POD = f"{_POD} && has({NAMESPACE}) && !has({KIND})"

_Json = dict[str, Any]


def calico_spec(spec: KubernetesPolicySpec) -> PolicySpec:
    """The spec of the policy that decides the same: in tier default, with order 1000.

    A rule is made for each peer and each protocol. Where every port of a peer is allowed, the protocol says which.
    """
    data: _Json = {
        "order": ORDER,
        "selector": _selector(_POD, spec.pod_selector.terms()),
        "types": [policy_type.value for policy_type in spec.policy_types],
    }
    for field, rules, end in _directions(spec):
        data[field] = [converted for rule in rules for converted in _rules(rule, end)]
    return PolicySpec.model_validate(data)


def conversion_problems(spec: KubernetesPolicySpec) -> Iterator[Problem]:
    """What cannot be converted, since it is too long or too much."""
    yield from _selector_problems(("podSelector",), _selector(_POD, spec.pod_selector.terms()))
    for field, rules, end in _directions(spec):
        count = 0
        for index, rule in enumerate(rules):
            count += _rule_count(rule, end)
            for number, peer in enumerate(rule.peers):
                path = (field, index, "from" if end == "source" else "to", number)
                for name, text in _peer_selectors(peer).items():
                    yield from _selector_problems((*path, _WRITTEN[name]), text)
        if count > MAX_RULES:
            yield Problem(
                (field,), "V-10", f"comes to {count} rules, one for each peer and protocol; at most {MAX_RULES} can be"
            )


_WRITTEN = {"selector": "podSelector", "namespaceSelector": "namespaceSelector"}


def _selector_problems(path: tuple[str | int, ...], text: str) -> Iterator[Problem]:
    if len(text) > MAX_LENGTH:
        yield Problem(path, "V-42", f"comes to a selector of {len(text)} characters; at most {MAX_LENGTH} are allowed")


def _directions(spec: KubernetesPolicySpec) -> tuple[tuple[str, Sequence[KubernetesRule], str], ...]:
    """Field, rules, and the end of a packet at which the peers are."""
    return (("ingress", spec.ingress or (), "source"), ("egress", spec.egress or (), "destination"))


def _rules(rule: KubernetesRule, end: str) -> list[_Json]:
    peers = [_peer(peer) for peer in rule.peers] or [{}]
    return [converted for peer in peers for ports in _port_groups(rule) for converted in _rules_for(peer, ports, end)]


def _rule_count(rule: KubernetesRule, end: str) -> int:
    """How many rules it comes to, without making them: peers and ports by the thousand multiply."""
    groups = _port_groups(rule)
    of_one: dict[bool, int] = {}
    count = 0
    for peer in [_peer(peer) for peer in rule.peers] or [{}]:
        chosen = "selector" in peer
        if chosen not in of_one:
            of_one[chosen] = sum(len(list(_rules_for(peer, ports, end))) for ports in groups)
        count += of_one[chosen]
    return count


def _rules_for(peer: _Json, ports: tuple[str, list[Port]] | None, end: str) -> Iterator[_Json]:
    if ports is None:
        yield {"action": "Allow", end: peer}
        return
    protocol, matched = ports
    allow = {"action": "Allow", "protocol": protocol}
    if not matched:
        yield {**allow, end: peer}
        return
    if end == "source":
        for part in _parts(matched):
            yield {**allow, "source": peer, "destination": {"ports": part}}
        return
    chosen = "selector" in peer
    for part in _parts([port for port in matched if chosen or not isinstance(port, NamedPort)]):
        yield {**allow, "destination": {**peer, "ports": part}}
    for part in _parts([port for port in matched if not chosen and isinstance(port, NamedPort)]):
        # Only pods have named ports; without a selector those of host endpoints would count too. The numbers stand in
        # a rule of their own, since a selector would narrow them as well.
        yield {
            **allow,
            "destination": {**peer, "selector": _OTHER_POD, "namespaceSelector": "all()", "ports": part},
        }


def _parts(ports: Sequence[Port]) -> Iterator[list[int | str]]:
    for start in range(0, len(ports), MAX_PORTS):
        yield [port_json(port) for port in ports[start : start + MAX_PORTS]]


def _port_groups(rule: KubernetesRule) -> list[tuple[str, list[Port]] | None]:
    """By protocol, in the order written; no ports for every port of it. One None for a rule without ports."""
    groups: dict[str, list[Port]] = {}
    whole = {port.protocol for port in rule.ports or () if port.matched is None}
    for port in rule.ports or ():
        matched = groups.setdefault(port.protocol, [])
        if port.matched is not None and port.protocol not in whole:
            matched.append(port.matched)
    return list(groups.items()) or [None]


def _peer(peer: KubernetesPeer) -> _Json:
    return _block(peer.ip_block) if peer.ip_block is not None else dict(_peer_selectors(peer))


def _peer_selectors(peer: KubernetesPeer) -> dict[str, str]:
    if peer.ip_block is not None:
        return {}
    selectors = {"selector": _selector(_OTHER_POD, peer.pod_selector.terms() if peer.pod_selector else ())}
    if peer.namespace_selector is not None:
        # Empty, it chooses every namespace.
        selectors["namespaceSelector"] = " && ".join(peer.namespace_selector.terms()) or "all()"
    return selectors


def _block(block: IPBlock) -> _Json:
    entity: _Json = {"nets": [str(block.cidr.network)]}
    if block.excepted:
        entity["notNets"] = list(dict.fromkeys(str(net.network) for net in block.excepted))
    return entity


def _selector(start: str, terms: Iterable[str]) -> str:
    return " && ".join([start, *terms])
