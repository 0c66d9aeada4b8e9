"""Warnings: what is valid, and probably not what was meant. Nothing here needs another object."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dnsguard.domains import DomainPattern
from dnsguard.resources.apiversions import NETWORKING
from dnsguard.resources.endpoint import HostEndpoint, WorkloadEndpoint
from dnsguard.resources.felix import FelixConfiguration, other_spellings
from dnsguard.resources.felixadvice import felix_warnings
from dnsguard.resources.kubecontrollers import KubeControllersConfiguration, kubecontrollers_warnings
from dnsguard.resources.kubernetesadvice import kubernetes_warnings
from dnsguard.resources.kubernetespolicy import KubernetesNetworkPolicy, StagedKubernetesNetworkPolicy
from dnsguard.resources.labels import NAME, NAMESPACE, NAMESPACE_METADATA_NAME, NAMESPACE_PREFIX, SERVICE_ACCOUNT_PREFIX
from dnsguard.resources.nets import Net
from dnsguard.resources.networkset import GlobalNetworkSet, NetworkSet
from dnsguard.resources.policy import GlobalPolicySpec, Policy, PolicyType
from dnsguard.resources.ports import NamedPort
from dnsguard.resources.profile import Profile
from dnsguard.resources.resource import Resource
from dnsguard.resources.rule import EntityRule, Rule, ServiceAccounts
from dnsguard.resources.selectors import Selector
from dnsguard.selector import labels_in

# Lists of an entity that may be written and empty: attribute, name as written, what follows.
_EMPTY_LISTS = (
    ("nets", "nets", "matches nothing"),
    ("domains", "domains", "matches nothing"),
    ("ports", "ports", "matches nothing"),
    ("not_nets", "notNets", "excludes nothing"),
    ("not_ports", "notPorts", "excludes nothing"),
)

_INFERRED = frozenset({"NetworkPolicy", "GlobalNetworkPolicy", "StagedNetworkPolicy", "StagedGlobalNetworkPolicy"})
"""Kinds whose `types` are inferred where they are not written."""


def warnings(resource: Resource) -> tuple[str, ...]:
    """What its author should know about a valid object, each with the field it is about."""
    found = list(resource.notes)
    match resource:
        case Policy():
            found += _policy_warnings(resource)
        case Profile():
            found += _rule_list_warnings("spec.ingress", resource.spec.ingress or (), namespaced=False)
            found += _rule_list_warnings("spec.egress", resource.spec.egress or (), namespaced=False)
        case NetworkSet() | GlobalNetworkSet():
            found += _set_warnings(resource)
        case WorkloadEndpoint():
            found += _workload_warnings(resource)
        case HostEndpoint():
            if not resource.spec.expected_ips:
                found.append("spec.expectedIPs: absent, so no rule's selector ever matches this endpoint's addresses")
            found += _repeated_port_names([port.name for port in resource.spec.ports or ()])
        case KubernetesNetworkPolicy() | StagedKubernetesNetworkPolicy():
            found += kubernetes_warnings(resource.spec)
        case FelixConfiguration():
            found += felix_warnings(resource.spec)
        case KubeControllersConfiguration():
            found += kubecontrollers_warnings(resource)
        case _:
            pass
    return tuple(found)


def notes_on_written(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Warnings about what was written and is filled in or normalised when it is read."""
    spec = data.get("spec")
    if not isinstance(spec, Mapping):
        return ()
    notes = [
        f"spec.{field}: an empty list means the same as none: the types were inferred from the rules"
        for field in ("types", "policyTypes")
        if spec.get(field) == [] and spec.get("stagedAction") != "Delete"
    ]
    if data.get("apiVersion") != NETWORKING and data.get("kind") in _INFERRED and spec.get("types", []) == []:
        notes += [
            f"spec.{field}: an empty list allows nothing, so its type is inferred; leave it out if none is meant"
            for field in ("ingress", "egress")
            if spec.get(field) == [] and spec.get("stagedAction") != "Delete"
        ]
    if data.get("kind") == "FelixConfiguration":
        notes += [f"spec.{key}: is written {name} (D-29)" for key, name in other_spellings(spec)]
    return tuple(notes)


def _policy_warnings(policy: Policy) -> Iterator[str]:
    spec = policy.spec
    namespaced = policy.NAMESPACED
    yield from _object_name_warnings("spec.selector", spec.selector, "an endpoint does not carry")
    for direction, rules in ((PolicyType.INGRESS, spec.ingress or ()), (PolicyType.EGRESS, spec.egress or ())):
        field = f"spec.{direction.value.lower()}"
        if rules and direction not in spec.types:
            yield f"{field}: these rules are ignored, since spec.types does not list {direction.value}"
        yield from _rule_list_warnings(field, rules, namespaced=namespaced)
    if isinstance(spec, GlobalPolicySpec):
        yield from _namespace_label_warnings("spec.namespaceSelector", spec.namespace_selector)


def _rule_list_warnings(field: str, rules: Iterable[Rule], *, namespaced: bool) -> Iterator[str]:
    for index, rule in enumerate(rules):
        for end, entity in (("source", rule.source), ("destination", rule.destination)):
            yield from _entity_warnings(f"{field}[{index}].{end}", entity, namespaced=namespaced)


def _entity_warnings(field: str, entity: EntityRule, *, namespaced: bool) -> Iterator[str]:
    for attribute, written, effect in _EMPTY_LISTS:
        if getattr(entity, attribute) == ():
            yield f"{field}.{written}: an empty list {effect}; leave it out if you mean no restriction"
    for written, selector in (
        ("selector", entity.selector),
        ("notSelector", entity.not_selector),
        ("namespaceSelector", entity.namespace_selector),
    ):
        if selector is not None and selector.expression is None:
            yield f"{field}.{written}: an empty selector restricts nothing; leave it out, or write all()"
    if entity.service_accounts is not None:
        yield from _account_warnings(f"{field}.serviceAccounts", entity.service_accounts)
    yield from _object_name_warnings(f"{field}.selector", entity.selector, "only network sets carry")
    yield from _namespace_label_warnings(f"{field}.namespaceSelector", entity.namespace_selector)
    yield from _domain_warnings(f"{field}.domains", entity.domains or ())
    if entity.domains and entity.selector is None and entity.namespace_selector is None:
        for index, port in enumerate(entity.ports or ()):
            if isinstance(port, NamedPort):
                yield (
                    f"{field}.ports[{index}]: only endpoints declare port names, so beside domains {port.name!r}"
                    " matches nothing; write the number"
                )
    alone = entity.selector is None and entity.namespace_selector is None and entity.service_accounts is None
    if namespaced and entity.not_selector is not None and alone:
        yield (
            f"{field}.notSelector: in a namespaced policy this matches the other endpoints of its namespace only,"
            " not addresses outside"
        )


def _account_warnings(field: str, accounts: ServiceAccounts) -> Iterator[str]:
    if accounts.names == ():
        yield f"{field}.names: an empty list matches nothing; leave it out if you mean no restriction"
    elif accounts.names is None and (accounts.selector is None or accounts.selector.expression is None):
        yield f"{field}: with neither names nor a selector it restricts nothing; leave it out"


def _set_warnings(network_set: NetworkSet | GlobalNetworkSet) -> Iterator[str]:
    spec = network_set.spec
    if not spec.nets and not spec.allowed_egress_domains:
        yield "spec: neither nets nor allowedEgressDomains holds anything, so this set matches nothing"
    yield from _masked_warnings("spec.nets", spec.nets or ())
    yield from _domain_warnings("spec.allowedEgressDomains", spec.allowed_egress_domains or ())


def _workload_warnings(endpoint: WorkloadEndpoint) -> Iterator[str]:
    if not endpoint.spec.ip_networks:
        yield "spec.ipNetworks: no address yet, so this endpoint is ignored and its traffic is dropped"
    for written, value in (
        ("allowSpoofedSourcePrefixes", endpoint.spec.allow_spoofed_source_prefixes),
        ("qosControls", endpoint.spec.qos_controls),
    ):
        if value:
            yield f"spec.{written}: is kept and has no effect here"
    for key in endpoint.labels:
        if key.startswith((NAMESPACE_PREFIX, SERVICE_ACCOUNT_PREFIX)):
            yield f"metadata.labels[{key}]: ignored, since labels of namespaces and service accounts are inherited"
    yield from _repeated_port_names([port.name for port in endpoint.spec.ports or () if port.name])


def _repeated_port_names(names: list[str]) -> Iterator[str]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"spec.ports: the name {name!r} is used more than once; a rule that names it matches each of them"


def _masked_warnings(field: str, nets: Iterable[Net]) -> Iterator[str]:
    for index, net in enumerate(nets):
        if net.warning:
            yield f"{field}[{index}]: {net.warning}"


def _domain_warnings(field: str, patterns: Iterable[DomainPattern]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for index, pattern in enumerate(patterns):
        if pattern.warning:
            yield f"{field}[{index}]: {pattern.warning}"
        first = seen.setdefault(pattern.canonical, index)
        if first != index:
            yield f"{field}[{index}]: {pattern.text} is the same domain as item {first}"


def _namespace_label_warnings(field: str, selector: Selector | None) -> Iterator[str]:
    """D-07: in a namespaceSelector the label would have to stand on the namespace itself."""
    if _looks_at(selector, NAMESPACE):
        yield (
            f"{field}: {NAMESPACE} matches nothing here (D-07): a namespace's own name is {NAME}"
            f" or {NAMESPACE_METADATA_NAME}"
        )


def _object_name_warnings(field: str, selector: Selector | None, who: str) -> Iterator[str]:
    """D-07: outside a namespaceSelector this label is one of network sets."""
    if _looks_at(selector, NAME):
        yield f"{field}: {who} the label {NAME} (D-07); for a namespace's name use {NAMESPACE}"


def _looks_at(selector: Selector | None, label: str) -> bool:
    return selector is not None and selector.expression is not None and label in labels_in(selector.expression)
