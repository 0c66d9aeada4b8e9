"""The kernel's table of connections: emptied between packets that are each to be the first of theirs, or filled."""

import os
import socket
from errno import ENOENT
from ipaddress import ip_address
from struct import unpack_from

from dnsguard.netlink.codec import attribute, be16, be32, header, nested, packets
from dnsguard.netlink.conntrack import ESTABLISHED, SEEN_REPLY, SUBSYSTEM, TCP

_NETLINK_NETFILTER = 12
_NEW, _DELETE = SUBSYSTEM << 8, SUBSYSTEM << 8 | 2
"""Deleting without a tuple means all connections."""

_REQUEST, _ACKNOWLEDGE, _CREATE = 1, 4, 0x400
_ASSURED, _CONFIRMED = 1 << 2, 1 << 3


def entry(
    source: str,
    destination: str,
    *,
    protocol: int = TCP,
    source_port: int = 40_000,
    port: int = 443,
    reached: str = "",
    status: int = SEEN_REPLY | _ASSURED | _CONFIRMED,
    tcp_state: int = ESTABLISHED,
    seconds: int = 600,
) -> bytes:
    """The body of a message about one connection, in the order in which the kernel writes it."""

    def tuple_of(kind: int, start: str, end: str, ports: tuple[int, int]) -> bytes:
        first, second = ip_address(start), ip_address(end)
        kinds = (1, 2) if first.version == 4 else (3, 4)
        addresses = nested(1, attribute(kinds[0], first.packed), attribute(kinds[1], second.packed))
        ends = nested(2, attribute(1, bytes((protocol,))), be16(2, ports[0]), be16(3, ports[1]))
        return nested(kind, addresses, ends)

    family = socket.AF_INET if ip_address(source).version == 4 else socket.AF_INET6
    state = nested(4, nested(1, attribute(1, bytes((tcp_state,))))) if protocol == TCP else b""
    return (
        bytes((family, 0, 0, 0))
        + tuple_of(1, source, destination, (source_port, port))
        + tuple_of(2, reached or destination, source, (port, source_port))
        + be32(3, status)
        + be32(7, seconds)
        + state
    )


class Connections:
    """Those of the network namespace that it is made in."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)

    def forget(self) -> None:
        """All of them. Raises OSError."""
        self._send(_DELETE, _REQUEST | _ACKNOWLEDGE, bytes(4))
        self._acknowledged("the table of connections cannot be emptied", ENOENT)

    def add(self, *entries: bytes) -> None:
        """Bodies of ``entry``. Raises OSError."""
        for body in entries:
            self._send(_NEW, _REQUEST | _ACKNOWLEDGE | _CREATE, body)
            self._acknowledged("a connection cannot be added")

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._socket.send(header(len(body), kind, flags, 1) + body)

    def _acknowledged(self, problem: str, *tolerated: int) -> None:
        (answer,) = packets(self._socket.recv(4096))
        (status,) = unpack_from("=i", answer.body)
        if status and -status not in tolerated:
            raise OSError(-status, f"{problem}: {os.strerror(-status)}")

    def close(self) -> None:
        self._socket.close()
