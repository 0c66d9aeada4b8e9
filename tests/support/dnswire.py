"""DNS messages put together octet by octet: what no well-meaning library would write."""

import struct
from ipaddress import ip_address

A, CNAME, SOA, AAAA, DNAME, OPT, HTTPS = 1, 5, 6, 28, 39, 41, 65
ASKED = b"\xc0\x0c"
"""A pointer to the name in the question."""


def wire(name: str) -> bytes:
    """The name without compression."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def record(owner: bytes, kind: int, data: bytes, ttl: int = 300, of_class: int = 1) -> bytes:
    return owner + struct.pack("!HHIH", kind, of_class, ttl, len(data)) + data


def address(text: str, ttl: int = 300, owner: bytes = ASKED) -> bytes:
    """An A or AAAA record."""
    packed = ip_address(text).packed
    return record(owner, A if len(packed) == 4 else AAAA, packed, ttl)


def alias(owner: str, target: str, ttl: int = 300) -> bytes:
    return record(wire(owner), CNAME, wire(target), ttl)


def question(name: str, kind: int = A) -> bytes:
    return wire(name) + struct.pack("!HH", kind, 1)


def query(asked: bytes, ident: int = 4711, opt: bytes = b"") -> bytes:
    """A query for the question section ``asked``."""
    return struct.pack("!HHHHHH", ident, 0x0100, 1, 0, 0, 1 if opt else 0) + asked + opt


def answer(
    ident: int,
    asked: bytes,
    *answers: bytes,
    authority: tuple[bytes, ...] = (),
    additional: tuple[bytes, ...] = (),
    flags: int = 0,
) -> bytes:
    """An answer to the question section ``asked``; ``flags``: rcode and TC beside those of every answer."""
    head = struct.pack("!HHHHHH", ident, 0x8180 | flags, 1, len(answers), len(authority), len(additional))
    return head + asked + b"".join((*answers, *authority, *additional))


def pointers(asked: bytes, count: int) -> tuple[bytes, int]:
    """A first record whose data are compression pointers, each to the one before, and where the last of them stands."""
    at, target = len(query(asked)) + len(record(ASKED, 65280, b"")), 12
    data = b""
    for number in range(count):
        data += pointer(target)
        target = at + 2 * number
    return record(ASKED, 65280, data), target


def pointer(to: int) -> bytes:
    """A compression pointer (RFC 1035 §4.1.4)."""
    return struct.pack("!H", 0xC000 | to)


def option(code: int, data: bytes) -> bytes:
    """An EDNS option, or a parameter of an HTTPS record."""
    return struct.pack("!HH", code, len(data)) + data


def opt(*options: bytes, size: int = 1232, ttl: int = 0) -> bytes:
    """An OPT record; ``ttl``: extended rcode, version and flags."""
    data = b"".join(options)
    return struct.pack("!BHHIH", 0, OPT, size, ttl, len(data)) + data
