"""The resource model: manifests become checked, frozen values here, and nowhere else."""

from dnsguard.resources.advice import warnings
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
from dnsguard.resources.problems import Cause, InvalidResource
from dnsguard.resources.profile import Profile
from dnsguard.resources.registry import KINDS, Kind, UnknownKind, groups, kind_at, kind_named, kind_of, kind_of_resource
from dnsguard.resources.resource import Resource
from dnsguard.resources.rule import Action, EgressRule, EntityRule, IngressRule, Rule
from dnsguard.resources.selectors import Selector
from dnsguard.resources.staged import StagedAction, StagedGlobalNetworkPolicy, StagedNetworkPolicy
from dnsguard.resources.tier import Tier, TierAction

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
