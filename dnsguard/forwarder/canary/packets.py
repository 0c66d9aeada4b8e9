"""The canary's packets. Pure."""

from ipaddress import IPv4Address, IPv6Address
from struct import pack
from typing import NamedTuple

Address = IPv4Address | IPv6Address

PORT = 9
"""Discard (RFC 863)."""

_UDP = 17
_HOPS = 2
"""One to the node, one back: should it be led elsewhere, it does not get far."""

_DO_NOT_FRAGMENT = 0x4000
_SECRET, _SERIAL = 8, 7
PAYLOAD = _SECRET + _SERIAL + 1


class Sent(NamedTuple):
    """Which of the packets one is."""

    serial: int
    is_allowed: bool
    """Whether it was leased when it was sent."""


def payload(secret: bytes, sent: Sent) -> bytes:
    """What a packet carries, 16 octets; ``secret`` is eight of them that nobody else knows."""
    return secret + sent.serial.to_bytes(_SERIAL, "big") + bytes((sent.is_allowed,))


def recognised(packet: bytes, secret: bytes) -> Sent | None:
    """Which of ours an IP packet is; None where it is not."""
    carried = packet[-PAYLOAD:]
    if len(carried) < PAYLOAD or not carried.startswith(secret):
        return None
    return Sent(int.from_bytes(carried[_SECRET : _SECRET + _SERIAL], "big"), carried[-1] == 1)


def udp_packet(client: Address, target: Address, source_port: int, carried: bytes) -> bytes:
    """An IP packet from one to the other, both of one family."""
    length = 8 + len(carried)
    pseudo = client.packed + target.packed + pack("!II", length, _UDP)
    head = pack("!HHH", source_port, PORT, length)
    sum_of_all = _checksum(pseudo + head + b"\0\0" + carried) or 0xFFFF  # RFC 768: 0 would be none
    datagram = head + pack("!H", sum_of_all) + carried
    if client.version == 6:
        return pack("!IHBB", 6 << 28, length, _UDP, _HOPS) + client.packed + target.packed + datagram
    start = pack("!BBHHHBB", 0x45, 0, 20 + length, 0, _DO_NOT_FRAGMENT, _HOPS, _UDP)
    ends = client.packed + target.packed
    return start + pack("!H", _checksum(start + b"\0\0" + ends)) + ends + datagram


def _checksum(data: bytes) -> int:
    """RFC 1071, of an even number of octets."""
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
