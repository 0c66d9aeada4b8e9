"""The resource model: manifests become checked, frozen values here, and nowhere else.

A name is imported from its module when somebody first asks for it: the models take half a second, and most commands are
done before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dnsguard.resources.advice import warnings
    from dnsguard.resources.causes import Cause, InvalidResource
    from dnsguard.resources.endpoint import EndpointPort, HostEndpoint, WorkloadEndpoint, WorkloadPort
    from dnsguard.resources.felix import FailsafeEntry, FelixConfiguration, FelixConfigurationSpec
    from dnsguard.resources.kubernetes import calico_spec
    from dnsguard.resources.kubernetespolicy import KubernetesNetworkPolicy, StagedKubernetesNetworkPolicy
    from dnsguard.resources.namespace import Namespace
    from dnsguard.resources.nets import Net
    from dnsguard.resources.networkset import GlobalNetworkSet, NetworkSet
    from dnsguard.resources.parse import parse_object, to_dict
    from dnsguard.resources.policy import GlobalNetworkPolicy, NetworkPolicy, Policy, PolicyType
    from dnsguard.resources.ports import NamedPort, Port, PortRange, Protocol
    from dnsguard.resources.profile import Profile
    from dnsguard.resources.registry import (
        KINDS,
        Kind,
        UnknownKind,
        groups,
        kind_at,
        kind_named,
        kind_of,
        kind_of_resource,
    )
    from dnsguard.resources.resource import Resource
    from dnsguard.resources.rule import Action, EgressRule, EntityRule, IngressRule, Rule
    from dnsguard.resources.selectors import Selector
    from dnsguard.resources.staged import StagedAction, StagedGlobalNetworkPolicy, StagedNetworkPolicy
    from dnsguard.resources.tier import Tier, TierAction

_HOMES = {
    "advice": ("warnings",),
    "causes": ("Cause", "InvalidResource"),
    "endpoint": ("EndpointPort", "HostEndpoint", "WorkloadEndpoint", "WorkloadPort"),
    "felix": ("FailsafeEntry", "FelixConfiguration", "FelixConfigurationSpec"),
    "kubernetes": ("calico_spec",),
    "kubernetespolicy": ("KubernetesNetworkPolicy", "StagedKubernetesNetworkPolicy"),
    "namespace": ("Namespace",),
    "nets": ("Net",),
    "networkset": ("GlobalNetworkSet", "NetworkSet"),
    "parse": ("parse_object", "to_dict"),
    "policy": ("GlobalNetworkPolicy", "NetworkPolicy", "Policy", "PolicyType"),
    "ports": ("NamedPort", "Port", "PortRange", "Protocol"),
    "profile": ("Profile",),
    "registry": ("KINDS", "Kind", "UnknownKind", "groups", "kind_at", "kind_named", "kind_of", "kind_of_resource"),
    "resource": ("Resource",),
    "rule": ("Action", "EgressRule", "EntityRule", "IngressRule", "Rule"),
    "selectors": ("Selector",),
    "staged": ("StagedAction", "StagedGlobalNetworkPolicy", "StagedNetworkPolicy"),
    "tier": ("Tier", "TierAction"),
}
"""Module → what it defines, as the imports above have it."""

_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # from now on found without asking here
    return value


__all__ = [
    "KINDS",
    "Action",
    "Cause",
    "EgressRule",
    "EndpointPort",
    "EntityRule",
    "FailsafeEntry",
    "FelixConfiguration",
    "FelixConfigurationSpec",
    "GlobalNetworkPolicy",
    "GlobalNetworkSet",
    "HostEndpoint",
    "IngressRule",
    "InvalidResource",
    "Kind",
    "KubernetesNetworkPolicy",
    "NamedPort",
    "Namespace",
    "Net",
    "NetworkPolicy",
    "NetworkSet",
    "Policy",
    "PolicyType",
    "Port",
    "PortRange",
    "Profile",
    "Protocol",
    "Resource",
    "Rule",
    "Selector",
    "StagedAction",
    "StagedGlobalNetworkPolicy",
    "StagedKubernetesNetworkPolicy",
    "StagedNetworkPolicy",
    "Tier",
    "TierAction",
    "UnknownKind",
    "WorkloadEndpoint",
    "WorkloadPort",
    "calico_spec",
    "groups",
    "kind_at",
    "kind_named",
    "kind_of",
    "kind_of_resource",
    "parse_object",
    "to_dict",
    "warnings",
]
