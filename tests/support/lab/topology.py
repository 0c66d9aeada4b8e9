"""What stands in the lab: addresses, workloads, host interfaces and DNS records, as values.

::

    workloads                       node                          internet
    10.244.3.10 ── cali… ──┐   runs dnsguard, forwards   ┌── any of INTERNET, all ports served
    fd00::3:10             ├── 10.96.0.10  fd00:96::a    │
    10.244.6.10 ── cali… ──┘   eth0 10.0.0.100 ──────── br0 ── dns    10.0.0.53  trusted
                               host interfaces … ────────┘  └─ rogue  10.0.0.66  lies
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_address
from typing import Any

NODE = "node"
INTERNET = "internet"
TRUSTED = "dns"
ROGUE = "rogue"

UPLINK = "eth0"
NODE_ADDRESSES = ("10.0.0.100", "fd00:0:0:1::100")
INTERNET_GATEWAYS = ("10.0.0.254", "fd00:0:0:1::fe")
TRUSTED_ADDRESSES = ("10.0.0.53", "fd00:0:0:1::53")
ROGUE_ADDRESSES = ("10.0.0.66", "fd00:0:0:1::66")

LISTEN_ADDRESSES = ("10.96.0.10", "fd00:96::a")
"""Where dnsguard serves DNS: addresses of the node that belong to no interface in particular."""

POD_NETWORKS = ("10.244.0.0/16", "fd00::/64")

INTERNET_NETWORKS = (
    "198.51.100.0/24",
    "203.0.113.0/24",
    "192.0.2.0/24",
    "192.0.3.0/24",
    "198.18.0.0/15",
    "10.10.0.0/16",
    "10.50.0.0/16",
    "8.8.8.8/32",
    "2001:db8::/32",
)
"""Every address of these belongs to the namespace ``internet``."""

TCP_PORTS = (22, 25, 53, 80, 443, 1010, 8080, 8443, 9999)
UDP_PORTS = (53, 443, 1010, 4433, 5353, 9999)

BULK_DOMAIN = "bulk.example.com"
BULK_NETWORK = "198.18.0.0/16"


def bulk_address(number: int) -> str:
    """One of 65 536 addresses."""
    return str(IPv4Network(BULK_NETWORK)[number])


def bulk_name(number: int) -> str:
    """The name that leads to it, and to nothing else."""
    return f"n-{bulk_address(number).replace('.', '-')}.{BULK_DOMAIN}"


@dataclass(frozen=True, slots=True)
class Workload:
    """A namespace with one veth to the node."""

    name: str
    """At most 11 characters: it becomes part of an interface name."""

    namespace: str
    addresses: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[tuple[str, str, int], ...] = ()
    """Named ports: name, protocol, number."""

    known: bool = True
    """Whether dnsguard is told of it."""

    @property
    def interface(self) -> str:
        """The node's end of the veth."""
        return f"cali{self.name}"

    def address(self, version: int = 4) -> str:
        """Its first address of that IP version. Raises StopIteration if it has none."""
        return next(text for text in self.addresses if ip_address(text).version == version)


@dataclass(frozen=True, slots=True)
class HostInterface:
    """An interface of the node of its own, with a host endpoint on it; the other end is the internet."""

    name: str
    interface: str
    address: str
    labels: Mapping[str, str] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One DNS record that a name server of the lab serves."""

    owner: str
    type: str
    value: str
    ttl: int = 300


def workload_endpoint(workload: Workload) -> dict[str, Any]:
    """The manifest that tells of a workload; on no node in particular, so on every one."""
    spec: dict[str, Any] = {
        "interfaceName": workload.interface,
        "ipNetworks": [str(ip_address(text)) for text in workload.addresses],
        "profiles": [f"kns.{workload.namespace}"],
    }
    if workload.ports:
        spec["ports"] = [{"name": name, "protocol": protocol, "port": port} for name, protocol, port in workload.ports]
    return _manifest("WorkloadEndpoint", workload.name, workload.labels, spec, workload.namespace)


def host_endpoint(host: HostInterface, node: str) -> dict[str, Any]:
    """The manifest that tells of a host interface."""
    spec: dict[str, Any] = {"node": node, "interfaceName": host.interface, "expectedIPs": [host.address]}
    if host.profiles:
        spec["profiles"] = list(host.profiles)
    return _manifest("HostEndpoint", host.name, host.labels, spec)


def namespaces(workloads: Sequence[Workload]) -> list[dict[str, Any]]:
    """A Namespace for every namespace that the workloads are in."""
    names = sorted({workload.namespace for workload in workloads})
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]


def _manifest(
    kind: str, name: str, labels: Mapping[str, str], spec: dict[str, Any], namespace: str = ""
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": metadata, "spec": spec}
