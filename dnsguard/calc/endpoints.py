"""Endpoints as the calculation sees them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from dnsguard.calc.compiled import Address, EndpointId, Network
from dnsguard.calc.labels import effective_labels
from dnsguard.calc.profiles import UNKNOWN, EffectiveProfile, namespace_profile
from dnsguard.calc.sets import Selectable
from dnsguard.resources import GlobalNetworkSet, HostEndpoint, NetworkSet, Resource, WorkloadEndpoint

ALL_INTERFACES = "*"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint with its effective labels."""

    id: EndpointId
    node: str
    interface: str
    addresses: tuple[Address, ...]
    labels: Mapping[str, str]
    profiles: tuple[str, ...]
    selectable: Selectable

    @property
    def is_workload(self) -> bool:
        return self.id.kind == "WorkloadEndpoint"


def endpoint_of(resource: WorkloadEndpoint | HostEndpoint, profiles: Mapping[str, EffectiveProfile]) -> Endpoint:
    """The endpoint that a resource describes."""
    spec = resource.spec
    listed = spec.profiles or ()
    addresses = resource.spec.addresses if isinstance(resource, WorkloadEndpoint) else resource.spec.expected_ips or ()
    ports = tuple((port.name, port.protocol.number, port.port) for port in spec.ports or () if port.name)
    return Endpoint(
        id=EndpointId(resource.kind, resource.namespace, resource.name),
        node=spec.node or "",
        interface=spec.interface_name,
        addresses=addresses,
        labels=effective_labels(resource, (profiles.get(name, UNKNOWN).labels for name in listed)),
        profiles=listed,
        selectable=Selectable(networks=tuple(map(_host_network, addresses)), ports=ports, addresses=addresses),
    )


def selectable_sets(
    resources: Iterable[Resource], profiles: Mapping[str, EffectiveProfile]
) -> Iterable[tuple[Mapping[str, str], Selectable]]:
    """Network sets with their effective labels; a namespaced one inherits those of its namespace."""
    for resource in resources:
        if not isinstance(resource, NetworkSet | GlobalNetworkSet):
            continue
        inherited = [profiles[namespace_profile(resource.namespace)].labels] if resource.namespace else []
        networks = tuple(net.network for net in resource.spec.nets or ())
        yield effective_labels(resource, inherited), Selectable(networks, resource.spec.allowed_egress_domains)


def _host_network(address: Address) -> Network:
    return IPv4Network(address) if address.version == 4 else IPv6Network(address)
