"""Many packets for few system calls: frames that are sent, and datagrams that are received, hundreds at a time."""

import ctypes
import os
import socket
from array import array
from collections.abc import Sequence
from contextlib import suppress

_SOL_PACKET, _QDISC_BYPASS = 263, 20
_SO_RCVBUFFORCE, _SO_MEMINFO, _UDP_NO_CHECK6_RX = 33, 55, 102
_MEMINFO_LENGTH, _MEMINFO_DROPS = 36, 8
_BUFFER = 4 << 20
_DONT_WAIT = 0x40

SLOT = 96
"""Octets between the beginnings of two frames."""

VALUE_AT = 72
"""Where in a slot the number of a packet stands, whatever its IP version: eight octets, a multiple of eight away."""

PAYLOAD = 16
"""Octets, the last eight of which are the number."""

AT_ONCE = 512

_libc = ctypes.CDLL(None, use_errno=True)


class _Piece(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Head(ctypes.Structure):
    """``struct msghdr``."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.POINTER(_Piece)),
        ("piece_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """``struct mmsghdr``."""

    _fields_ = (("head", _Head), ("length", ctypes.c_uint32))


def _messages(pieces: "ctypes.Array[_Piece]") -> "ctypes.Array[_Message]":
    made = (_Message * len(pieces))()
    for number, message in enumerate(made):
        message.head.pieces = ctypes.pointer(pieces[number])
        message.head.piece_count = 1
    return made


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
        self._pieces = (_Piece * len(frames))(
            *(_Piece(base + number * SLOT + start, len(frame)) for number, (start, frame) in enumerate(frames))
        )
        self._messages = _messages(self._pieces)

    def number(self, first: int, count: int, value: int) -> None:
        """Write ``value`` and those that follow it into so many frames."""
        step = SLOT // 8
        start = first * step + VALUE_AT // 8
        self._words[start : (first + count) * step : step] = array("Q", range(value, value + count))

    def send(self, sender: socket.socket, first: int, count: int) -> None:
        """Hand so many to the interface; the kernel goes their whole way meanwhile, or begins to. Raises OSError."""
        done = 0
        while done < count:
            start = ctypes.byref(self._messages, (first + done) * ctypes.sizeof(_Message))
            sent = _libc.sendmmsg(sender.fileno(), start, count - done, 0)
            if sent < 0:
                number = ctypes.get_errno()
                raise OSError(number, f"sendmmsg: {os.strerror(number)}")
            done += sent


def interface(name: str) -> socket.socket:
    """A socket of the network we are in that sends frames out of an interface, past every queue."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    made.setsockopt(_SOL_PACKET, _QDISC_BYPASS, 1)
    made.bind((name, 0))
    return made


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
        self._pieces = (_Piece * AT_ONCE)(*(_Piece(base + number * PAYLOAD, PAYLOAD) for number in range(AT_ONCE)))
        self._messages = _messages(self._pieces)

    def received(self) -> list[int]:
        """The numbers of all packets that wait, in order. Raises OSError."""
        found: list[int] = []
        while True:
            count = _libc.recvmmsg(self.socket.fileno(), self._messages, AT_ONCE, _DONT_WAIT, None)
            if count < 0:
                number = ctypes.get_errno()
                if number == 11:  # EAGAIN
                    return found
                raise OSError(number, f"recvmmsg: {os.strerror(number)}")
            found += self._words[1 : 2 * count : 2].tolist()
            if count < AT_ONCE:
                return found

    @property
    def dropped(self) -> int:
        """Packets for which there was no room."""
        told = self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO_LENGTH)
        return memoryview(told).cast("I")[_MEMINFO_DROPS]
