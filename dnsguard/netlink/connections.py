"""Connections as policy judges them, and messages that mark them. Pure.

Both directions, ports and all: what the packets of whoever opened the connection look like where they are judged, which
is after a translation of their destination and before one of their source. Numbers are those of
``linux/netfilter/nfnetlink_conntrack.h``.
"""

from typing import Final, NamedTuple

from dnsguard.netlink.codec import (
    ATTRIBUTE,
    KIND_MASK,
    MalformedMessageError,
    attribute,
    attribute_map,
    be32,
    number,
)
from dnsguard.netlink.conntrack import SUBSYSTEM

NEW: Final = SUBSYSTEM << 8
"""Without the flag that creates: changes the connection that is there."""

EXPECTED: Final = 1
"""Of the status: it comes of another one, as the data of FTP do."""

_TUPLE_ORIG, _TUPLE_REPLY, _STATUS, _MARK, _TUPLE_MASTER, _ZONE, _MARK_MASK = 1, 2, 3, 8, 14, 18, 21
_HEADER: Final = 4
"""Octets of ``nfgenmsg`` before the attributes."""


class Opening(NamedTuple):
    """The first packet of a connection: packed addresses, and what else its protocol has; None what it has not."""

    source: bytes
    destination: bytes
    protocol: int
    source_port: int | None = None
    port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None


class Connection(NamedTuple):
    """One connection of the table."""

    family: int
    """``AF_INET`` or ``AF_INET6``."""

    name: bytes
    """What tells it from others, as the kernel wrote it."""

    opening: Opening
    """As it is judged: to where translation led it."""

    is_translated: bool
    """It was sent to another address or port than where it was led."""

    master: Opening | None
    """What it comes of."""

    status: int
    mark: int


def marked_request(mask: int, value: int) -> bytes:
    """The body of a list request: connections of both families whose mark is ``value`` in these bits."""
    return bytes(4) + be32(_MARK, value) + be32(_MARK_MASK, mask)


def mark_of(body: bytes) -> int:
    """The mark of the connection in one answer; 0 where it has none. Raises `MalformedMessageError`."""
    offset, end, header_of = _HEADER, len(body), ATTRIBUTE.unpack_from
    while offset + 4 <= end:
        length, kind = header_of(body, offset)
        if length < 4 or offset + length > end:
            raise MalformedMessageError(f"attribute at byte {offset} of a connection claims {length} bytes")
        if kind & KIND_MASK == _MARK:
            return int.from_bytes(body[offset + 4 : offset + 8], "big")
        offset += (length + 3) & ~3
    return 0


def connection(body: bytes) -> Connection:
    """The connection in one answer. Raises `MalformedMessageError`."""
    fields = attribute_map(body, _HEADER)
    try:
        first, reply = _opening(fields[_TUPLE_ORIG]), _opening(fields[_TUPLE_REPLY])
    except KeyError:
        raise MalformedMessageError("a connection without addresses") from None
    # Of ICMP the kinds of the two directions differ; what is judged is what was sent.
    is_icmp = first.icmp_type is not None
    led = first._replace(destination=reply.source, port=first.port if is_icmp else reply.source_port)
    name = attribute(_TUPLE_ORIG | 0x8000, fields[_TUPLE_ORIG])
    if _ZONE in fields:
        name += attribute(_ZONE, fields[_ZONE])
    return Connection(
        body[0],
        name,
        led,
        led != first,
        _opening(fields[_TUPLE_MASTER]) if _TUPLE_MASTER in fields else None,
        number(fields.get(_STATUS, b"")),
        number(fields.get(_MARK, b"")),
    )


def mark(found: Connection, mask: int, value: int) -> bytes:
    """The body of a message of kind `NEW` that makes these bits of its mark ``value``, and leaves the others."""
    return bytes((found.family, 0, 0, 0)) + found.name + be32(_MARK, value) + be32(_MARK_MASK, mask)


def _opening(data: bytes) -> Opening:
    parts = attribute_map(data)
    try:
        addresses, protocol = attribute_map(parts[1]), attribute_map(parts[2])
        source, destination = addresses.get(1) or addresses[3], addresses.get(2) or addresses[4]
        which = number(protocol[1])
    except KeyError:
        raise MalformedMessageError("a direction of a connection without addresses or protocol") from None

    def field(*kinds: int) -> int | None:
        return next((number(protocol[kind]) for kind in kinds if kind in protocol), None)

    return Opening(source, destination, which, field(2), field(3), field(5, 8), field(6, 9))
