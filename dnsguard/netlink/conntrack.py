"""The kernel's table of connections as messages: requests to list it, and the entries of the answers. Pure.

Numbers are those of ``linux/netfilter/nfnetlink_conntrack.h`` and ``nf_conntrack_common.h``. Tables are large, so whose
an entry is, is seen before it is read; and of it is read what tells who talks to whom, and whether they still do.
"""

from struct import Struct, error
from typing import Final, NamedTuple

from dnsguard.netlink.codec import MalformedMessageError, attribute, be32, nested

SUBSYSTEM: Final = 1
GET: Final = 1
FLAG_DUMP: Final = 0x300

IPV4: Final = 2
IPV6: Final = 10
"""``AF_INET`` and ``AF_INET6`` as Linux has them."""

TCP: Final = 6

SEEN_REPLY: Final = 1 << 1
"""Of the status: packets went both ways."""

ESTABLISHED: Final = 3
FIN_WAIT: Final = 4
CLOSE_WAIT: Final = 5
_LIVE_TCP: Final = frozenset({ESTABLISHED, FIN_WAIT, CLOSE_WAIT})
"""Open, or closed by one end and not yet by the other: that ends by the kernel's own time-out, in a minute or two."""

_TUPLE_ORIG, _TUPLE_REPLY, _STATUS, _PROTOINFO = 1, 2, 3, 4
_FILTER, _STATUS_MASK = 25, 26
_NESTED: Final = 0x8000
_SOURCE_ONLY: Final = 1
"""``CTA_FILTER_F_CTA_IP_SRC``."""

_HEADER: Final = 4
"""Octets of ``nfgenmsg`` before the attributes."""

_head = Struct("=HH").unpack_from
_number = Struct("!I").unpack_from
_tuple_ipv4 = Struct("=HHHHHH4sHH4sHHHHB").unpack_from
_tuple_ipv6 = Struct("=HHHHHH16sHH16sHHHHB").unpack_from
_word = Struct("=I").pack


class Flow(NamedTuple):
    """One connection. Addresses are packed."""

    source: bytes
    """Who opened it."""

    destination: bytes
    """Where its first packet was sent to."""

    reached: bytes
    """Who answers: the destination, or what that was translated to."""

    protocol: int
    status: int
    tcp_state: int
    """0 where it is no TCP."""

    @property
    def is_live(self) -> bool:
        """Packets went both ways and may go on doing so; where there is no closing, the entry is there as long as
        there were packets lately."""
        if not self.status & SEEN_REPLY:
            return False
        return self.protocol != TCP or self.tcp_state in _LIVE_TCP


def list_request(family: int, source: bytes | None = None) -> bytes:
    """The body of a list request: answered connections of one family, with an IPv4 ``source`` those that it opened.

    A kernel that knows a filter not (before 5.8 none by source) lists more.
    """
    body = bytes((family, 0, 0, 0)) + be32(_STATUS, SEEN_REPLY) + be32(_STATUS_MASK, SEEN_REPLY)
    if source is None:
        return body
    return (
        body + nested(_TUPLE_ORIG, nested(1, attribute(1, source))) + nested(_FILTER, attribute(1, _word(_SOURCE_ONLY)))
    )


def opened_by(body: bytes) -> bytes:
    """Who opened the connection of one answer, by where the kernel always writes it; ``flow`` sees whether it did."""
    return body[16:20] if body[0] == IPV4 else body[16:32]


def flow(body: bytes) -> Flow:
    """The connection in one answer. Raises `MalformedMessageError`."""
    try:
        unpack = _tuple_ipv4 if body[0] == IPV4 else _tuple_ipv6
        # Each: length and kind of the tuple, of its addresses, of the source; the source; of the destination; the
        # destination; of the protocol's part, of its number; the number.
        size, kind, _, _, _, _, source, _, _, destination, _, _, _, _, protocol = unpack(body, _HEADER)
        if kind != _TUPLE_ORIG | _NESTED:
            raise MalformedMessageError(f"a connection begins with attribute {kind}")
        offset = _HEADER + (size + 3 & ~3)
        size, kind, _, _, _, _, reached, *_ = unpack(body, offset)
        if kind != _TUPLE_REPLY | _NESTED:
            raise MalformedMessageError(f"a connection goes on with attribute {kind}")
        offset += size + 3 & ~3
        status = state = 0
        end = len(body)
        while offset < end:
            size, kind = _head(body, offset)
            if size < 4:
                raise MalformedMessageError(f"attribute {kind} of a connection claims {size} bytes")
            if kind == _STATUS:
                (status,) = _number(body, offset + 4)
                if protocol != TCP:
                    break
            elif kind == _PROTOINFO | _NESTED:
                # Within: the header of TCP's part, then that of the state, which comes first.
                state = body[offset + 12]
                break
            offset += size + 3 & ~3
    except (error, IndexError):
        raise MalformedMessageError(f"{len(body)} bytes are too few for a connection") from None
    return Flow(source, destination, reached, protocol, status, state)
