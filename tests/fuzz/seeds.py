"""What fuzzing starts from: one small message for each thing that the scanner tells apart."""

import struct
from collections.abc import Iterator

from dnslib import EDNS0, QTYPE, RR, DNSHeader, DNSQuestion, DNSRecord

from tests.support import dnswire
from tests.support.dnswire import ASKED, address, opt, option, record, wire

NAME = "www.example.org"
ORIGIN = b"\xc0\x10"
"""A pointer to ``example.org`` in the question."""

OPT = opt()
SUBNET = option(8, b"\0\x01\x18\0\xc0\0\2")
V4, V6 = "192.0.2.1", "2001:db8::1"
PACKED4, PACKED6 = b"\xc0\0\2\1", bytes.fromhex("20010db8000000000000000000000001")
ADDRESS = address(V4)
SOA = record(ORIGIN, 6, wire("ns.example.org") + wire("host.example.org") + struct.pack("!5I", 1, 2, 3, 4, 120))
LONGEST = (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"d" * 61 + b"\0"
"""A name of 255 octets."""

LONGEST_BELOW = LONGEST[:192] + b"\x2d" + b"e" * 45 + ASKED
"""Another one, below the name in the question."""


def query(kind: int = 1, opt: bytes = b"", name: bytes = wire(NAME)) -> bytes:
    return dnswire.query(name + struct.pack("!HH", kind, 1), opt=opt)


def answer(
    *answers: bytes,
    authority: tuple[bytes, ...] = (),
    additional: tuple[bytes, ...] = (),
    kind: int = 1,
    flags: int = 0,
) -> bytes:
    asked = dnswire.question(NAME, kind)
    return dnswire.answer(4711, asked, *answers, authority=authority, additional=additional, flags=flags)


def https(params: bytes, priority: int = 1, target: bytes = b"\0") -> bytes:
    return record(ASKED, 65, struct.pack("!H", priority) + target + params)


def queries() -> Iterator[bytes]:
    yield query()
    yield query(2, name=b"\0")
    yield query(28, OPT)
    yield query(65, opt(SUBNET, option(10, bytes(8)), ttl=0x8000))
    yield query(name=LONGEST)
    yield query() + query()[12:]


def answers() -> Iterator[bytes]:
    yield answer()
    yield answer(ADDRESS, ADDRESS)
    yield answer(address(V6), kind=28)
    yield answer(record(ASKED, 5, wire("cdn.example.net")), address(V4, owner=wire("CDN.example.net")))
    yield answer(record(ASKED, 5, b"\3cdn" + ORIGIN), address(V4, owner=b"\xc0\x2d"), additional=(OPT,))
    yield answer(record(ASKED, 5, ASKED), ADDRESS)
    yield answer(record(ORIGIN, 39, wire("example.net")), record(ASKED, 5, wire("www.example.net")))
    yield answer(record(ASKED, 1, PACKED4, of_class=3), address(V4, owner=wire("evil.example.net")))
    yield answer(https(option(1, b"\2h2") + option(4, PACKED4 * 2) + option(6, PACKED6)), kind=65)
    yield answer(https(b"", 0, wire("svc.example.net")), kind=65)
    yield answer(authority=(SOA,), flags=3)
    yield answer(ADDRESS, authority=(record(ORIGIN, 2, wire("ns.example.org")),), additional=(ADDRESS, OPT))
    yield answer(ADDRESS, additional=(opt(SUBNET, option(15, b"\0\x12why"), ttl=1 << 24), ADDRESS))
    yield answer(record(ASKED, 16, b"\4text"), record(ASKED, 46, bytes(30)), record(ASKED, 65280, b"\xc0\x0c" * 8))
    yield answer(*(address(f"10.0.{n}.1", n) for n in range(40)))
    yield answer(*chain(8))
    yield answer(*chain(32))
    for count in (20, 34):
        first, last = dnswire.pointers(dnswire.question(NAME), count)
        yield answer(first, record(dnswire.pointer(last), 5, dnswire.pointer(last - 2)))
    yield answer(address(V4, 1 << 31), kind=255, flags=0x200)
    yield answer(ADDRESS, authority=(record(LONGEST, 1, PACKED4),), additional=(record(LONGEST, 1, PACKED4), OPT))
    yield answer(record(ASKED, 5, LONGEST_BELOW), record(LONGEST_BELOW, 5, LONGEST))
    yield by_dnslib()


def chain(length: int) -> Iterator[bytes]:
    """Aliases, each name below the one before, compressed as servers do, and the last one's address."""
    owner, at = ASKED, 12 + len(dnswire.question(NAME))
    for number in range(length):
        data = b"\2%02d" % number + ORIGIN
        yield record(owner, 5, data)
        at += len(owner) + 10
        owner, at = dnswire.pointer(at), at + len(data)
    yield address(V4, owner=owner)


def by_dnslib() -> bytes:
    """One written by somebody else's hand."""
    reply = DNSRecord(DNSHeader(id=1, qr=1, ra=1), q=DNSQuestion(NAME, QTYPE.MX))
    for text in (f"{NAME} 60 MX 10 mail.example.org", f'{NAME} 60 CAA 0 issue "ca.example.net"'):
        reply.add_answer(*RR.fromZone(text))
    reply.add_ar(*RR.fromZone("mail.example.org 60 A 192.0.2.25"))
    reply.add_ar(EDNS0(udp_len=4096))
    return bytes(reply.pack())


def seeds() -> list[bytes]:
    """All of them."""
    return [*queries(), *answers()]
