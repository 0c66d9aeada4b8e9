"""The addresses of the machine's interfaces (RTM_GETADDR)."""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct

from dnsguard.netlink.codec import attribute_map
from dnsguard.netlink.rtnetlink import listed

_GET_ADDRESS = 22
_ADDRESS, _LOCAL = 1, 2
_IFADDRMSG = Struct("=BBBBI")
"""Family, length of the prefix, flags, scope, index of the interface."""


def machine_addresses() -> Iterator[tuple[int, IPv4Address | IPv6Address]]:
    """Each address with the index of its interface, loopback's too. Blocks for a moment. Raises OSError."""
    for body in listed(_GET_ADDRESS, _IFADDRMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
        yield from _entry(body)


def _entry(body: bytes) -> Iterator[tuple[int, IPv4Address | IPv6Address]]:
    """At most one: other families than IP have none."""
    family, _, _, _, index = _IFADDRMSG.unpack_from(body)
    if family in (socket.AF_INET, socket.AF_INET6):
        said = attribute_map(body, _IFADDRMSG.size)
        # On a point-to-point link the plain address is the other end.
        packed = said.get(_LOCAL) or said.get(_ADDRESS)
        if packed is not None:
            yield index, ip_address(packed)
