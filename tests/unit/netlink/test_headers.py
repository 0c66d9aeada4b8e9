"""What a packet says of itself, whatever it is made of."""

from ipaddress import ip_address

import hypothesis.strategies as st
import pytest
from hypothesis import given

from dnsguard.netlink.headers import Headers, headers

A4, B4 = ip_address("10.65.0.2").packed, ip_address("192.0.2.10").packed
A6, B6 = ip_address("2001:db8:65::2").packed, ip_address("2001:db8:c::10").packed
PORTS = bytes.fromhex("c00001bb 00000000")
TCP, UDP, ICMP, ICMPV6, GRE, ESP = 6, 17, 1, 58, 47, 50


def ipv4(protocol: int, rest: bytes, *, options: bytes = b"", offset: int = 0) -> bytes:
    words = 5 + len(options) // 4
    head = bytes((0x40 | words, 0, 0, 60, 0, 1)) + offset.to_bytes(2, "big") + bytes((64, protocol, 0, 0))
    return head + A4 + B4 + options + rest


def ipv6(protocol: int, rest: bytes) -> bytes:
    return bytes((0x60, 0, 0, 0)) + len(rest).to_bytes(2, "big") + bytes((protocol, 64)) + A6 + B6 + rest


def extension(following: int, words: int = 0) -> bytes:
    return bytes((following, words)) + bytes(6 + words * 8)


def fragment(following: int, offset: int) -> bytes:
    return bytes((following, 0)) + (offset << 3 | 1).to_bytes(2, "big") + bytes(4)


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        pytest.param(ipv4(TCP, PORTS), Headers(A4, B4, TCP, 49152, 443), id="TCP"),
        pytest.param(ipv4(UDP, PORTS, options=bytes(8)), Headers(A4, B4, UDP, 49152, 443), id="UDP behind options"),
        pytest.param(ipv4(ICMP, b"\x08\x00"), Headers(A4, B4, ICMP, icmp_type=8, icmp_code=0), id="ICMP"),
        pytest.param(ipv4(ICMPV6, b"\x80\x00"), Headers(A4, B4, ICMPV6), id="ICMPv6 in IPv4 is none"),
        pytest.param(ipv4(GRE, PORTS), Headers(A4, B4, GRE), id="no ports"),
        pytest.param(ipv4(TCP, PORTS, offset=0x2000), Headers(A4, B4, TCP, 49152, 443), id="first fragment"),
        pytest.param(ipv4(TCP, PORTS, offset=0x2005), Headers(A4, B4, TCP, fragment=True), id="later fragment"),
        pytest.param(ipv4(TCP, PORTS[:3]), Headers(A4, B4, TCP), id="cut within the ports"),
        pytest.param(ipv6(TCP, PORTS), Headers(A6, B6, TCP, 49152, 443), id="TCP over IPv6"),
        pytest.param(ipv6(ICMPV6, b"\x80\x00"), Headers(A6, B6, ICMPV6, icmp_type=128, icmp_code=0), id="ICMPv6"),
        pytest.param(
            ipv6(0, extension(60) + extension(43, 2) + extension(UDP, 1) + PORTS),
            Headers(A6, B6, UDP, 49152, 443),
            id="behind three extension headers",
        ),
        pytest.param(
            ipv6(51, bytes((TCP, 4)) + bytes(22) + PORTS), Headers(A6, B6, TCP, 49152, 443), id="authenticated"
        ),
        pytest.param(ipv6(44, fragment(UDP, 0) + PORTS), Headers(A6, B6, UDP, 49152, 443), id="first IPv6 fragment"),
        pytest.param(ipv6(44, fragment(UDP, 9) + PORTS), Headers(A6, B6, UDP, fragment=True), id="later IPv6 fragment"),
        pytest.param(ipv6(ESP, PORTS), Headers(A6, B6, ESP), id="encrypted"),
        pytest.param(ipv6(60, extension(TCP)[:5]), Headers(A6, B6, 60), id="cut within an extension header"),
        pytest.param(ipv6(60, extension(TCP, 30)[:8]), Headers(A6, B6, TCP), id="cut before the ports"),
        pytest.param(ipv6(60, extension(60) * 40 + PORTS), Headers(A6, B6, 60), id="endless extension headers"),
        pytest.param(ipv4(TCP, b"")[:19], None, id="no addresses"),
        pytest.param(ipv6(TCP, b"")[:39], None, id="no IPv6 addresses"),
        pytest.param(b"\x50" + bytes(60), None, id="another protocol"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_what_a_packet_says(packet: bytes, expected: Headers | None) -> None:
    assert headers(packet) == expected


ARP_PACKET = bytes.fromhex("0001 0800 06 04 0001") + bytes(6) + A4 + bytes(6) + B4


@pytest.mark.parametrize(
    ("packet", "ether_type", "expected"),
    [
        (ARP_PACKET, 0x0806, Headers(A4, B4, 0x0806)),
        (ARP_PACKET[:27], 0x0806, Headers(b"", b"", 0x0806)),
        (b"\0\6" + ARP_PACKET[2:], 0x0806, Headers(b"", b"", 0x0806)),
        (b"\x45" * 60, 0x8100, Headers(b"", b"", 0x8100)),
        (ipv4(TCP, PORTS), 0x0800, Headers(A4, B4, TCP, 49152, 443)),
        (ipv6(TCP, PORTS), 0x86DD, Headers(A6, B6, TCP, 49152, 443)),
    ],
)
def test_frames_that_are_not_ip(packet: bytes, ether_type: int, expected: Headers) -> None:
    assert headers(packet, ether_type) == expected


@given(st.sampled_from([b"\x45", b"\x4f", b"\x40", b"\x60", b""]), st.binary(max_size=160))
def test_any_octets_are_read_or_are_no_packet(first: bytes, rest: bytes) -> None:
    found = headers(first + rest)
    if found is not None:
        assert len(found.source) == len(found.destination) == (4 if first[0] >> 4 == 4 else 16)


@given(st.lists(st.sampled_from([0, 43, 44, 51, 60, 135]), max_size=8), st.binary(max_size=64), st.integers(0, 128))
def test_any_chain_of_extension_headers_ends(chain: list[int], rest: bytes, cut: int) -> None:
    packet = b"".join(bytes((following, 0)) + bytes(6) for following in [*chain[1:], UDP])
    found = headers((ipv6(chain[0] if chain else UDP, packet + rest))[: 40 + cut])
    assert found is not None
    assert found.source_port is None or found.protocol == UDP
