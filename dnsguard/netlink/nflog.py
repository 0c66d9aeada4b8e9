"""Packets that rules log to a group (NFLOG), as messages: how a group is taken, and what the kernel sends then. Pure.

Numbers are those of ``linux/netfilter/nfnetlink_log.h``.
"""

from struct import Struct, error
from typing import Final, NamedTuple

from dnsguard.netlink.codec import MalformedMessageError, attribute, attribute_map, be16, be32, number, string

SUBSYSTEM: Final = 4
PACKET, CONFIGURE = 0, 1

_GENERIC_HEADER: Final = 4
_COMMAND, _MODE, _BUFFER_SIZE, _TIMEOUT, _QUEUE, _FLAGS = 1, 2, 3, 4, 5, 6
_BIND, _COPY_PACKET, _NUMBERED = 1, 2, 1
_HEADER, _IN, _OUT, _PORT_IN, _PORT_OUT, _PAYLOAD, _PREFIX, _SEQUENCE = 1, 4, 5, 6, 7, 9, 10, 12
_mode = Struct("!IBx").pack
_generic = Struct("!BBH")


class Logged(NamedTuple):
    """One packet that a rule logged."""

    group: int
    prefix: str
    """What the rule says of itself."""

    sequence: int | None
    """Counts the group's packets since it was taken, those among them that were lost on the way; wraps around."""

    interface_in: int
    """Index of the interface; 0 for none, as for what the machine sends itself."""

    interface_out: int
    payload: bytes
    """From the network header on, as much as was asked for."""

    ether_type: int = 0
    """What it is by its Ethernet header; 0 where there is none."""

    port_in: int = 0
    """Index of the bridge's port that it came by; then ``interface_in`` is the bridge."""

    port_out: int = 0
    hook: int = 0
    """Where on the packet's way, by the numbers of its family's hooks."""


def take_request(group: int, octets: int, queue: int, wait_ms: int) -> bytes:
    """The body that makes the group ours: ``octets`` of each packet, numbered, in datagrams of ``queue`` packets at
    most, none of which waits longer than ``wait_ms``."""
    return _generic.pack(0, 0, group) + b"".join(
        (
            attribute(_COMMAND, bytes((_BIND,))),
            attribute(_MODE, _mode(octets, _COPY_PACKET)),
            be32(_BUFFER_SIZE, min(131_072, 4096 + queue * (octets + 320))),
            be32(_TIMEOUT, max(1, wait_ms // 10)),
            be32(_QUEUE, queue),
            be16(_FLAGS, _NUMBERED),
        )
    )


def logged(body: bytes) -> Logged:
    """The packet of one message. Raises `MalformedMessageError`."""
    try:
        group = _generic.unpack_from(body)[2]
    except error:
        raise MalformedMessageError(f"{len(body)} bytes are too few for a logged packet") from None
    fields = attribute_map(body, _GENERIC_HEADER)
    if _HEADER not in fields:
        raise MalformedMessageError("a logged packet without its header")
    return Logged(
        group,
        string(fields.get(_PREFIX, b"")),
        number(fields[_SEQUENCE]) if _SEQUENCE in fields else None,
        number(fields.get(_IN, b"")),
        number(fields.get(_OUT, b"")),
        fields.get(_PAYLOAD, b""),
        number(fields[_HEADER][:2]),
        number(fields.get(_PORT_IN, b"")),
        number(fields.get(_PORT_OUT, b"")),
        number(fields[_HEADER][2:3]),
    )


def lost_between(expected: int, sequence: int) -> int:
    """How many packets are missing where ``sequence`` came instead of ``expected``; 0 where it is none after it."""
    missing = (sequence - expected) & 0xFFFFFFFF
    return missing if missing < 1 << 31 else 0
