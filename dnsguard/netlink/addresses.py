"""The addresses of the machine's interfaces, as the kernel lists them (rtnetlink(7), RTM_GETADDR).

By our own codec and not by pyroute2, whose import takes longer than all the rest of a forwarder's start, and while that
lasts nobody is answered.
"""

import os
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct

from dnsguard.netlink.codec import attribute_map, header, packets

_NETLINK_ROUTE = 0
_NEW_ADDRESS, _GET_ADDRESS = 20, 22
_REQUEST, _DUMP, _DUMP_INTERRUPTED = 0x01, 0x300, 0x10
_ERROR, _DONE = 2, 3
_ADDRESS, _LOCAL = 1, 2
_IFADDRMSG = Struct("=BBBBI")
"""Family, length of the prefix, flags, scope, index of the interface."""
_ERROR_NUMBER = Struct("=i")
_DATAGRAM = 1 << 16
_DEADLINE_SECONDS = 5.0
_ATTEMPTS = 5


def machine_addresses() -> Iterator[tuple[int, IPv4Address | IPv6Address]]:
    """Each address with the index of its interface, loopback's too. Blocks for a moment. Raises OSError.

    A list that a change interrupted is asked for again, five times at most.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_ROUTE) as kernel:
        kernel.settimeout(_DEADLINE_SECONDS)
        kernel.connect((0, 0))  # only the kernel can send to us
        for number in range(1, _ATTEMPTS + 1):
            found, interrupted = _listed(kernel, number)
            if not interrupted:
                break
    yield from found


def _listed(kernel: socket.socket, number: int) -> tuple[list[tuple[int, IPv4Address | IPv6Address]], bool]:
    """The answer to the request of that number, and whether something changed meanwhile."""
    body = _IFADDRMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    kernel.send(header(len(body), _GET_ADDRESS, _REQUEST | _DUMP, number) + body)
    found: list[tuple[int, IPv4Address | IPv6Address]] = []
    interrupted = False
    while True:
        for packet in packets(kernel.recv(_DATAGRAM)):
            if packet.sequence != number:
                continue
            interrupted = interrupted or bool(packet.flags & _DUMP_INTERRUPTED)
            if packet.kind == _DONE:
                return found, interrupted
            if packet.kind == _ERROR:
                refused = -_ERROR_NUMBER.unpack_from(packet.body)[0]
                raise OSError(refused, os.strerror(refused))
            if packet.kind == _NEW_ADDRESS:
                found += _entry(packet.body)


def _entry(body: bytes) -> Iterator[tuple[int, IPv4Address | IPv6Address]]:
    """At most one: other families than IP have none."""
    family, _, _, _, index = _IFADDRMSG.unpack_from(body)
    if family in (socket.AF_INET, socket.AF_INET6):
        said = attribute_map(body, _IFADDRMSG.size)
        # On a point-to-point link the plain address is the other end.
        packed = said.get(_LOCAL) or said.get(_ADDRESS)
        if packed is not None:
            yield index, ip_address(packed)
