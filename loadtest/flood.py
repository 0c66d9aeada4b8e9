"""Many packets of new connections at the cost of few system calls: frames made beforehand, sent in one go."""

import ctypes
import os
import socket
import struct
from collections.abc import Sequence
from ipaddress import IPv4Address
from time import perf_counter

_SOL_PACKET, _QDISC_BYPASS = 263, 20
PORT = 9000
"""Where the packets go."""

_FIRST_SOURCE_PORT = 10_000
_SOURCE_PORTS = 50_000
_PAYLOAD = b"first packet of one"

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

    _fields_ = (("head", _Head), ("sent", ctypes.c_uint32))


class Flood:
    """UDP packets out of one interface."""

    def __init__(
        self,
        interface: str,
        hardware: bytes,
        sources: Sequence[IPv4Address],
        target: IPv4Address,
        count: int,
        connections: int | None = None,
    ) -> None:
        """To be made in the network that sends. ``hardware``: address of the next hop; sources take turns.
        ``connections``: of how many they are, in turn; by default no two are of one."""
        self.count = count
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.setsockopt(_SOL_PACKET, _QDISC_BYPASS, 1)
        self._socket.bind((interface, 0))
        own = self._socket.getsockname()[4]
        self._frames = [
            ctypes.create_string_buffer(
                hardware + own + b"\x08\x00" + datagram(sources[number % len(sources)], target, number)
            )
            for number in (each % (connections or count) for each in range(count))
        ]
        self._pieces = (_Piece * count)(*(_Piece(ctypes.addressof(frame), len(frame) - 1) for frame in self._frames))
        self._messages = (_Message * count)()
        for message, piece in zip(self._messages, self._pieces, strict=True):
            message.head.pieces, message.head.piece_count = ctypes.pointer(piece), 1

    def send(self) -> float:
        """All of them, once: seconds a packet, on its whole way, which the kernel goes inside the call."""
        sent, began = 0, perf_counter()
        while sent < self.count:
            start = ctypes.byref(self._messages, sent * ctypes.sizeof(_Message))
            done = _libc.sendmmsg(self._socket.fileno(), start, self.count - sent, 0)
            if done < 0:
                number = ctypes.get_errno()
                raise OSError(number, f"sendmmsg: {os.strerror(number)}")
            sent += done
        return (perf_counter() - began) / self.count

    def close(self) -> None:
        self._socket.close()


def source_port(number: int) -> int:
    """Of the connection of this number."""
    return _FIRST_SOURCE_PORT + number % _SOURCE_PORTS


def datagram(source: IPv4Address, target: IPv4Address, number: int, payload: bytes = _PAYLOAD) -> bytes:
    """IPv4 and UDP (RFC 791, RFC 768; no checksum of the payload), with a source port for each number."""
    length = 20 + 8 + len(payload)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, 17, 0, source.packed, target.packed)
    total: int = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return (
        head[:10]
        + checksum.to_bytes(2, "big")
        + head[12:]
        + struct.pack("!HHHH", source_port(number), PORT, 8 + len(payload), 0)
        + payload
    )
