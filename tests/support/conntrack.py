"""The kernel's table of connections, emptied between packets that are each to be the first of theirs."""

import os
import socket
from errno import ENOENT
from struct import calcsize, pack, unpack_from

_NETLINK_NETFILTER = 12
_DELETE = 1 << 8 | 2
"""Of conntrack's subsystem; without a tuple it means all connections."""

_REQUEST_AND_ACKNOWLEDGE = 1 | 4
_FORMAT = "=IHHIIBBH"
"""The header of netlink (RFC 3549), then that of netfilter."""


class Connections:
    """Those of the network namespace that it is made in."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)

    def forget(self) -> None:
        """All of them. Raises OSError."""
        self._socket.send(pack(_FORMAT, calcsize(_FORMAT), _DELETE, _REQUEST_AND_ACKNOWLEDGE, 1, 0, 0, 0, 0))
        (status,) = unpack_from("=i", self._socket.recv(4096), 16)
        if status not in (0, -ENOENT):
            raise OSError(-status, f"the table of connections cannot be emptied: {os.strerror(-status)}")

    def close(self) -> None:
        self._socket.close()
