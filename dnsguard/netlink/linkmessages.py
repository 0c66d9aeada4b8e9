"""Interfaces and routes as messages of rtnetlink(7). Pure.

Few as they are, they are written here: to import pyroute2 takes longer than all the rest of a forwarder's start.
Numbers are those of ``include/uapi/linux/rtnetlink.h``, ``if_link.h``, ``veth.h`` and ``ip.h``; integers are in host
order.
"""

from ipaddress import IPv4Address, IPv6Address
from struct import Struct, pack
from typing import NamedTuple

from dnsguard.netlink.codec import attribute, attribute_map, nested, string, text

Address = IPv4Address | IPv6Address

NEW_LINK, DELETE_LINK, GET_LINK, SET_LINK, NEW_ROUTE = 16, 17, 18, 19, 24
REPLACE, EXCLUSIVE, CREATE = 0x100, 0x200, 0x400

UP, NO_ARP, MULTICAST = 0x1, 0x80, 0x1000
"""Flags of an interface."""

_INET, _INET6 = 2, 10
_LINK = Struct("=BxHiII")
"""Family, kind of hardware, index, flags, which of them change."""

_ROUTE = Struct("=BBBBBBBBI")
"""Family, prefix of destination and source, type of service, table, who made it, scope, type, flags."""

_FORWARDING, _RP_FILTER = 1, 8
"""Of IPV4_DEVCONF."""

_NO_LINK_LOCAL = 1
"""IN6_ADDR_GEN_MODE_NONE."""

_MAIN, _STATIC, _UNIVERSE, _ON_LINK_SCOPE, _UNICAST, _ON_LINK = 254, 4, 0, 253, 1, 4


class Link(NamedTuple):
    """One interface."""

    number: int
    kind: str
    """``veth``, ``bridge``, …; empty for hardware."""

    mac: bytes
    is_up: bool


class Road(NamedTuple):
    """Whose packets come and go by one interface; both are of one family."""

    client: Address
    target: Address


def add_pair(name: str, mac: bytes, peer: str, peer_mac: bytes, namespace: int | None) -> bytes:
    """A veth pair, both ends down; the peer in the network namespace of that descriptor, or here."""
    there = b"" if namespace is None else attribute(28, pack("=I", namespace))
    other = _LINK.pack(0, 0, 0, 0, 0) + text(3, peer) + attribute(1, peer_mac) + there
    return (
        _LINK.pack(0, 0, 0, 0, 0)
        + text(3, name)
        + attribute(1, mac)
        + nested(18, text(1, "veth"), nested(2, attribute(1, other)))
    )


def quieten(name: str, *, forwards: bool) -> bytes:
    """No address of its own by itself; and whether IPv4 packets that come by it are forwarded, from whomever."""
    settings = attribute(_FORWARDING, pack("=I", int(forwards))) + attribute(_RP_FILTER, pack("=I", 0))
    of_ipv4 = nested(_INET, nested(1, settings))
    of_ipv6 = nested(_INET6, attribute(8, bytes((_NO_LINK_LOCAL,))))
    return _LINK.pack(0, 0, 0, 0, 0) + text(3, name) + nested(26, of_ipv4, of_ipv6)


def set_up(name: str) -> bytes:
    """Up, and nobody is asked where neighbours are, nor told."""
    return _LINK.pack(0, 0, 0, UP | NO_ARP, UP | NO_ARP | MULTICAST) + text(3, name)


def by_name(name: str) -> bytes:
    """The interface, to get or delete it."""
    return _LINK.pack(0, 0, 0, 0, 0) + text(3, name)


def routes(road: Road, interface: int) -> tuple[bytes, bytes]:
    """There, and back. Where packets go back by a gateway, nobody is told that there is a shorter way (ICMP redirects);
    that they could go back at all is what a filter of reverse paths looks for."""
    gateway = road.target if road.client.version == 4 else None
    return _route(road.target, interface), _route(road.client, interface, gateway)


def _route(destination: Address, interface: int, gateway: Address | None = None) -> bytes:
    """To one address by an interface, where the gateway is, too."""
    family = _INET if destination.version == 4 else _INET6
    scope = _ON_LINK_SCOPE if family == _INET and gateway is None else _UNIVERSE
    flags = 0 if gateway is None else _ON_LINK
    head = _ROUTE.pack(family, destination.max_prefixlen, 0, 0, _MAIN, _STATIC, scope, _UNICAST, flags)
    via = b"" if gateway is None else attribute(5, gateway.packed)
    return head + attribute(1, destination.packed) + attribute(4, pack("=i", interface)) + via


def link(body: bytes) -> Link:
    """What a GET_LINK is answered with. Raises `MalformedMessageError`."""
    _, _, index, flags, _ = _LINK.unpack_from(body)
    said = attribute_map(body, _LINK.size)
    about = attribute_map(said.get(18, b""))
    return Link(index, string(about.get(1, b"")), said.get(1, b""), bool(flags & UP))
