"""Netlink attributes and message headers as bytes. Pure.

An attribute is ``u16 length, u16 kind, payload``, padded to four bytes; the length counts the header but not the
padding (``include/uapi/linux/netlink.h``). nf_tables wants its integers in network byte order, the headers
themselves are in the machine's.
"""

from collections.abc import Iterator
from struct import Struct, error
from typing import NamedTuple

from dnsguard.errors import DnsguardError

NESTED = 0x8000
KIND_MASK = 0x3FFF
LONGEST_PAYLOAD = 0xFFFF - 4

ATTRIBUTE = Struct("=HH")
_HEADER = Struct("=IHHII")
HEADER_LENGTH = _HEADER.size
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class MalformedMessageError(DnsguardError):
    """Bytes that are no netlink message: cut short, or with a length that leads outside."""


class Packet(NamedTuple):
    """One message as it stands in a datagram."""

    kind: int
    flags: int
    sequence: int
    body: bytes
    """Everything after the 16-byte header."""


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute with its padding. Raises ``ValueError`` when the payload is longer than a u16 can say."""
    length = len(payload)
    if length > LONGEST_PAYLOAD:
        raise ValueError(f"attribute {kind} holds {length} bytes, the most is {LONGEST_PAYLOAD}")
    return ATTRIBUTE.pack(length + 4, kind) + payload + _PADDING[length & 3]


def nested(kind: int, *parts: bytes) -> bytes:
    """One attribute whose payload is the attributes ``parts``."""
    return attribute(kind | NESTED, b"".join(parts))


def text(kind: int, value: str) -> bytes:
    """One attribute that is a NUL-terminated string."""
    return attribute(kind, value.encode() + b"\0")


def be16(kind: int, value: int) -> bytes:
    return attribute(kind, value.to_bytes(2, "big"))


def be32(kind: int, value: int) -> bytes:
    """One attribute with a 32-bit integer in network order; negative values in two's complement."""
    return attribute(kind, (value & 0xFFFFFFFF).to_bytes(4, "big"))


def be64(kind: int, value: int) -> bytes:
    return attribute(kind, value.to_bytes(8, "big"))


def header(length: int, kind: int, flags: int, sequence: int) -> bytes:
    """A message header for a body of ``length`` bytes, already padded; port id 0 lets the kernel fill in the sender."""
    return _HEADER.pack(length + HEADER_LENGTH, kind, flags, sequence, 0)


def attributes(payload: bytes, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """Kind (without the nested flag) and payload of each attribute from ``offset``. Raises `MalformedMessageError`."""
    end = len(payload)
    while offset + 4 <= end:
        length, kind = ATTRIBUTE.unpack_from(payload, offset)
        if length < 4 or offset + length > end:
            raise MalformedMessageError(f"attribute at byte {offset} claims {length} bytes, {end - offset} are left")
        yield kind & KIND_MASK, payload[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    if offset < end:
        raise MalformedMessageError(f"{end - offset} bytes left after the last attribute")


def attribute_map(payload: bytes, offset: int = 0) -> dict[int, bytes]:
    """The same as a dict; of an attribute that comes twice the last stays."""
    return dict(attributes(payload, offset))


def packets(datagram: bytes) -> Iterator[Packet]:
    """The messages of one datagram. Raises `MalformedMessageError`."""
    offset, end = 0, len(datagram)
    while offset < end:
        try:
            length, kind, flags, sequence, _ = _HEADER.unpack_from(datagram, offset)
        except error:
            raise MalformedMessageError(f"{end - offset} bytes are too few for a message header") from None
        if length < HEADER_LENGTH or offset + length > end:
            raise MalformedMessageError(f"message at byte {offset} claims {length} bytes, {end - offset} are left")
        yield Packet(kind, flags, sequence, datagram[offset + HEADER_LENGTH : offset + length])
        offset += (length + 3) & ~3


def string(payload: bytes) -> str:
    """The text of a NUL-terminated string attribute."""
    return payload.split(b"\0", 1)[0].decode(errors="replace")


def number(payload: bytes) -> int:
    """The value of an integer attribute in network order, whatever its width."""
    return int.from_bytes(payload, "big")
