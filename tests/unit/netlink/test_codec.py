import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.netlink import codec
from dnsguard.netlink.codec import MalformedMessageError

pairs = st.lists(st.tuples(st.integers(0, codec.KIND_MASK), st.binary(max_size=40)), max_size=8)


@given(pairs)
def test_attributes_come_back_as_they_went(items: list[tuple[int, bytes]]) -> None:
    data = b"".join(codec.attribute(kind, payload) for kind, payload in items)
    assert len(data) % 4 == 0
    assert list(codec.attributes(data)) == items


@given(pairs)
def test_packets_come_back_as_they_went(items: list[tuple[int, bytes]]) -> None:
    padded = [(kind, payload + b"\0" * (-len(payload) % 4)) for kind, payload in items]
    data = b"".join(codec.header(len(body), kind, 5, 7) + body for kind, body in padded)
    assert list(codec.packets(data)) == [(kind, 5, 7, body) for kind, body in padded]


@given(st.binary(max_size=200))
def test_garbage_is_parsed_or_raises_the_one_error(data: bytes) -> None:
    for parse in codec.attributes, codec.packets:
        with contextlib.suppress(MalformedMessageError):
            list(parse(data))


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        (codec.text(1, "ab"), "0700 0100 61620000"),
        (codec.be16(2, 0x1234), "0600 0200 12340000"),
        (codec.be32(3, -3), "0800 0300 fffffffd"),
        (codec.be64(4, 1), "0c00 0400 0000000000000001"),
        (codec.nested(5, codec.attribute(1, b"x")), "0c00 0580 0500010078000000"),
    ],
)
def test_wire_form(encoded: bytes, expected: str) -> None:
    assert encoded == bytes.fromhex(expected.replace(" ", ""))


def test_a_payload_too_long_for_its_length_field_is_refused() -> None:
    assert len(codec.attribute(1, b"x" * codec.LONGEST_PAYLOAD)) == 0x10000
    with pytest.raises(ValueError, match="attribute 9 holds 65532 bytes"):
        codec.attribute(9, b"x" * (codec.LONGEST_PAYLOAD + 1))


def test_the_nested_flag_is_not_part_of_the_kind() -> None:
    assert codec.attribute_map(codec.nested(3, b"abcd")) == {3: b"abcd"}
