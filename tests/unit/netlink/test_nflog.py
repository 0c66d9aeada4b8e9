"""Messages about logged packets."""

import contextlib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from dnsguard.netlink.codec import MalformedMessageError, attribute, be32, text
from dnsguard.netlink.nflog import Logged, logged, lost_between, take_request

HEADER = attribute(1, bytes((8, 0, 2, 0)))


def message(*parts: bytes, group: int = 101) -> bytes:
    return bytes((2, 0)) + group.to_bytes(2, "big") + b"".join(parts)


def test_a_packet_with_everything() -> None:
    body = message(
        HEADER,
        be32(3, 7),
        be32(4, 2),
        be32(5, 3),
        be32(6, 4),
        be32(7, 5),
        attribute(9, b"\x45abc"),
        text(10, "np-a.b"),
        be32(12, 9),
    )
    assert logged(body) == Logged(101, "np-a.b", 9, 2, 3, b"\x45abc", 0x0800, 4, 5, 2)


def test_a_packet_with_next_to_nothing() -> None:
    assert logged(message(HEADER, group=0xFFFE)) == Logged(0xFFFE, "", None, 0, 0, b"", 0x0800, hook=2)


@pytest.mark.parametrize("body", [b"", b"\x02\0\0", message(), message(be32(12, 1)), message(HEADER)[:-1]])
def test_what_is_no_packet_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        logged(body)


@given(st.binary(max_size=200))
def test_garbage_is_parsed_or_raises_the_one_error(data: bytes) -> None:
    for body in data, message(data), message(HEADER, data):
        with contextlib.suppress(MalformedMessageError):
            logged(body)


def test_taking_a_group() -> None:
    assert take_request(101, 128, 32, 100).hex(" ", 4) == (
        "00000065 05000100 01000000 0a000200 00000080 02000000 08000300 00004800 08000400 0000000a 08000500 00000020 "
        "06000600 00010000"
    )


@pytest.mark.parametrize(
    ("expected", "sequence", "lost"), [(0, 0, 0), (5, 8, 3), (0xFFFFFFFE, 1, 3), (0, 0xFFFFFFFF, 0), (8, 5, 0)]
)
def test_gaps_in_the_numbers(expected: int, sequence: int, lost: int) -> None:
    assert lost_between(expected, sequence) == lost
