"""Endpoints with what they inherit: their own resource and the profiles that it lists."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from dnsguard.calc.changes import Change
from dnsguard.calc.compiled import Address, EndpointId, Network
from dnsguard.calc.contents import Selectable
from dnsguard.calc.labels import effective_labels
from dnsguard.calc.networks import keyed
from dnsguard.calc.profiles import ProfileBook, ProfileChange
from dnsguard.resources import HostEndpoint, WorkloadEndpoint


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
    mac: str = ""

    @property
    def is_workload(self) -> bool:
        """Whether it is no host's."""
        return self.id.kind == "WorkloadEndpoint"


class EndpointChange(NamedTuple):
    """An endpoint as it was and as it is, None where there is none. The two are not equal."""

    identity: EndpointId
    before: Endpoint | None
    after: Endpoint | None


class EndpointBook:
    """Endpoints by identity, and who lists which profile."""

    def __init__(self, profiles: ProfileBook) -> None:
        self._profiles = profiles
        self._resources: dict[EndpointId, WorkloadEndpoint | HostEndpoint] = {}
        self._endpoints: dict[EndpointId, Endpoint] = {}
        self._listing: dict[str, dict[EndpointId, None]] = {}
        self.made = 0
        """How often an endpoint's labels were worked out."""

    def get(self, identity: EndpointId) -> Endpoint | None:
        """The endpoint, or None."""
        return self._endpoints.get(identity)

    def listing(self, profile: str) -> Collection[EndpointId]:
        """The endpoints that list a profile."""
        return self._listing.get(profile, ())

    def apply(self, changes: Iterable[Change], profiles: Mapping[str, ProfileChange]) -> list[EndpointChange]:
        """Takes on changed resources, and profiles that have changed already."""
        touched = dict.fromkeys(
            identity for name, change in profiles.items() if change.relabels for identity in self.listing(name)
        )
        for before, after in changes:
            resource = after if after is not None else before
            if isinstance(resource, WorkloadEndpoint | HostEndpoint):
                identity = EndpointId(resource.kind, resource.namespace, resource.name)
                touched[identity] = None
                if after is None:
                    del self._resources[identity]
                else:
                    self._resources[identity] = resource
        found = []
        for identity in touched:
            change = EndpointChange(identity, self._endpoints.get(identity), self._made(identity))
            if change.before != change.after:
                self._replace(identity, change)
                found.append(change)
        return found

    def _made(self, identity: EndpointId) -> Endpoint | None:
        resource = self._resources.get(identity)
        if resource is None:
            return None
        self.made += 1
        return endpoint_of(resource, identity, self._profiles)

    def _replace(self, identity: EndpointId, change: EndpointChange) -> None:
        before = dict.fromkeys(change.before.profiles if change.before is not None else ())
        after = dict.fromkeys(change.after.profiles if change.after is not None else ())
        for name in before.keys() - after.keys():
            del self._listing[name][identity]
            if not self._listing[name]:
                del self._listing[name]
        for name in after.keys() - before.keys():
            self._listing.setdefault(name, {})[identity] = None
        if change.after is None:
            del self._endpoints[identity]
        else:
            self._endpoints[identity] = change.after


def endpoint_of(resource: WorkloadEndpoint | HostEndpoint, identity: EndpointId, profiles: ProfileBook) -> Endpoint:
    """The endpoint that a resource describes."""
    spec = resource.spec
    listed = spec.profiles or ()
    addresses = resource.spec.addresses if isinstance(resource, WorkloadEndpoint) else resource.spec.expected_ips or ()
    ports = tuple((port.name, port.protocol.number, port.port) for port in spec.ports or () if port.name)
    return Endpoint(
        id=identity,
        node=spec.node or "",
        interface=spec.interface_name,
        addresses=addresses,
        labels=effective_labels(resource, map(profiles.labels, listed)),
        profiles=listed,
        mac=(resource.spec.mac or "") if isinstance(resource, WorkloadEndpoint) else "",
        selectable=Selectable(keyed(map(_host_network, addresses)), ports=ports, addresses=addresses),
    )


def _host_network(address: Address) -> Network:
    return IPv4Network(int(address)) if address.version == 4 else IPv6Network(int(address))
