"""The question as an upstream gets it: our ID, our casing, our OPT record.

A client's message is never passed on as such: only its name, type, RD, AD, CD, DO and client subnet reach the upstream.
So one answer serves every client that asks the same, and a client's cookie or padding stays between it and us
(RFC 7873 §5.1, RFC 7830 §6).
"""

from struct import Struct
from typing import Final, NamedTuple, Self

from dnsguard.dns.codes import IN
from dnsguard.dns.message import FLAG_AD, FLAG_CD, FLAG_RD, Query
from dnsguard.dns.synthesis import OPT_PLAIN, opt_record
from dnsguard.dns.wire import OPTION_PADDING

_header = Struct("!HHHHHH").pack
_option = Struct("!HH").pack
_OPTION_HEADER: Final = 4
_BLOCK: Final = 128
_FROM_NAME_TO_LENGTH: Final = 1 + 4 + 9
"""Octets from the end of the question's name to the length of the OPT record: root label, type, class; OPT's head."""

_LETTERS: Final = bytes(0x20 if chr(i).isascii() and chr(i).isalpha() else 0 for i in range(256))


class Question(NamedTuple):
    """What is asked of an upstream."""

    name: bytes
    """Lower-cased wire form."""

    qtype: int
    flags: int
    """RD, AD and CD as the client set them."""

    tail: bytes
    """Type and class, as they follow the name."""

    opt: bytes
    """The whole OPT record; empty for a server that knows no EDNS."""

    @classmethod
    def of(cls, query: Query) -> Self:
        """The part of a client's query that its upstream gets to see."""
        flags = query.flags & (FLAG_RD | FLAG_AD | FLAG_CD)
        ecs = query.ecs
        opt = opt_record(query.do, ecs) if ecs else OPT_PLAIN[query.do]
        return tuple.__new__(cls, (query.name, query.qtype, flags, query.question[-4:], opt))

    @classmethod
    def probe(cls) -> Self:
        """``. NS``: what every resolver can answer from its cache."""
        return cls(b"\0", 2, FLAG_RD, b"\0\x02" + IN.to_bytes(2, "big"), opt_record(do=False))


def padded(message: bytes) -> bytes:
    """What ``encode`` made, padded to a multiple of 128 octets, so that its length tells nothing (RFC 8467 §4.1).

    For encrypted transports. Without an OPT record there is no place for padding, and none is made.
    """
    if not message[11]:
        return message
    position = 12
    while message[position]:
        position += message[position] + 1
    length_at = position + _FROM_NAME_TO_LENGTH
    padding = -(len(message) + _OPTION_HEADER) % _BLOCK
    length = int.from_bytes(message[length_at : length_at + 2], "big") + _OPTION_HEADER + padding
    head = message[:length_at] + length.to_bytes(2, "big") + message[length_at + 2 :]
    return head + _option(OPTION_PADDING, padding) + bytes(padding)


def randomise_case(name: bytes, random: bytes) -> bytes:
    """``name`` (lower-cased wire form) with the letters upper-cased where ``random``, as long, has bit 0x20 set.

    Label lengths are below 64, letters above: the two never meet in one octet (draft-vixie-dnsext-dns0x20).
    """
    flips = int.from_bytes(name.translate(_LETTERS), "big") & int.from_bytes(random, "big")
    return (int.from_bytes(name, "big") ^ flips).to_bytes(len(name), "big")


def encode(question: Question, ident: int, cased: bytes) -> bytes:
    """The message; ``cased`` is the question's name with its casing."""
    return _header(ident, question.flags, 1, 0, 0, 1 if question.opt else 0) + cased + question.tail + question.opt
