import socket
import struct
from ipaddress import ip_address

import pytest

from dnsguard.forwarder.canary.packets import PAYLOAD, Sent, payload, recognised, udp_packet

SECRET = b"8 octets"
PAIRS = [("192.0.0.241", "192.0.0.242"), ("100::dc:1", "100::dc:2")]


def sums_up(data: bytes) -> int:
    """RFC 1071: with its checksum in place, what it covers adds up to all ones."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    return (total & 0xFFFF) + (total >> 16)


@pytest.mark.parametrize(("client", "target"), PAIRS)
def test_it_is_a_packet_of_udp_with_right_checksums(client: str, target: str) -> None:
    source, destination = ip_address(client), ip_address(target)
    carried = payload(SECRET, Sent(7, True))
    for port in range(1024, 1124):
        packet = udp_packet(source, destination, port, carried)
        if source.version == 4:
            assert sums_up(packet[:20]) == 0xFFFF
            assert (packet[0], struct.unpack("!H", packet[2:4])[0], packet[8], packet[9]) == (0x45, len(packet), 2, 17)
            ends, datagram = packet[12:20], packet[20:]
        else:
            assert (packet[0] >> 4, struct.unpack("!H", packet[4:6])[0]) == (6, len(packet) - 40)
            assert packet[6:8] == bytes((17, 2))
            ends, datagram = packet[8:40], packet[40:]
        assert ends == source.packed + destination.packed
        assert struct.unpack("!HHH", datagram[:6]) == (port, 9, len(datagram))
        assert sums_up(ends + struct.pack("!II", len(datagram), socket.IPPROTO_UDP) + datagram) == 0xFFFF
        assert datagram[8:] == carried


@pytest.mark.parametrize("sent", [Sent(0, False), Sent(1, True), Sent(2**56 - 1, False)])
def test_our_own_are_known_and_no_others(sent: Sent) -> None:
    client, target = map(ip_address, PAIRS[0])
    packet = udp_packet(client, target, 4000, payload(SECRET, sent))
    assert recognised(packet, SECRET) == sent
    assert recognised(packet, b"another.") is None
    assert recognised(packet[-PAYLOAD + 1 :], SECRET) is None
