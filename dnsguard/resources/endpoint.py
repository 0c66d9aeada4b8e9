"""WorkloadEndpoint and HostEndpoint: what policies apply to."""

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, StrictInt, StrictStr

from dnsguard.resources.labels import NAMESPACE
from dnsguard.resources.metadata import MAX_NAME, SUBDOMAIN, is_subdomain
from dnsguard.resources.model import Model
from dnsguard.resources.nets import Block, HostNet, IPAddress
from dnsguard.resources.numbers import whole_number
from dnsguard.resources.portnames import PORT_NAME_RULE, is_port_name
from dnsguard.resources.ports import PortNumber, ProtocolField
from dnsguard.resources.problems import Problem, kind_of_value, refused
from dnsguard.resources.reading import reads, string
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


def is_mac(text: str) -> bool:
    """Whether text is a MAC address, MAC-48 or EUI-64."""
    return _MAC.fullmatch(text) is not None


def _read_mac(value: Any) -> str:
    if not is_mac(_text(value)):
        raise refused("type", f"{value!r} is no MAC address: write it as 02:00:5e:00:53:01")
    return str(value)


_NAME = string(SUBDOMAIN, maxLength=MAX_NAME)
Name = Annotated[str, reads(_read_name, _NAME)]
ContainerId = Annotated[str, reads(_read_container, string(_CONTAINER.pattern))]
NodeName = Annotated[str, reads(_read_node, _NAME)]


class EndpointPort(Model):
    """A port that an endpoint offers under a name, for rules that use the name."""

    name: Annotated[str, reads(_text, string())] = ""
    """What rules call the port by: at most 15 of a-z, 0-9 and '-', at least one letter."""
    protocol: ProtocolField
    """TCP, UDP or SCTP."""
    port: PortNumber
    """1 to 65535."""

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
    """The port of the host that leads to this one. It has no effect here."""
    host_ip: IPAddress | None = Field(default=None, alias="hostIP")
    """The address of the host at which it does. It has no effect here."""

    def _may_be_unnamed(self) -> bool:
        return self.name == "" and self.host_port is not None


class IPNat(Model):
    """An address of the endpoint and the one it is reached by from outside."""

    internal_ip: IPAddress = Field(alias="internalIP")
    """One of `ipNetworks`."""
    external_ip: IPAddress = Field(alias="externalIP")
    """The address that it is reached by."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """Both ends are of one family."""
        if not broken and self.internal_ip.version != self.external_ip.version:
            yield Problem(("externalIP",), "V-28", "must be of the same IP version as internalIP")


_Rate = Annotated[int, whole_number(0)] | None


class QoSControls(Model):
    """Limits on how much a workload sends and receives; nothing here has an effect."""

    ingress_bandwidth: _Rate = None
    """Bits a second."""
    egress_bandwidth: _Rate = None
    """Bits a second."""
    ingress_burst: _Rate = None
    """Bits."""
    egress_burst: _Rate = None
    """Bits."""
    ingress_peakrate: _Rate = None
    """Bits a second."""
    egress_peakrate: _Rate = None
    """Bits a second."""
    ingress_minburst: _Rate = None
    """Bytes."""
    egress_minburst: _Rate = None
    """Bytes."""
    ingress_packet_rate: _Rate = None
    """Packets a second."""
    egress_packet_rate: _Rate = None
    """Packets a second."""
    ingress_packet_burst: _Rate = None
    """Packets."""
    egress_packet_burst: _Rate = None
    """Packets."""
    ingress_max_connections: _Rate = None
    """Connections at a time."""
    egress_max_connections: _Rate = None
    """Connections at a time."""
    dscp: StrictInt | StrictStr | None = None
    """The code point of packets that leave, by number or name."""


class WorkloadEndpointSpec(Model):
    """Where a workload is, and how it is reached."""

    orchestrator: Name | None = None
    """Who started the workload, as `k8s`."""
    workload: Name | None = None
    """The workload that the interface is of."""
    node: Name | None = None
    """The node that it is on: only that one enforces it. Absent: every node that has the interface."""
    pod: Name | None = None
    """The pod that the interface is of."""
    endpoint: Name | None = None
    """The name of the interface inside the workload."""
    container_id: ContainerId | None = Field(default=None, alias="containerID")
    """The container that the interface is of."""
    service_account_name: Name | None = None
    """The account that the workload runs as: its labels are inherited."""
    ip_networks: tuple[HostNet, ...] | None = None
    """The addresses of the workload, each alone or as /32 or /128. Packets with others from this interface are
    dropped."""
    ip_nats: tuple[IPNat, ...] | None = Field(default=None, alias="ipNATs")
    """Addresses that are translated to one of the workload's."""
    ipv4_gateway: IPAddress | None = Field(default=None, alias="ipv4Gateway")
    """The workload's way out. It has no effect here."""
    ipv6_gateway: IPAddress | None = Field(default=None, alias="ipv6Gateway")
    """The workload's way out. It has no effect here."""
    profiles: tuple[Name, ...] | None = None
    """Profiles whose labels are inherited, and whose rules decide where no tier does, in this order."""
    interface_name: Annotated[str, reads(_read_interface, string(_INTERFACE.pattern))]
    """The host's end of the interface, at most 15 characters, or its port of a bridge."""
    mac: Annotated[str, reads(_read_mac, string(r"[0-9A-Fa-f:.-]{14,23}"))] | None = None
    """The Ethernet address of the workload, as 02:00:5e:00:53:01."""
    ports: tuple[WorkloadPort, ...] | None = None
    """Ports that rules may call by name."""
    allow_spoofed_source_prefixes: tuple[Block, ...] | None = None
    """Networks that the workload may send from besides its own addresses. They have no effect here."""
    qos_controls: QoSControls | None = Field(default=None, alias="qosControls")
    """Limits on traffic. They have no effect here."""

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

    # Checked with the rest, so that its absence hides nothing.
    model_config = ConfigDict(json_schema_extra={"required": ["node"]})

    node: NodeName = ""
    """The name of the host."""
    interface_name: Annotated[str, reads(_read_host_interface, string(rf"\*?|{_INTERFACE.pattern}"))] = ""
    """`*` for all interfaces of the host; empty where `expectedIPs` says which."""
    expected_ips: tuple[IPAddress, ...] | None = Field(default=None, alias="expectedIPs")
    """The addresses of the interface. Needed where no name is given, and for selectors to find it."""
    profiles: tuple[Name, ...] | None = None
    """Profiles whose labels are inherited, and whose rules decide where no tier does, in this order."""
    ports: tuple[EndpointPort, ...] | None = None
    """Ports that rules may call by name."""

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
    """Where the workload is, and how it is reached."""


class HostEndpoint(Resource):
    """One interface of a host, or all of them."""

    FORBIDDEN_LABELS: ClassVar[Mapping[str, str]] = {NAMESPACE: "D-14"}

    kind: Literal["HostEndpoint"]
    spec: HostEndpointSpec
    """Which interface of which host."""
