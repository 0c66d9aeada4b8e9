"""What follows the first packet of a connection: its reply, an error about it, and its next packet."""

from dataclasses import replace

from dnsguard.calc.evaluator.packet import ICMP, ICMPV6, TCP, UDP, Packet, PacketState
from tests.worlds.scene import ROUTES
from tests.worlds.shot import ACK, SYN, Shot

_REPLY_TYPES = {ICMP: {8: 0, 13: 14}, ICMPV6: {128: 129}}
_UNREACHABLE = {4: (ICMP, 3, 1), 6: (ICMPV6, 1, 0)}


def can_be_followed(shot: Shot) -> bool:
    """Whether the packet starts a connection whose other end is silent unless we speak for it."""
    packet = shot.packet
    if packet.state is not PacketState.NEW or packet.destination.is_multicast or shot.note in ("group", "self"):
        return False
    match packet.protocol:
        case number if number == TCP:
            return bool(shot.arrives and shot.leaves) and shot.flags == SYN
        case number if number == UDP:
            return True
        case number:
            return packet.is_icmp and packet.icmp_type in _REPLY_TYPES[number]


def connection_of(shot: Shot) -> object:
    """Equal for all packets of what connection tracking takes for one connection, whichever end they come from."""
    packet = shot.packet
    ends = (packet.source, packet.source_port), (packet.destination, packet.destination_port)
    return packet.protocol, frozenset(ends)


def reply_to(shot: Shot, number: int) -> Shot:
    """What the other end answers."""
    packet = replace(
        _back(shot),
        protocol=shot.packet.protocol,
        source_port=shot.packet.destination_port,
        destination_port=shot.packet.source_port,
        state=PacketState.ESTABLISHED,
        is_reply=True,
    )
    if packet.is_icmp:
        kind = _REPLY_TYPES[packet.protocol][shot.packet.icmp_type or 0]
        packet = replace(packet, icmp_type=kind, icmp_code=shot.packet.icmp_code)
    return Shot(
        number,
        packet,
        shot.leaves,
        _way_back(shot),
        SYN | ACK,
        (5000, shot.sequence[0] + 1),
        goes_on=True,
        note="reply",
    )


def error_about(shot: Shot, number: int) -> Shot:
    """The other end's word that it cannot be reached."""
    protocol, kind, code = _UNREACHABLE[shot.packet.ip_version]
    packet = replace(_back(shot), protocol=protocol, icmp_type=kind, icmp_code=code, state=PacketState.RELATED)
    about = shot.bytes()[: 28 if shot.packet.ip_version == 4 else 48]
    return Shot(number, packet, shot.leaves, _way_back(shot), about=about, note="error about it")


def next_of(shot: Shot, number: int) -> Shot:
    """The next packet from the same end, once there was a reply."""
    packet = replace(shot.packet, state=PacketState.ESTABLISHED)
    sequence = shot.sequence[0] + 1, 5001
    return replace(shot, number=number, packet=packet, flags=ACK, sequence=sequence, goes_on=True, note="goes on")


def next_answer(reply: Shot, first: Shot, number: int) -> Shot:
    """The next packet from the other end."""
    return replace(
        reply, number=number, flags=ACK, sequence=(5001, first.sequence[0] + 1), note="goes on, the other end"
    )


def _way_back(shot: Shot) -> str:
    """Where the node sends an answer; that is not where the packet came by, if its sender borrowed an address."""
    return shot.arrives and ROUTES.get(shot.packet.source, shot.arrives)


def _back(shot: Shot) -> Packet:
    return Packet(shot.packet.destination, shot.packet.source, 0)
