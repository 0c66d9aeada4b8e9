import contextlib
import struct

import pytest
from dnslib import AAAA as AAAARecord  # noqa: N811 - our own AAAA is the number
from dnslib import CNAME, EDNS0, QTYPE, RD, RR, A, DNSHeader, DNSLabel, DNSQuestion, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.dns.codes import AAAA, HTTPS
from dnsguard.dns.message import Address, Alias, MalformedMessage
from dnsguard.dns.scan import MAX_CHAIN, scan_answer, scan_query
from tests.unit.dns.messages import answer_bytes, query_bytes


def wire(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".") if label) + b"\0"


WWW = wire("www.example.org")
HEADER = struct.pack("!HHHHHH", 1, 0x100, 1, 0, 0, 0)
QUESTION = WWW + b"\0\x01\0\x01"


# Queries.


def test_a_query_says_what_is_asked() -> None:
    query = scan_query(query_bytes("WWW.Example.ORG", "AAAA", ident=7, edns=4096, do=True))
    assert query.id == 7
    assert query.name == WWW
    assert query.question == b"\3WWW\7Example\3ORG\0\0\x1c\0\x01"
    assert (query.qtype, query.qclass, query.edns, query.version, query.udp_size, query.do) == (
        28,
        1,
        True,
        0,
        4096,
        True,
    )


@pytest.mark.parametrize(("said", "meant"), [(0, 512), (511, 512), (512, 512), (1232, 1232), (65535, 65535)])
def test_a_client_takes_at_least_512_octets(said: int, meant: int) -> None:
    opt = struct.pack("!BHHIH", 0, 41, said, 0, 0)
    assert scan_query(HEADER[:10] + b"\0\1" + QUESTION + opt).udp_size == meant


def test_of_the_options_only_client_subnet_is_kept() -> None:
    cookie, subnet = b"\0\x0a\0\x08" + bytes(8), b"\0\x08\0\x07\0\x01\x18\0\xc0\0\2"
    opt = struct.pack("!BHHIH", 0, 41, 1232, 0, len(cookie + subnet)) + cookie + subnet
    assert scan_query(HEADER[:10] + b"\0\1" + QUESTION + opt).ecs == subnet


MALFORMED_QUERIES = {
    "nothing": b"",
    "half a header": HEADER[:6],
    "no question": struct.pack("!HHHHHH", 1, 0, 0, 0, 0, 0),
    "two questions": struct.pack("!HHHHHH", 1, 0, 2, 0, 0, 0) + QUESTION * 2,
    "an answer in it": struct.pack("!HHHHHH", 1, 0, 1, 1, 0, 0) + QUESTION,
    "an authority in it": struct.pack("!HHHHHH", 1, 0, 1, 0, 1, 0) + QUESTION,
    "bytes after it": HEADER + QUESTION + b"\0",
    "a pointer in the question": HEADER + b"\3www\xc0\x0c\0\1\0\1",
    "a label of 64": HEADER + b"\x40" + b"a" * 64 + b"\0\0\1\0\1",
    "a name of 256": HEADER + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1",
    "no end of name": HEADER + b"\3www",
    "no class": HEADER + WWW + b"\0\1",
    "a record that is no OPT": HEADER[:10] + b"\0\1" + QUESTION + struct.pack("!BHHIH", 0, 250, 255, 0, 0),
    "OPT below the root": HEADER[:10] + b"\0\1" + QUESTION + b"\1a" + struct.pack("!BHHIH", 0, 41, 1232, 0, 0),
    "OPT longer than the message": HEADER[:10] + b"\0\1" + QUESTION + struct.pack("!BHHIH", 0, 41, 1232, 0, 4),
    "an option longer than OPT": HEADER[:10] + b"\0\1" + QUESTION + struct.pack("!BHHIHHH", 0, 41, 1232, 0, 4, 8, 1),
}


@pytest.mark.parametrize("data", MALFORMED_QUERIES.values(), ids=MALFORMED_QUERIES.keys())
def test_a_malformed_query_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        scan_query(data)


def test_a_dotted_label_stays_one_label() -> None:
    assert scan_query(HEADER + b"\x08www.evil\3com\0\0\1\0\1").name == b"\x08www.evil\3com\0"


@given(st.binary(max_size=300))
def test_any_bytes_are_a_query_or_malformed(data: bytes) -> None:
    for candidate in (data, HEADER + data, HEADER[:10] + b"\0\1" + QUESTION + data):
        with contextlib.suppress(MalformedMessage):
            scan_query(candidate)


def test_no_truncation_of_a_query_is_one() -> None:
    whole = query_bytes(edns=1232)
    for length in range(len(whole)):
        with pytest.raises(MalformedMessage):
            scan_query(whole[:length])


# Answers: whose addresses count.

Q = "www.example.org"
CHAINS: dict[str, tuple[list[str], list[tuple[str, list[str]]]]] = {
    "an address": ([f"{Q} 300 A 192.0.2.1"], [("192.0.2.1", [Q])]),
    "two addresses": ([f"{Q} 300 A 192.0.2.1", f"{Q} 300 A 192.0.2.2"], [("192.0.2.1", [Q]), ("192.0.2.2", [Q])]),
    "another casing": (["WWW.EXAMPLE.ORG 300 A 192.0.2.1"], [("192.0.2.1", [Q])]),
    "an alias": (
        [f"{Q} 60 CNAME cdn.example.net", "cdn.example.net 30 A 192.0.2.1"],
        [("192.0.2.1", [Q, "cdn.example.net"])],
    ),
    "the alias last": (
        ["cdn.example.net 30 A 192.0.2.1", f"{Q} 60 CNAME cdn.example.net"],
        [("192.0.2.1", [Q, "cdn.example.net"])],
    ),
    "eight aliases": (
        [f"{Q} 60 CNAME c1.example.net"]
        + [f"c{i}.example.net 60 CNAME c{i + 1}.example.net" for i in range(1, 8)]
        + ["c8.example.net 30 A 192.0.2.1"],
        [("192.0.2.1", [Q, *(f"c{i}.example.net" for i in range(1, 9))])],
    ),
    "a loop": ([f"{Q} 60 CNAME a.example.net", f"a.example.net 60 CNAME {Q}"], []),
    "an alias of itself": ([f"{Q} 60 CNAME {Q}", f"{Q} 60 A 192.0.2.1"], [("192.0.2.1", [Q])]),
    "somebody else's address": ([f"{Q} 300 A 192.0.2.1", "evil.example.net 300 A 192.0.2.66"], [("192.0.2.1", [Q])]),
    "the parent's address": (["example.org 300 A 192.0.2.66"], []),
    "a child's address": ([f"a.{Q} 300 A 192.0.2.66"], []),
    "two aliases, the first counts": (
        [
            f"{Q} 60 CNAME a.example.net",
            f"{Q} 60 CNAME b.example.net",
            "a.example.net 30 A 192.0.2.1",
            "b.example.net 30 A 192.0.2.66",
        ],
        [("192.0.2.1", [Q, "a.example.net"])],
    ),
    "another class": ([f"{Q} 300 CH A 192.0.2.66"], []),
    "an alias of another class": ([f"{Q} 60 CH CNAME a.example.net", "a.example.net 30 A 192.0.2.66"], []),
    "DNAME with its CNAME": (
        ["example.org 60 DNAME example.net", f"{Q} 60 CNAME www.example.net", "www.example.net 30 A 192.0.2.1"],
        [("192.0.2.1", [Q, "www.example.net"])],
    ),
    "DNAME alone": (["example.org 60 DNAME example.net", "www.example.net 30 A 192.0.2.66"], []),
    "other types": ([f'{Q} 300 TXT "192.0.2.66"', f"{Q} 300 MX 10 evil.example.net"], []),
}


def build(records: list[str]) -> bytes:
    """dnslib reads no DNAME: it goes in as type 39 with its target as data."""
    reply = DNSRecord(DNSHeader(id=1, qr=1), q=DNSQuestion(Q))
    for text in records:
        owner, ttl, *rest = text.split(" ", 3)
        if rest[0] == "DNAME":
            buffer = DNSRecord(DNSHeader(), q=DNSQuestion(rest[1])).pack()[12:-4]
            reply.add_answer(RR(owner, 39, ttl=int(ttl), rdata=RD(buffer)))
        elif rest[0] == "CH":
            kind, value = rest[1].split(" ")
            reply.add_answer(RR(owner, getattr(QTYPE, kind), 3, int(ttl), A(value) if kind == "A" else CNAME(value)))
        else:
            reply.add_answer(*RR.fromZone(text))
    return bytes(reply.pack())


@pytest.mark.parametrize(("records", "leads_to"), CHAINS.values(), ids=CHAINS.keys())
def test_only_what_the_name_leads_to_counts(records: list[str], leads_to: list[tuple[str, list[str]]]) -> None:
    answer = scan_answer(build(records), WWW, 1).answer
    found = [(".".join(str(octet) for octet in address.address), list(address.names)) for address in answer.addresses]
    assert found == [(address, [wire(name) for name in names]) for address, names in leads_to]


def test_other_sections_lead_nowhere() -> None:
    data = answer_bytes(query_bytes(), authority=f"{Q} 300 A 192.0.2.66", additional=f"{Q} 300 A 192.0.2.66")
    assert scan_answer(data, WWW, 1).answer.addresses == ()


def test_aliases_carry_their_ttls() -> None:
    answer = scan_answer(build([f"{Q} 60 CNAME cdn.example.net", "cdn.example.net 30 A 192.0.2.1"]), WWW, 1).answer
    cdn = wire("cdn.example.net")
    assert answer.aliases == (Alias(WWW, cdn, 60),)
    assert answer.addresses == (Address(bytes([192, 0, 2, 1]), 30, (WWW, cdn), False),)


def test_a_chain_has_a_limit_and_what_is_longer_is_refused() -> None:
    """Were it cut, the client would be told an address at its end that nobody leased."""
    records = [f"{Q} 60 CNAME c1.example.net"]
    records += [f"c{i}.example.net 60 CNAME c{i + 1}.example.net" for i in range(1, MAX_CHAIN)]
    answer = scan_answer(build([*records, f"c{MAX_CHAIN}.example.net 30 A 192.0.2.1"]), WWW, 1).answer
    assert len(answer.aliases) == MAX_CHAIN
    assert len(answer.addresses) == 1
    with pytest.raises(MalformedMessage, match="too many aliases"):
        scan_answer(build([*records, f"c{MAX_CHAIN}.example.net 60 CNAME c.example.net"]), WWW, 1)


def test_a_ttl_with_its_top_bit_counts_as_zero() -> None:
    data = (
        struct.pack("!HHHHHH", 1, 0x8180, 1, 1, 0, 0) + QUESTION + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1 << 31, 4)
    )
    layout = scan_answer(data + b"\xc0\0\2\1", WWW, 1)
    assert layout.ttls == (0,)
    assert layout.answer.addresses[0].ttl == 0


# Address hints.


def https(*, priority: int = 1, target: bytes = b"\0", params: bytes = b"", owner: bytes = b"\xc0\x0c") -> bytes:
    rdata = struct.pack("!H", priority) + target + params
    record = owner + struct.pack("!HHIH", HTTPS, 1, 300, len(rdata)) + rdata
    question = WWW + struct.pack("!HH", HTTPS, 1)
    return struct.pack("!HHHHHH", 1, 0x8180, 1, 1, 0, 0) + question + record


V4 = b"\0\x04\0\x04\xc0\0\2\1"
V6 = b"\0\x06\0\x10" + bytes(range(16))
HINTS = {
    "both": (https(params=V4 + V6), [b"\xc0\0\2\1", bytes(range(16))]),
    "two of one kind": (https(params=b"\0\x04\0\x08\xc0\0\2\1\xc0\0\2\2"), [b"\xc0\0\2\1", b"\xc0\0\2\2"]),
    "for another target: the owner's all the same": (https(target=wire("svc.example.net"), params=V4), [b"\xc0\0\2\1"]),
    "alias form has none": (https(priority=0, target=wire("svc.example.net"), params=V4), []),
    "somebody else's": (https(params=V4, owner=wire("evil.example.net")), []),
    "none": (https(), []),
}


@pytest.mark.parametrize(("data", "addresses"), HINTS.values(), ids=HINTS.keys())
def test_hints_are_addresses_of_the_owner(data: bytes, addresses: list[bytes]) -> None:
    answer = scan_answer(data, WWW, HTTPS).answer
    assert [(a.address, a.names, a.hint) for a in answer.addresses] == [(a, (WWW,), True) for a in addresses]


MALFORMED_HINTS = {
    "keys out of order": https(params=V6 + V4),
    "a key twice": https(params=V4 + V4),
    "three octets": https(params=b"\0\x04\0\x03\xc0\0\2"),
    "no address": https(params=b"\0\x04\0\0"),
    "longer than the record": https(params=b"\0\x04\0\x08\xc0\0\2\1"),
    "half a key": https(params=b"\0"),
    "target with a pointer": https(target=b"\xc0\x0c", params=V4),
    "target without end": https(target=b"\3www"),
}


@pytest.mark.parametrize("data", MALFORMED_HINTS.values(), ids=MALFORMED_HINTS.keys())
def test_malformed_hints_spoil_the_answer(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        scan_answer(data, WWW, HTTPS)


# Form.


def one_record(owner: bytes, rtype: int, rdata: bytes, *, length: int | None = None, tail: bytes = b"") -> bytes:
    length = len(rdata) if length is None else length
    record = owner + struct.pack("!HHIH", rtype, 1, 300, length) + rdata
    return struct.pack("!HHHHHH", 1, 0x8180, 1, 1, 0, 0) + QUESTION + record + tail


POINTER_HERE = struct.pack("!H", 0xC000 | 12 + len(QUESTION))
MALFORMED_ANSWERS = {
    "no question": struct.pack("!HHHHHH", 1, 0x8180, 0, 0, 0, 0),
    "A of 3": one_record(b"\xc0\x0c", 1, b"\xc0\0\2"),
    "A of 5": one_record(b"\xc0\x0c", 1, b"\xc0\0\2\1\0"),
    "AAAA of 4": one_record(b"\xc0\x0c", AAAA, b"\xc0\0\2\1"),
    "record longer than the message": one_record(b"\xc0\x0c", 16, b"\0", length=9),
    "bytes after the message": one_record(b"\xc0\x0c", 1, b"\xc0\0\2\1", tail=b"\0"),
    "a pointer to itself": one_record(POINTER_HERE, 1, b"\xc0\0\2\1"),
    "a pointer forward to a good name": one_record(struct.pack("!H", 0xC000 | 12 + len(QUESTION) + 12), 16, b"\1a\0"),
    "a pointer forward to a good name, among other records": struct.pack("!HHHHHH", 1, 0x8180, 1, 0, 1, 0)
    + one_record(struct.pack("!H", 0xC000 | 12 + len(QUESTION) + 12), 16, b"\1a\0")[12:],
    "a pointer forward": one_record(b"\xc0\xff", 1, b"\xc0\0\2\1"),
    "a pointer into the header": one_record(b"\xc0\x04", 1, b"\xc0\0\2\1"),
    "a label of unknown type": one_record(b"\x80\x0c", 1, b"\xc0\0\2\1"),
    "a label and a pointer to that label": one_record(b"\1a" + POINTER_HERE, 1, b"\xc0\0\2\1"),
    "CNAME shorter than its name": one_record(b"\xc0\x0c", 5, b"\1a\0", length=2, tail=b""),
    "CNAME longer than its name": one_record(b"\xc0\x0c", 5, b"\1a\0\0"),
    "CNAME of 256": one_record(b"\xc0\x0c", 5, (b"\x3f" + b"a" * 63) * 4 + b"\0"),
    "CNAME of 256 through a pointer": one_record(
        b"\xc0\x0c", 5, (b"\x3f" + b"a" * 63) * 3 + b"\x2f" + b"b" * 47 + b"\xc0\x0c"
    ),
    "OPT among the answers": one_record(b"\0", 41, b""),
    "more records than it has": struct.pack("!HHHHHH", 1, 0x8180, 1, 2, 0, 0)
    + one_record(b"\xc0\x0c", 1, b"\xc0\0\2\1")[12:],
    "too many records": struct.pack("!HHHHHH", 1, 0x8180, 1, 65535, 0, 0) + QUESTION,
    "two OPT records": struct.pack("!HHHHHH", 1, 0x8180, 1, 0, 0, 2)
    + QUESTION
    + struct.pack("!BHHIH", 0, 41, 1232, 0, 0) * 2,
    "a SOA that is too short": struct.pack("!HHHHHH", 1, 0x8180, 1, 0, 1, 0)
    + QUESTION
    + struct.pack("!BHHIH", 0, 6, 1, 300, 4)
    + bytes(4),
}


@pytest.mark.parametrize("data", MALFORMED_ANSWERS.values(), ids=MALFORMED_ANSWERS.keys())
def test_a_malformed_answer_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        scan_answer(data, WWW, 1)


def named(octets: int, below: bytes = b"\0") -> bytes:
    """A name that is ``octets`` long when what ``below`` stands for is a root, or a pointer to the question's name."""
    last = octets - 3 * 64 - 1 - (len(WWW) if below != b"\0" else 1)
    return (b"\x3f" + b"a" * 63) * 3 + bytes([last]) + b"b" * last + below


COUNTS = struct.Struct("!HHHHHH").pack
PLACES = {
    "the owner of an answer": lambda octets: one_record(named(octets), 1, bytes(4)),
    "the same through a pointer": lambda octets: one_record(named(octets, b"\xc0\x0c"), 1, bytes(4)),
    "an alias": lambda octets: one_record(b"\xc0\x0c", 5, named(octets)),
    "the same by a pointer": lambda octets: one_record(b"\xc0\x0c", 5, named(octets, b"\xc0\x0c")),
    "the owner of an authority": lambda octets: (
        COUNTS(1, 0x8180, 1, 0, 1, 0) + one_record(named(octets), 1, bytes(4))[12:]
    ),
    "an additional owner": lambda octets: COUNTS(1, 0x8180, 1, 0, 0, 1) + one_record(named(octets), 1, bytes(4))[12:],
}


@pytest.mark.parametrize("place", PLACES)
def test_a_name_has_255_octets_at_most_wherever_it_stands(place: str) -> None:
    scan_answer(PLACES[place](255), WWW, 1)
    with pytest.raises(MalformedMessage):
        scan_answer(PLACES[place](256), WWW, 1)


def test_so_has_the_name_in_a_question() -> None:
    assert len(scan_query(HEADER + named(255) + b"\0\1\0\1").name) == 255
    with pytest.raises(MalformedMessage):
        scan_query(HEADER + named(256) + b"\0\1\0\1")


def test_pointers_to_pointers_are_followed_but_not_for_ever() -> None:
    def chained(jumps: int) -> bytes:
        """A record of unknown type whose data are pointers, each to the one before, and a CNAME to the last of them."""
        data = bytearray(struct.pack("!HHHHHH", 1, 0x8180, 1, 2, 0, 0) + QUESTION)
        data += b"\xc0\x0c" + struct.pack("!HHIH", 65280, 1, 300, jumps * 2)
        target = 12 + 4
        for _ in range(jumps):
            here = len(data)
            data += struct.pack("!H", 0xC000 | target)
            target = here
        return bytes(data + b"\xc0\x0c" + struct.pack("!HHIHH", 5, 1, 300, 2, 0xC000 | target))

    assert scan_answer(chained(20), WWW, 1).answer.aliases[0].target == wire("example.org")
    with pytest.raises(MalformedMessage):
        scan_answer(chained(64), WWW, 1)


def test_pointers_into_one_long_name_each_read_their_own_part() -> None:
    """What a pointer led to is remembered by where it led: each alias goes one label further up the long name."""
    labels = MAX_CHAIN
    head = struct.pack("!HHHHHH", 1, 0x8180, 1, 1 + 2 * labels, 0, 0) + QUESTION
    long = len(head) + 12
    data = head + b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 300, 2 * labels + 1) + b"\1A" * labels + b"\0"

    def pointer(label: int) -> bytes:
        return struct.pack("!H", 0xC000 | long + 2 * label)

    for _ in range(2):
        owner = b"\xc0\x0c"
        for label in range(labels):
            data += owner + struct.pack("!HHIH", 5, 1, 300, 2) + pointer(label)
            owner = pointer(label)
    aliases = scan_answer(data, WWW, 1).answer.aliases
    assert [alias.target for alias in aliases] == [b"\1a" * (labels - i) + b"\0" for i in range(labels)]


def test_where_to_cut_when_opt_is_last() -> None:
    data = answer_bytes(query_bytes(), f"{Q} 300 A 192.0.2.1", additional="ns.example.org 300 A 192.0.2.53")
    layout = scan_answer(data, WWW, 1)
    assert layout.end == len(data) - 11
    assert layout.additional == 1
    assert layout.ttls == (300, 300)


def test_where_to_cut_when_opt_is_not_last() -> None:
    reply = DNSRecord(DNSHeader(id=1, qr=1), q=DNSQuestion(Q))
    reply.add_answer(*RR.fromZone(f"{Q} 300 A 192.0.2.1"))
    reply.add_ar(EDNS0(udp_len=1232))
    reply.add_ar(*RR.fromZone("ns.example.org 300 A 192.0.2.53"))
    layout = scan_answer(bytes(reply.pack()), WWW, 1)
    assert layout.end == 12 + len(QUESTION) + 16
    assert layout.additional == 0
    assert layout.ttls == (300,)


def test_the_soa_gives_the_negative_ttl() -> None:
    soa = "example.org 900 SOA ns.example.org host.example.org 1 3600 600 86400 120"
    data = answer_bytes(query_bytes(), authority=soa, rcode=3)
    layout = scan_answer(data, WWW, 1)
    assert (layout.negative_ttl, layout.answer.rcode, layout.matches) == (120, 3, 0)


def test_extended_rcodes_and_errors_are_read() -> None:
    ede = b"\0\x0f\0\x02\0\x12"
    opt = struct.pack("!BHHIH", 0, 41, 1232, 1 << 24, len(ede) + 6) + ede + b"\0\x03\0\x02ns"
    data = struct.pack("!HHHHHH", 1, 0x8180, 1, 0, 0, 1) + QUESTION + opt
    layout = scan_answer(data, WWW, 1)
    assert layout.answer.rcode == 16
    assert layout.options == ede


# Properties, with dnslib as the other opinion.

LABEL = st.text("abcdefgABC0123-_", min_size=1, max_size=12)
NAME = st.lists(LABEL, min_size=1, max_size=5).map(".".join)


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, DNSRecord]:
    names = draw(st.lists(NAME, min_size=1, max_size=6, unique_by=str.lower))
    reply = DNSRecord(DNSHeader(id=draw(st.integers(0, 65535)), qr=1, ra=1), q=DNSQuestion(names[0]))
    for _ in range(draw(st.integers(0, 8))):
        owner, ttl = draw(st.sampled_from(names)), draw(st.integers(0, 0x7FFFFFFF))
        match draw(st.sampled_from(["A", "AAAA", "CNAME", "TXT"])):
            case "A":
                reply.add_answer(RR(owner, QTYPE.A, ttl=ttl, rdata=A(tuple(draw(st.binary(min_size=4, max_size=4))))))
            case "AAAA":
                rdata = AAAARecord(tuple(draw(st.binary(min_size=16, max_size=16))))
                reply.add_answer(RR(owner, QTYPE.AAAA, ttl=ttl, rdata=rdata))
            case "CNAME":
                reply.add_answer(RR(owner, QTYPE.CNAME, ttl=ttl, rdata=CNAME(draw(st.sampled_from(names)))))
            case _:
                reply.add_answer(*RR.fromZone('a.example.org 5 TXT "text"'))
    if draw(st.booleans()):
        reply.add_ar(EDNS0(udp_len=1232))
    return names[0], reply


def plain(label: DNSLabel) -> bytes:
    return b"".join(bytes([len(part)]) + part for part in label.label).lower() + b"\0"


def by_dnslib(data: bytes) -> set[tuple[bytes, tuple[bytes, ...]]]:
    """Addresses with the names that lead to them, the slow and obvious way."""
    record = DNSRecord.parse(data)
    name = plain(record.q.qname)
    chain = [name]
    while True:
        targets = [plain(rr.rdata.label) for rr in record.rr if rr.rtype == 5 and plain(rr.rname) == chain[-1]]
        if not targets or targets[0] in chain:
            break
        chain.append(targets[0])
    return {
        (bytes(rr.rdata.data), tuple(chain[: chain.index(plain(rr.rname)) + 1]))
        for rr in record.rr
        if rr.rtype in (1, 28) and plain(rr.rname) in chain
    }


@given(answers())
def test_scanner_and_dnslib_agree(built: tuple[str, DNSRecord]) -> None:
    name, record = built
    data = bytes(record.pack())
    layout = scan_answer(data, wire(name.lower()), 1)
    assert {(address.address, address.names) for address in layout.answer.addresses} == by_dnslib(data)
    assert list(layout.ttls) == [rr.ttl for rr in DNSRecord.parse(data).rr]
    assert [struct.unpack_from("!I", data, offset)[0] for offset in layout.ttl_offsets] == list(layout.ttls)


@given(answers())
def test_no_truncation_of_an_answer_is_one(built: tuple[str, DNSRecord]) -> None:
    name, record = built
    data = bytes(record.pack())
    for length in range(len(data)):
        with pytest.raises(MalformedMessage):
            scan_answer(data[:length], wire(name.lower()), 1)


@given(answers(), st.data())
def test_a_damaged_answer_is_read_or_malformed(built: tuple[str, DNSRecord], data: st.DataObject) -> None:
    name, record = built
    damaged = bytearray(record.pack())
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        layout = scan_answer(bytes(damaged), wire(name.lower()), 1)
    except MalformedMessage:
        return
    assert layout.end <= len(damaged)
    assert all(len(address.address) in (4, 16) for address in layout.answer.addresses)


@given(st.binary(max_size=200), st.integers(0, 5), st.integers(0, 2), st.integers(0, 2))
def test_any_bytes_are_an_answer_or_malformed(tail: bytes, answers: int, authorities: int, additional: int) -> None:
    head = struct.pack("!HHHHHH", 1, 0x8180, 1, answers, authorities, additional) + QUESTION
    for data in (tail, head + tail, head + b"\xc0\x0c" + tail):
        with contextlib.suppress(MalformedMessage):
            scan_answer(data, WWW, 1)
