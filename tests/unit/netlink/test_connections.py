"""Connections as policy judges them."""

import contextlib
from ipaddress import ip_address

import hypothesis.strategies as st
import pytest
from hypothesis import given

from dnsguard.netlink.codec import MalformedMessageError, attribute, be32, nested
from dnsguard.netlink.connections import Connection, Opening, connection, mark, mark_of
from tests.support.conntrack import entry

UDP = 17


def packed(*texts: str) -> list[bytes]:
    return [ip_address(text).packed for text in texts]


def opening(source: str, to: str, protocol: int, source_port: int, port: int) -> Opening:
    return Opening(ip_address(source).packed, ip_address(to).packed, protocol, source_port, port)


@pytest.mark.parametrize(("source", "to"), [("10.0.0.1", "192.0.2.1"), ("fd00::1", "2001:db8::1")])
def test_who_opened_it_and_where_to(source: str, to: str) -> None:
    found = connection(entry(source, to, protocol=UDP, source_port=7, port=53) + be32(8, 0x1234))
    assert found.opening == opening(source, to, UDP, 7, 53)
    assert (found.mark, found.status, found.is_translated, found.master) == (0x1234, 14, False, None)


def test_it_is_judged_by_where_it_was_led() -> None:
    found = connection(entry("10.0.0.1", "10.96.0.1", reached="192.0.2.1"))
    assert found.opening.destination == ip_address("192.0.2.1").packed
    assert found.is_translated


@pytest.mark.parametrize(("family", "protocol", "kinds"), [(2, 1, (4, 5, 6)), (10, 58, (7, 8, 9))])
def test_icmp_has_the_kind_that_was_asked(family: int, protocol: int, kinds: tuple[int, int, int]) -> None:
    ends = packed("10.0.0.1", "192.0.2.1") if family == 2 else packed("fd00::1", "2001:db8::1")
    places = (1, 2) if family == 2 else (3, 4)

    def tuple_of(kind: int, start: bytes, end: bytes, icmp: int) -> bytes:
        said = attribute(1, bytes((protocol,))), attribute(kinds[0], b"\0\7"), attribute(kinds[1], bytes((icmp,)))
        addresses = nested(1, attribute(places[0], start), attribute(places[1], end))
        return nested(kind, addresses, nested(2, *said, attribute(kinds[2], b"\0")))

    asked, answered = (8, 0) if family == 2 else (128, 129)
    there, back = tuple_of(1, ends[0], ends[1], asked), tuple_of(2, ends[1], ends[0], answered)
    body = bytes((family, 0, 0, 0)) + there + back
    found = connection(body)
    assert found.opening == Opening(ends[0], ends[1], protocol, icmp_type=asked, icmp_code=0)
    assert not found.is_translated


def test_what_it_comes_of() -> None:
    other = entry("10.0.0.1", "192.0.2.1", port=21)
    of_control = attribute(14 | 0x8000, other[8 : 8 + int.from_bytes(other[4:6], "little") - 4])
    found = connection(entry("192.0.2.1", "10.0.0.1", source_port=20) + of_control)
    assert found.master == opening("10.0.0.1", "192.0.2.1", 6, 40_000, 21)


def test_a_mark_is_set_in_its_bits_of_that_connection() -> None:
    body = entry("10.0.0.1", "192.0.2.1")
    zone = attribute(18, b"\0\5")
    made = mark(connection(body + zone), 0xFF00, 0x1200)
    length = int.from_bytes(body[4:6], "little")
    assert made == body[: 4 + length] + zone + be32(8, 0x1200) + be32(21, 0xFF00)


@given(st.binary())
def test_other_bytes_are_refused(body: bytes) -> None:
    for read in connection, mark_of:
        with contextlib.suppress(MalformedMessageError):
            assert isinstance(read(body), Connection | int)


@given(st.integers(0, 200))
def test_what_is_cut_short_is_refused(length: int) -> None:
    body = entry("10.0.0.1", "192.0.2.1")[:length]
    with contextlib.suppress(MalformedMessageError):
        assert connection(body).opening.port == 443
