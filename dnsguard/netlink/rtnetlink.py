"""Links and addresses of the machine, as the kernel lists them and tells of changes (rtnetlink(7)).

By our own codec and not by pyroute2, whose import takes longer than all the rest of a forwarder's start, and while that
lasts nobody is answered.
"""

import os
import socket
from struct import Struct

from dnsguard.netlink.codec import header, packets

_NETLINK_ROUTE = 0
_REQUEST, _DUMP, _DUMP_INTERRUPTED = 0x01, 0x300, 0x10
ERROR, _DONE = 2, 3
_ERROR_NUMBER = Struct("=i")
DATAGRAM = 1 << 16
_DEADLINE_SECONDS = 5.0
_ATTEMPTS = 5


def opened(groups: int = 0) -> socket.socket:
    """A socket that hears of changes of these multicast groups (``RTMGRP_…``). Raises OSError."""
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_ROUTE)
    kernel.settimeout(_DEADLINE_SECONDS)
    kernel.bind((0, groups))
    kernel.connect((0, 0))  # only the kernel can send to us
    return kernel


def listed(kind: int, body: bytes) -> list[bytes]:
    """The answers to a list request. Blocks for a moment. Raises OSError.

    A list that a change interrupted is asked for again, five times at most.
    """
    with opened() as kernel:
        for number in range(1, _ATTEMPTS + 1):
            found, interrupted = _listed(kernel, kind, body, number)
            if not interrupted:
                break
    return found


def _listed(kernel: socket.socket, kind: int, body: bytes, number: int) -> tuple[list[bytes], bool]:
    """The answers to the request of that number, and whether something changed meanwhile."""
    kernel.send(header(len(body), kind, _REQUEST | _DUMP, number) + body)
    found: list[bytes] = []
    interrupted = False
    while True:
        for packet in packets(kernel.recv(DATAGRAM)):
            if packet.sequence != number:
                continue
            interrupted = interrupted or bool(packet.flags & _DUMP_INTERRUPTED)
            if packet.kind == _DONE:
                return found, interrupted
            if packet.kind == ERROR:
                raise_refusal(packet.body)
            found.append(packet.body)


def raise_refusal(body: bytes) -> None:
    """What the kernel answers where it does not do as asked, and where it did. Raises OSError for the former."""
    refused = -_ERROR_NUMBER.unpack_from(body)[0]
    if refused:
        raise OSError(refused, os.strerror(refused))
