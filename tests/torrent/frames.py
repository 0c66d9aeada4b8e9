"""UDP packets as the octets of Ethernet frames. Pure."""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

from tests.torrent.wire import PAYLOAD, VALUE_AT

_UDP = 17
_ETHERNET = 14
_HEADERS = {4: 20, 6: 40}
_TYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
_PORTS = struct.Struct("!HH")


def begins_at(version: int) -> int:
    """Where in a slot a frame begins, so that the number comes to stand where it should."""
    return VALUE_AT - (PAYLOAD - 8) - 8 - _HEADERS[version] - _ETHERNET


class Template:
    """Packets that differ in their ports. None has a checksum of its payload: for IPv4 that is allowed (RFC 768), for
    IPv6 the receiver says that it takes them."""

    def __init__(self, hardware: tuple[bytes, bytes], source: str, destination: str) -> None:
        """``hardware``: to whom, from whom."""
        sender, receiver = ip_address(source), ip_address(destination)
        self.version = sender.version
        if isinstance(sender, IPv4Address) and isinstance(receiver, IPv4Address):
            head = _head4(sender, receiver)
        else:
            assert isinstance(sender, IPv6Address)
            assert isinstance(receiver, IPv6Address)
            head = struct.pack("!IHBB", 6 << 28, 8 + PAYLOAD, _UDP, 64) + sender.packed + receiver.packed
        self._head = b"".join(hardware) + _TYPES[self.version] + head
        self._tail = struct.pack("!HH", 8 + PAYLOAD, 0) + bytes(PAYLOAD)

    def frame(self, source_port: int, destination_port: int) -> tuple[int, bytes]:
        """Where it begins in its slot, and the frame."""
        return begins_at(self.version), self._head + _PORTS.pack(source_port, destination_port) + self._tail


def _head4(source: IPv4Address, destination: IPv4Address) -> bytes:
    """RFC 791 §3.1."""
    length = 20 + 8 + PAYLOAD
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, _UDP, 0, source.packed, destination.packed)
    total: int = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return head[:10] + checksum.to_bytes(2, "big") + head[12:]
