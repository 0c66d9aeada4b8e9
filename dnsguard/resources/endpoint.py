"""WorkloadEndpoint and HostEndpoint: what policies apply to."""

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainValidator, StrictInt, StrictStr

from dnsguard.resources.labels import NAMESPACE
from dnsguard.resources.metadata import MAX_NAME, is_subdomain
from dnsguard.resources.model import Model
from dnsguard.resources.nets import Block, HostNet, IPAddress
from dnsguard.resources.numbers import whole_number
from dnsguard.resources.ports import PORT_NAME_RULE, PortNumber, ProtocolField, is_port_name
from dnsguard.resources.problems import Problem, kind_of_value, refused
from dnsguard.resources.resource import Resource

_INTERFACE = re.compile(r"[a-zA-Z0-9_.-]{1,15}")
_CONTAINER = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")
_MAC = re.compile(
    r"[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}(?:[0-9a-f]{2}\1[0-9a-f]{2}\1)?[0-9a-f]{2}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2,3}",
    re.IGNORECASE,
)
"""MAC-48 and EUI-64."""
_ENDPOINT_PROTOCOLS = ("TCP", "UDP", "SCTP")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise refused("type", f"must be a string, not {kind_of_value(value)}")
    return value


def _read_name(value: Any) -> str:
    if not is_subdomain(_text(value)):
        raise refused("V-01", f"{value!r} must be a lower-case DNS name of at most {MAX_NAME} characters")
    return str(value)


def _read_node(value: Any) -> str:
    if not is_subdomain(_text(value)):
        raise refused(
            "V-25", f"{value!r} is no node name: write a lower-case DNS name of at most {MAX_NAME} characters"
        )
    return str(value)


def _read_interface(value: Any) -> str:
    if not _INTERFACE.fullmatch(_text(value)):
        raise refused("V-26", f"{value!r} is no interface name: write 1 to 15 letters, digits, '_', '.' or '-'")
    return str(value)


def _read_host_interface(value: Any) -> str:
    return value if value in ("", "*") else _read_interface(value)


def _read_container(value: Any) -> str:
    if not _CONTAINER.fullmatch(_text(value)):
        raise refused("V-01", f"{value!r} is no container id: write letters, digits and '-'")
    return str(value)


def _read_mac(value: Any) -> str:
    if not _MAC.fullmatch(_text(value)):
        raise refused("type", f"{value!r} is no MAC address: write it as 02:00:5e:00:53:01")
    return str(value)


Name = Annotated[str, PlainValidator(_read_name)]
NodeName = Annotated[str, PlainValidator(_read_node)]


class EndpointPort(Model):
    """A port that an endpoint offers under a name, for rules that use the name."""

    name: Annotated[str, PlainValidator(_text)] = ""
    protocol: ProtocolField
    port: PortNumber

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """V-27, and the protocols that have ports."""
        if "name" not in broken and not is_port_name(self.name) and not self._may_be_unnamed():
            yield Problem(
                ("name",),
                "V-27",
                f"{self.name!r} is no port name: write {PORT_NAME_RULE}",
            )
        if self.protocol.text not in _ENDPOINT_PROTOCOLS:
            yield Problem(("protocol",), "V-31", f"{self.protocol} has no named ports: write TCP, UDP or SCTP")

    def _may_be_unnamed(self) -> bool:
        return False


class WorkloadPort(EndpointPort):
    """A port of a workload; one that is only published on the host may go without a name."""

    host_port: PortNumber | None = None
    host_ip: IPAddress | None = Field(default=None, alias="hostIP")

    def _may_be_unnamed(self) -> bool:
        return self.name == "" and self.host_port is not None


class IPNat(Model):
    """An address of the endpoint and the one it is reached by from outside."""

    internal_ip: IPAddress = Field(alias="internalIP")
    external_ip: IPAddress = Field(alias="externalIP")

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """Both ends are of one family."""
        if not broken and self.internal_ip.version != self.external_ip.version:
            yield Problem(("externalIP",), "V-28", "must be of the same IP version as internalIP")


_Rate = Annotated[int, whole_number(0)] | None


class QoSControls(Model):
    """Limits on how much a workload sends and receives; nothing here has an effect."""

    ingress_bandwidth: _Rate = None
    egress_bandwidth: _Rate = None
    ingress_burst: _Rate = None
    egress_burst: _Rate = None
    ingress_peakrate: _Rate = None
    egress_peakrate: _Rate = None
    ingress_minburst: _Rate = None
    egress_minburst: _Rate = None
    ingress_packet_rate: _Rate = None
    egress_packet_rate: _Rate = None
    ingress_packet_burst: _Rate = None
    egress_packet_burst: _Rate = None
    ingress_max_connections: _Rate = None
    egress_max_connections: _Rate = None
    dscp: StrictInt | StrictStr | None = None


class WorkloadEndpointSpec(Model):
    """Where a workload is, and how it is reached."""

    orchestrator: Name | None = None
    workload: Name | None = None
    node: Name | None = None
    pod: Name | None = None
    endpoint: Name | None = None
    container_id: Annotated[str, PlainValidator(_read_container)] | None = Field(default=None, alias="containerID")
    service_account_name: Name | None = None
    ip_networks: tuple[HostNet, ...] | None = None
    ip_nats: tuple[IPNat, ...] | None = Field(default=None, alias="ipNATs")
    ipv4_gateway: IPAddress | None = Field(default=None, alias="ipv4Gateway")
    ipv6_gateway: IPAddress | None = Field(default=None, alias="ipv6Gateway")
    profiles: tuple[Name, ...] | None = None
    interface_name: Annotated[str, PlainValidator(_read_interface)]
    mac: Annotated[str, PlainValidator(_read_mac)] | None = None
    ports: tuple[WorkloadPort, ...] | None = None
    allow_spoofed_source_prefixes: tuple[Block, ...] | None = None
    qos_controls: QoSControls | None = Field(default=None, alias="qosControls")

    @property
    def addresses(self) -> tuple[IPv4Address | IPv6Address, ...]:
        """The workload's addresses, in the order written."""
        return tuple(net.network.network_address for net in self.ip_networks or ())

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """Addresses agree with each other."""
        if self.ipv4_gateway is not None and self.ipv4_gateway.version != 4:
            yield Problem(("ipv4Gateway",), "V-28", f"{self.ipv4_gateway} is no IPv4 address")
        if self.ipv6_gateway is not None and self.ipv6_gateway.version != 6:
            yield Problem(("ipv6Gateway",), "V-28", f"{self.ipv6_gateway} is no IPv6 address")
        for index, nat in enumerate(self.ip_nats or ()):
            if "ipNetworks" not in broken and nat.internal_ip not in self.addresses:
                yield Problem(("ipNATs", index, "internalIP"), "V-28", f"{nat.internal_ip} is none of ipNetworks")


class HostEndpointSpec(Model):
    """An interface of a host, by its name, its addresses, or all of them."""

    node: NodeName = ""
    """Required; checked with the rest, so that its absence hides nothing."""
    interface_name: Annotated[str, PlainValidator(_read_host_interface)] = ""
    """`*` for all interfaces of the host; empty where `expected_ips` says which."""
    expected_ips: tuple[IPAddress, ...] | None = Field(default=None, alias="expectedIPs")
    profiles: tuple[Name, ...] | None = None
    ports: tuple[EndpointPort, ...] | None = None

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """V-25, V-26, and nothing twice."""
        if not self.node and "node" not in broken:
            yield Problem(("node",), "V-25", "is required: the name of the host")
        if not self.interface_name and not self.expected_ips and not broken & {"interfaceName", "expectedIPs"}:
            yield Problem(("interfaceName",), "V-26", "write interfaceName, expectedIPs or both")
        for field, values in (("expectedIPs", self.expected_ips or ()), ("profiles", self.profiles or ())):
            for index, value in enumerate(values):
                if value in values[:index]:
                    yield Problem((field, index), "duplicate", f"{value} is listed twice: write it once")


class WorkloadEndpoint(Resource):
    """One interface of a workload."""

    NAMESPACED: ClassVar[bool] = True

    kind: Literal["WorkloadEndpoint"]
    spec: WorkloadEndpointSpec


class HostEndpoint(Resource):
    """One interface of a host, or all of them."""

    FORBIDDEN_LABELS: ClassVar[Mapping[str, str]] = {NAMESPACE: "D-14"}

    kind: Literal["HostEndpoint"]
    spec: HostEndpointSpec
