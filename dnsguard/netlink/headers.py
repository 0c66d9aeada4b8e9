"""The headers at the beginning of a packet, however little of it there is, and whatever it says. Pure."""

from typing import Final, NamedTuple

ICMP: Final = {4: 1, 6: 58}
TCP, UDP, SCTP, UDPLITE = 6, 17, 132, 136
_WITH_PORTS: Final = frozenset({TCP, UDP, 33, SCTP, UDPLITE})
"""33 is DCCP."""

_FRAGMENT, _AUTHENTICATION = 44, 51
_EXTENSIONS: Final = frozenset({0, 43, _FRAGMENT, _AUTHENTICATION, 60, 135, 139, 140})
"""IANA "IPv6 Extension Header Types", encrypted ones apart: nothing behind those can be read."""

MOST_EXTENSIONS: Final = 16

ARP: Final = 0x0806
_IP: Final = frozenset({0, 0x0800, 0x86DD})
_ARP_FOR_IPV4: Final = bytes.fromhex("000108000604")
"""Ethernet and IPv4, with the lengths of their addresses (RFC 826)."""


class Headers(NamedTuple):
    """What there is to say of a packet. Addresses are packed."""

    source: bytes
    destination: bytes
    protocol: int
    """Behind all extension headers that are there. Of a frame that is not IP: its Ethernet type, which is larger than
    any of these; then there are no addresses, those of ARP apart."""

    source_port: int | None = None
    destination_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    fragment: bool = False
    """A fragment other than the first, which bears no ports."""


def headers(packet: bytes, ether_type: int = 0) -> Headers | None:
    """None where not even the addresses are there. ``ether_type``: what the frame says that it is; 0 for IP."""
    if ether_type not in _IP:
        if ether_type == ARP and packet[:6] == _ARP_FOR_IPV4 and len(packet) >= 28:
            return Headers(packet[14:18], packet[24:28], ARP)
        return Headers(b"", b"", ether_type)
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 20:
        offset = (packet[0] & 15) * 4
        later = bool(int.from_bytes(packet[6:8], "big") & 0x1FFF)
        return _with_ports(packet, 4, packet[12:16], packet[16:20], packet[9], max(20, offset), later)
    if version == 6 and len(packet) >= 40:
        protocol, offset, later = _behind_extensions(packet)
        return _with_ports(packet, 6, packet[8:24], packet[24:40], protocol, offset, later)
    return None


def _behind_extensions(packet: bytes) -> tuple[int, int, bool]:
    """(Protocol, where it begins, whether that is in another fragment). Where the packet ends in an extension header:
    that one, and the packet's end."""
    protocol, offset = packet[6], 40
    for _ in range(MOST_EXTENSIONS):
        if protocol not in _EXTENSIONS:
            return protocol, offset, False
        if offset + 8 > len(packet):
            break
        following, length = packet[offset], packet[offset + 1]
        if protocol == _FRAGMENT:
            if int.from_bytes(packet[offset + 2 : offset + 4], "big") & 0xFFF8:
                return following, offset, True
            offset += 8
        elif protocol == _AUTHENTICATION:
            offset += (length + 2) * 4
        else:
            offset += (length + 1) * 8
        protocol = following
    return protocol, len(packet), False


def _with_ports(
    packet: bytes, version: int, source: bytes, destination: bytes, protocol: int, offset: int, later: bool
) -> Headers:
    found = Headers(source, destination, protocol, fragment=later)
    if later:
        return found
    if protocol in _WITH_PORTS and len(packet) >= offset + 4:
        return found._replace(
            source_port=int.from_bytes(packet[offset : offset + 2], "big"),
            destination_port=int.from_bytes(packet[offset + 2 : offset + 4], "big"),
        )
    if protocol == ICMP[version] and len(packet) >= offset + 2:
        return found._replace(icmp_type=packet[offset], icmp_code=packet[offset + 1])
    return found
