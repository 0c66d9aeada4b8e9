"""The node as the evaluator knows it: what is not policy, and decides about packets all the same."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from dnsguard.calc.compiled import Address, CompiledEndpoint, Network
from dnsguard.calc.evaluator.failsafe import DEFAULT_FAILSAFE, FailsafePorts
from dnsguard.calc.evaluator.packet import IPIP, TCP, UDP, Packet
from dnsguard.servers import DNS_PORT

LOOPBACK = "lo"
VXLAN_PORT = 4789


class HostAction(StrEnum):
    """What happens to a packet from a workload to its own node that egress policy allows."""

    DROP = "Drop"
    ACCEPT = "Accept"
    RETURN = "Return"
    """Go on with the host's own rules. Our accept ends our chains only, so this is the same as `ACCEPT`."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the forwarder takes queries; the unspecified address is every address of the node."""

    address: Address
    port: int = 53

    def takes(self, packet: Packet) -> bool:
        """Whether a packet to the node is a query for the forwarder."""
        right = packet.protocol in (TCP, UDP) and packet.destination_port == self.port
        return right and (self.address.is_unspecified or self.address == packet.destination)


def is_one_of(interface: str, names: Iterable[str]) -> bool:
    """Whether an interface has one of the names; a trailing ``*`` is a wildcard."""
    return any(interface.startswith(name[:-1]) if name.endswith("*") else interface == name for name in names)


def is_of_host(interface: str, workload_interfaces: Iterable[str]) -> bool:
    """Whether an interface may have a host endpoint of its own: it is for no workload, and not the one by which the
    node talks to itself."""
    return interface != LOOPBACK and not is_one_of(interface, workload_interfaces)


@dataclass(frozen=True, slots=True)
class Node:
    """One node. The dataplane's settings say the same of it to the kernel."""

    name: str = ""
    """Endpoints of this node, and those that name none, are judged here. Empty: all of them are."""

    addresses: frozenset[Address] = frozenset()
    """Its own. Those of its interfaces count as well; where neither is given, those that host endpoints claim."""

    interface_addresses: tuple[tuple[str, tuple[Address, ...]], ...] = ()
    """Its interfaces, for host endpoints that are bound by address."""

    bridge_ports: tuple[tuple[str, str], ...] = ()
    """Port and bridge of everything that is plugged into a bridge of it. What comes and goes by a port comes and goes
    by the bridge; that it came by the right one has been seen to."""

    workload_interfaces: tuple[str, ...] = ("cali*",)
    """Names, a trailing ``*`` is a wildcard. What comes or goes there and is no endpoint is dropped."""

    workload_cidrs: tuple[Network, ...] = ()
    """The same by address."""

    listen: tuple[Listen, ...] = ()
    intercepts_dns: bool = False
    """What its workloads ask other DNS servers goes to the forwarder."""

    trusted_servers: frozenset[Address] = frozenset()
    """Those that the forwarder asks: what they ask themselves is not intercepted."""

    endpoint_to_host: HostAction = HostAction.DROP
    allow_vxlan: bool = False
    """Whether workloads may send VXLAN; policy judges it then."""

    allow_ipip: bool = False
    """The same for IP in IP."""

    failsafe: FailsafePorts = DEFAULT_FAILSAFE

    def has(self, endpoint: CompiledEndpoint) -> bool:
        """Whether it is this node that judges for the endpoint."""
        return endpoint.is_on(self.name)

    def is_for_workloads(self, interface: str) -> bool:
        """Whether the name is one of a workload's interface."""
        return is_one_of(interface, self.workload_interfaces)

    def intercepts(self, packet: Packet) -> bool:
        """Whether what a workload sends to another machine is a query for the forwarder all the same."""
        asks = packet.protocol in (TCP, UDP) and packet.destination_port == DNS_PORT and not packet.is_reply
        return self.intercepts_dns and asks and packet.source not in self.trusted_servers

    def takes_for_encapsulated(self, packet: Packet) -> bool:
        """Whether it is a packet with another one in it that workloads may not send."""
        vxlan = packet.protocol == UDP and packet.destination_port == VXLAN_PORT
        return (vxlan and not self.allow_vxlan) or (packet.protocol == IPIP and not self.allow_ipip)

    def interface_with(self, address: Address) -> str:
        """The interface that has the address; empty where none is known to."""
        return next((name for name, addresses in self.interface_addresses if address in addresses), "")
