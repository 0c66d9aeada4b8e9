"""Many packets of new connections at the cost of few system calls: frames made beforehand, sent in one go."""

import ctypes
import struct
from collections.abc import Sequence
from ipaddress import IPv4Address
from time import perf_counter

from tests.support import mmsg

PORT = 9000
"""Where the packets go."""

_FIRST_SOURCE_PORT = 10_000
_SOURCE_PORTS = 50_000
_PAYLOAD = b"first packet of one"


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
        self._socket = mmsg.interface(interface)
        own = self._socket.getsockname()[4]
        self._frames = [
            ctypes.create_string_buffer(
                hardware + own + b"\x08\x00" + datagram(sources[number % len(sources)], target, number)
            )
            for number in (each % (connections or count) for each in range(count))
        ]
        self._pieces = (mmsg.Piece * count)(
            *(mmsg.Piece(ctypes.addressof(frame), len(frame) - 1) for frame in self._frames)
        )
        self._messages = mmsg.messages(self._pieces)

    def send(self) -> float:
        """All of them, once: seconds a packet, on its whole way, which the kernel goes inside the call."""
        began = perf_counter()
        mmsg.send(self._socket, self._messages, 0, self.count)
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
