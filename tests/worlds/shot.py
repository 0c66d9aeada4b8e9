"""Packets as bytes. Each carries its number where routers leave it alone: IPv4's identification, IPv6's flow label."""

from dataclasses import dataclass
from struct import pack

from dnsguard.calc.evaluator.packet import ICMP, ICMPV6, SCTP, TCP, UDP, Packet

LIVES_ON = 250
"""Hops of a packet that really goes on; any other is taken off the wire once it passed."""
DIES = 60

FIN, SYN, RST, ACK = 1, 2, 4, 16
_UDPLITE = 136


@dataclass(frozen=True, slots=True)
class Shot:
    """One packet to send."""

    number: int
    packet: Packet
    arrives: str
    """Empty: the node itself sends it."""

    leaves: str = ""
    """Empty: it ends at the node."""

    flags: int = SYN
    sequence: tuple[int, int] = (1000, 0)
    """TCP's own and acknowledged number."""

    about: bytes = b""
    """The packet that an ICMP error is about."""

    goes_on: bool = False
    """Whether connection tracking shall remember it."""

    note: str = ""
    """What it is there to show, for people."""

    def bytes(self) -> bytes:
        """The datagram, from its network header on."""
        return network_header(self) + _transport(self)


def network_header(shot: Shot) -> bytes:
    packet, body = shot.packet, _transport(shot)
    hops = packet.hop_limit or (LIVES_ON if shot.goes_on else DIES)
    if packet.ip_version == 6:
        head = pack("!IHBB", 6 << 28 | shot.number, len(body), packet.protocol, hops)
        return head + packet.source.packed + packet.destination.packed
    addresses = packet.source.packed + packet.destination.packed
    length = 20 + len(body)
    head = pack("!BBHHHBBH", 0x45, 0, length, shot.number, 0, hops, packet.protocol, 0)
    return head[:10] + _checksum(head + addresses) + addresses


def number_of(datagram: bytes) -> int:
    """The number that a datagram carries."""
    if datagram[0] >> 4 == 6:
        return int.from_bytes(datagram[1:4], "big") & 0xFFFFF
    return int.from_bytes(datagram[4:6], "big")


def ends_of(datagram: bytes) -> bytes:
    """Source and destination of a datagram, packed."""
    return datagram[8:40] if datagram[0] >> 4 == 6 else datagram[12:20]


def _checksum(header: bytes) -> bytes:
    total = sum(int.from_bytes(header[place : place + 2], "big") for place in range(0, len(header), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (total ^ 0xFFFF).to_bytes(2, "big")


def _transport(shot: Shot) -> bytes:
    packet = shot.packet
    ports = packet.source_port or 0, packet.destination_port or 0
    match packet.protocol:
        case number if number == TCP:
            return pack("!HHIIBBHHH", *ports, *shot.sequence, 0x50, shot.flags, 60000, 0, 0)
        case number if number == UDP:
            return pack("!HHHH", *ports, 12, 0) + b"four"
        case number if number == _UDPLITE:
            return pack("!HHHH", *ports, 0, 1) + b"four"
        case number if number == SCTP:
            return pack("!HHII", *ports, 0, 0) + pack("!BBHIIHHI", 1, 0, 20, 1, 60000, 1, 1, 1)
        case number if number in (ICMP, ICMPV6):
            kind, code = packet.icmp_type or 0, packet.icmp_code or 0
            if shot.about:
                return pack("!BBHI", kind, code, 0, 0) + shot.about
            return pack("!BBHHH", kind, code, 0, 77, 1) + bytes(16)
        case _:
            return bytes(16)
