"""The scene that all worlds share: one node, its interfaces, and who is behind them.

::

    a 10.65.0.2 ── cali-a ┐          ┌ eth0 192.0.2.1     ── 192.0.2.10, .11
    b 10.65.0.3 ── cali-b ├── node ──┼ eth1 198.51.100.1  ── 198.51.100.10, .11, another node's workload 10.65.1.2,
    c 10.65.0.4 ── cali-c │          │                       and 10.65.9.9, which nobody knows
    d 10.65.0.5 ── cali-d ┘          └ eth2 203.0.113.1   ── 203.0.113.10        each with IPv6 as well

Nobody answers out there: the other end of every interface lies in one namespace without addresses, and only what is
sent on purpose comes from there.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from dnsguard.calc.compiled import Address
from tests.support.netns import Namespace, namespace

WORKLOADS = ("a", "b", "c", "d")
OUTSIDE = ("eth0", "eth1", "eth2")
NODE_NAME = "node-a"
REMOTE = "r"
STRANGER = "stranger"
SERVICE = ("10.96.0.10", "2001:db8:96::a")
"""Addresses of the node that no interface to others has; the forwarder would listen there."""

BEHIND: dict[str, tuple[str, ...]] = {
    **{f"cali-{name}": (f"10.65.0.{n}", f"2001:db8:65::{n}") for n, name in enumerate(WORKLOADS, 2)},
    "eth0": ("192.0.2.10", "192.0.2.11", "2001:db8:c0::10", "2001:db8:c0::11"),
    "eth1": (
        *("198.51.100.10", "198.51.100.11", "2001:db8:c1::10", "2001:db8:c1::11"),
        *("10.65.1.2", "2001:db8:65:1::2", "10.65.9.9", "2001:db8:65:9::9"),
    ),
    "eth2": ("203.0.113.10", "2001:db8:c2::10"),
}
"""Interface → addresses that the node reaches through it."""

OWN: dict[str, tuple[str, ...]] = {
    "eth0": ("192.0.2.1", "2001:db8:c0::1"),
    "eth1": ("198.51.100.1", "2001:db8:c1::1"),
    "eth2": ("203.0.113.1", "2001:db8:c2::1"),
}
ADDRESSES = {
    **{name: BEHIND[f"cali-{name}"] for name in WORKLOADS},
    REMOTE: ("10.65.1.2", "2001:db8:65:1::2"),
    STRANGER: ("10.65.9.9", "2001:db8:65:9::9"),
}
ROUTES = {ip_address(text): interface for interface, texts in BEHIND.items() for text in texts}
NODE_ADDRESSES = frozenset(ip_address(text) for texts in (*OWN.values(), SERVICE) for text in texts)
INTERFACE_ADDRESSES = tuple((name, tuple(map(ip_address, texts))) for name, texts in OWN.items())

SYSCTLS = {
    "net/ipv4/ip_forward": 1,
    "net/ipv6/conf/all/forwarding": 1,
    "net/netfilter/nf_conntrack_checksum": 0,  # so that nobody has to compute any
}
OF_EACH = {"ipv4": {"rp_filter": 0, "send_redirects": 0}, "ipv6": {"accept_dad": 0, "accept_ra": 0, "autoconf": 0}}


@dataclass(frozen=True, slots=True)
class Scene:
    """The two namespaces."""

    node: Namespace
    wire: Namespace


def peer(interface: str) -> str:
    """The other end of one of the node's interfaces."""
    return f"to-{interface}"


def node_mac(interface: str) -> bytes:
    return bytes((2, 0, 0, 0, 1, list(BEHIND).index(interface)))


def peer_mac(interface: str) -> bytes:
    return bytes((2, 0, 0, 0, 2, list(BEHIND).index(interface)))


def addresses_of(interface: str, version: int) -> list[Address]:
    """Who is behind an interface."""
    return _BY_VERSION[interface, version]


_BY_VERSION = {
    (interface, version): [address for address in map(ip_address, texts) if address.version == version]
    for interface, texts in BEHIND.items()
    for version in (4, 6)
}


@contextlib.contextmanager
def scene() -> Iterator[Scene]:
    """The namespaces as described, gone at the end."""
    with namespace() as node, namespace() as wire:
        with wire.entered():
            for each in "all", "default":
                Path(f"/proc/sys/net/ipv6/conf/{each}/disable_ipv6").write_text("1")
        with node.entered():
            _sysctl("all", "default")
        node.run("ip -batch -", "\n".join(_links(wire)))
        wire.run("ip -batch -", "\n".join(f"link set {peer(interface)} up" for interface in BEHIND))
        with node.entered():
            _sysctl(*BEHIND)
        node.run("ip -batch -", "\n".join(_ways()))
        yield Scene(node, wire)


def _sysctl(*interfaces: str) -> None:
    for name, value in SYSCTLS.items():
        Path("/proc/sys", name).write_text(str(value))
    for family, settings in OF_EACH.items():
        for name, value in settings.items():
            for interface in interfaces:
                Path(f"/proc/sys/net/{family}/conf/{interface}/{name}").write_text(str(value))


def _links(wire: Namespace) -> Iterator[str]:
    for interface in BEHIND:
        near, far = node_mac(interface).hex(":"), peer_mac(interface).hex(":")
        yield (
            f"link add {interface} address {near} type veth peer name {peer(interface)} address {far} netns {wire.pid}"
        )
        yield f"link set {interface} up"


def _ways() -> Iterator[str]:
    for interface, texts in OWN.items():
        for text in texts:
            yield f"address add {text}/{64 if ':' in text else 24} dev {interface} {'nodad' if ':' in text else ''}"
    for text in SERVICE:
        yield f"address add {text} dev lo"
    for interface, texts in BEHIND.items():
        for text in texts:
            yield f"route replace {text} dev {interface}"
            yield f"neighbour replace {text} lladdr {peer_mac(interface).hex(':')} dev {interface} nud permanent"


def link_local(number: int) -> IPv6Address:
    """The link-local address of whoever is at the other end of an interface."""
    return IPv6Address(f"fe80::ff:{number:x}")
