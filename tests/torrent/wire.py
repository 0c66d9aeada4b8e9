"""Many packets for few system calls: frames that are sent, and datagrams that are received, hundreds at a time."""

import ctypes
import socket
from array import array
from collections.abc import Sequence
from contextlib import suppress

from tests.support.mmsg import Piece, messages, receive, send

_SO_RCVBUFFORCE, _SO_MEMINFO, _UDP_NO_CHECK6_RX = 33, 55, 102
_MEMINFO_LENGTH, _MEMINFO_DROPS = 36, 8
_BUFFER = 4 << 20

SLOT = 96
"""Octets between the beginnings of two frames."""

VALUE_AT = 72
"""Where in a slot the number of a packet stands, whatever its IP version: eight octets, a multiple of eight away."""

PAYLOAD = 16
"""Octets, the last eight of which are the number."""

AT_ONCE = 512


class Frames:
    """Frames side by side in memory, which are numbered anew each time they are sent."""

    def __init__(self, frames: Sequence[tuple[int, bytes]]) -> None:
        """Each with the place in its slot where it begins."""
        self._memory = bytearray(len(frames) * SLOT)
        for number, (start, frame) in enumerate(frames):
            at = number * SLOT + start
            self._memory[at : at + len(frame)] = frame
        self._words = memoryview(self._memory).cast("Q")
        self._holder = (ctypes.c_char * len(self._memory)).from_buffer(self._memory)
        base = ctypes.addressof(self._holder)
        self._pieces = (Piece * len(frames))(
            *(Piece(base + number * SLOT + start, len(frame)) for number, (start, frame) in enumerate(frames))
        )
        self._messages = messages(self._pieces)

    def number(self, first: int, count: int, value: int) -> None:
        """Write ``value`` and those that follow it into so many frames."""
        step = SLOT // 8
        start = first * step + VALUE_AT // 8
        self._words[start : (first + count) * step : step] = array("Q", range(value, value + count))

    def send(self, sender: socket.socket, first: int, count: int) -> None:
        """Hand so many to the interface; the kernel goes their whole way meanwhile, or begins to. Raises OSError."""
        send(sender, self._messages, first, count)


class Receiver:
    """A UDP socket of the network we are in, for a port on all addresses, IPv4 and IPv6."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.setsockopt(socket.IPPROTO_UDP, _UDP_NO_CHECK6_RX, 1)
        with suppress(PermissionError):  # only root of the machine may; the buffer that all have holds a window
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        self.socket.bind(("::", port))
        self._memory = bytearray(AT_ONCE * PAYLOAD)
        self._words = memoryview(self._memory).cast("Q")
        self._holder = (ctypes.c_char * len(self._memory)).from_buffer(self._memory)
        base = ctypes.addressof(self._holder)
        self._pieces = (Piece * AT_ONCE)(*(Piece(base + number * PAYLOAD, PAYLOAD) for number in range(AT_ONCE)))
        self._messages = messages(self._pieces)

    def received(self) -> list[int]:
        """The numbers of all packets that wait, in order. Raises OSError."""
        found: list[int] = []
        while True:
            count = receive(self.socket, self._messages)
            found += self._words[1 : 2 * count : 2].tolist()
            if count < AT_ONCE:
                return found

    @property
    def dropped(self) -> int:
        """Packets for which there was no room."""
        told = self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO_LENGTH)
        return memoryview(told).cast("I")[_MEMINFO_DROPS]
