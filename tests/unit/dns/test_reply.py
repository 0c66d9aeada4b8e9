import struct
from typing import Any

import pytest
from dnslib import EDNS0, RR, DNSHeader, DNSQuestion, DNSRecord

from dnsguard.dns.message import FLAG_AA, FLAG_RA
from dnsguard.dns.reply import StoredAnswer, lifetime, patch_ttls, reply
from dnsguard.dns.scan import scan_answer
from tests.unit.dns.messages import answer_bytes, query, query_bytes

WWW = b"\3www\7example\3org\0"
SOA = "example.org 900 SOA ns.example.org host.example.org 1 3600 600 86400 120"


def stored(data: bytes, qtype: int = 1) -> StoredAnswer:
    return StoredAnswer.make(data, scan_answer(data, WWW, qtype), 1000.0)


LIFETIMES: list[tuple[list[str], dict[str, Any], int]] = [
    (["www.example.org 300 A 192.0.2.1"], {}, 300),
    (["www.example.org 300 A 192.0.2.1", "www.example.org 20 A 192.0.2.2"], {}, 20),
    (["www.example.org 300 A 192.0.2.1"], {"additional": "ns.example.org 10 A 192.0.2.53"}, 10),
    (["www.example.org 999999 A 192.0.2.1"], {}, 86_400),
    (["www.example.org 0 A 192.0.2.1"], {}, 0),
    ([], {"authority": SOA}, 120),
    ([], {"authority": SOA, "rcode": 3}, 120),
    ([], {"authority": SOA.replace(" 900 ", " 60 ")}, 60),
    ([], {"authority": SOA.replace(" 120", " 99999").replace(" 900 ", " 99999 ")}, 10_800),
    (["www.example.org 50 CNAME a.example.org"], {"authority": SOA}, 50),
    (["www.example.org 50 CNAME a.example.org"], {}, 0),
    ([], {}, 0),
    ([], {"rcode": 3}, 0),
    ([], {"authority": "example.org 900 NS ns.example.org"}, 0),
    (["www.example.org 300 A 192.0.2.1"], {"rcode": 2}, 0),
    (["www.example.org 300 A 192.0.2.1"], {"tc": True}, 0),
]


@pytest.mark.parametrize(("records", "form", "seconds"), LIFETIMES)
def test_how_long_an_answer_may_be_served(records: list[str], form: dict[str, Any], seconds: int) -> None:
    data = answer_bytes(query_bytes(), *records, **form)
    assert lifetime(scan_answer(data, WWW, 1)) == seconds
    assert stored(data).expires == 1000.0 + seconds


@pytest.mark.parametrize(
    ("age", "cap", "ttls"),
    [
        (0, None, [300, 20, 7]),
        (0, 100, [100, 20, 7]),
        (10, None, [290, 10, 0]),
        (10, 100, [100, 10, 0]),
        (400, None, [0, 0, 0]),
        (0, 0, [0, 0, 0]),
        (0, -1, [0, 0, 0]),
        (280, 30, [20, 0, 0]),
    ],
)
def test_ttls_count_down_and_are_capped_in_every_section(age: int, cap: int | None, ttls: list[int]) -> None:
    data = answer_bytes(
        query_bytes(),
        "www.example.org 300 A 192.0.2.1",
        authority="example.org 20 NS ns.example.org",
        additional="ns.example.org 7 A 192.0.2.53",
    )
    record = DNSRecord.parse(bytes(reply(stored(data), query(edns=1232), age, cap, 512)))
    assert [rr.ttl for rr in (*record.rr, *record.auth, record.ar[0])] == ttls


@pytest.mark.parametrize("wild", [2**31, 2**32 - 1])
def test_a_ttl_that_counts_as_nothing_is_told_as_nothing(wild: int) -> None:
    """RFC 2181 §8. Who does not know that would keep the address for decades, and its lease is a minute."""
    asked = query_bytes()
    data = answer_bytes(asked, "www.example.org 300 A 192.0.2.1", f"www.example.org {wild} A 192.0.2.2")
    kept = stored(data)
    told = DNSRecord.parse(bytes(reply(kept, query(), 0, None, 1232))).rr
    assert [(str(record.rdata), record.ttl) for record in told] == [("192.0.2.1", 300), ("192.0.2.2", 0)]
    assert kept.expires == kept.arrived


def test_nothing_but_id_question_and_opt_differs() -> None:
    data = answer_bytes(query_bytes(), "www.example.org 300 A 192.0.2.1")
    asked = query("wWw.example.org", ident=77, edns=1232)
    out = bytes(reply(stored(data), asked, 0, None, 512))
    assert out[:2] == struct.pack("!H", 77)
    assert out[2:12] == data[2:12]
    assert out[12 : 12 + len(asked.question)] == asked.question
    assert out[12 + len(asked.question) :] == data[12 + len(asked.question) :]


def test_a_stored_answer_is_not_written_to() -> None:
    kept = stored(answer_bytes(query_bytes(), "www.example.org 300 A 192.0.2.1"))
    before = bytes(bytearray(kept.data))
    reply(kept, query("WWW.EXAMPLE.ORG", ident=1), 100, 10, 512)
    assert kept.data == before


def test_opt_in_the_middle_takes_the_additional_section_with_it() -> None:
    record = DNSRecord(DNSHeader(id=1, qr=1), q=DNSQuestion("www.example.org"))
    record.add_answer(*RR.fromZone("www.example.org 300 A 192.0.2.1"))
    record.add_ar(EDNS0(udp_len=1232))
    record.add_ar(*RR.fromZone("ns.example.org 300 A 192.0.2.53"))
    out = DNSRecord.parse(bytes(reply(stored(bytes(record.pack())), query(), 0, None, 512)))
    assert len(out.rr) == 1
    assert out.ar == []


def test_authority_is_not_claimed_from_the_cache() -> None:
    data = bytearray(answer_bytes(query_bytes(), "www.example.org 300 A 192.0.2.1"))
    data[2] |= FLAG_AA >> 8
    kept = stored(bytes(data))
    assert DNSRecord.parse(bytes(reply(kept, query(), 0, None, 512))).header.aa == 1
    assert DNSRecord.parse(bytes(reply(kept, query(), 1, None, 512))).header.aa == 0


def test_recursion_is_available_whatever_the_server_says_for_itself() -> None:
    data = bytearray(answer_bytes(query_bytes(), authority=SOA))
    data[3] &= ~FLAG_RA & 0xFF
    assert DNSRecord.parse(bytes(reply(stored(bytes(data)), query(), 1, None, 512))).header.ra == 1


MANY = [f"{owner} 300 A 192.0.2.{i}" for i, owner in enumerate(["www.example.org"] * 20 + ["a.example.org"] * 20)]


@pytest.mark.parametrize("edns", [0, 512])
@pytest.mark.parametrize("limit", [20, 33, 44, 48, 49, 60, 300, 511, 512])
def test_what_does_not_fit_is_cut_between_records(limit: int, edns: int) -> None:
    """And a record less would have been one too many: what does fit is there."""
    data = answer_bytes(query_bytes(), *MANY, authority=SOA, additional="ns.example.org 7 A 192.0.2.53")
    out = bytes(reply(stored(data), query(edns=edns), 0, 7, limit))
    record = DNSRecord.parse(out)
    assert (record.header.tc, record.auth, len(record.ar)) == (1, [], 1 if edns else 0)
    assert [str(rr.rdata) for rr in record.rr] == [f"192.0.2.{i}" for i in range(len(record.rr))]
    assert {rr.ttl for rr in record.rr} <= {7}
    question_and_opt = 12 + 21 + (11 if edns else 0)
    assert len(out) <= max(limit, question_and_opt)
    assert len(out) + 18 > limit or len(record.rr) == len(MANY)


def test_a_cut_answer_has_its_tc_flag_and_what_fits_is_all_there() -> None:
    data = answer_bytes(query_bytes(), *MANY[:10])
    whole = bytes(reply(stored(data), query(edns=1232), 0, None, 1232))
    assert DNSRecord.parse(bytes(reply(stored(data), query(edns=1232), 0, None, len(whole)))).header.tc == 0
    cut = DNSRecord.parse(bytes(reply(stored(data), query(edns=1232), 0, None, len(whole) - 1)))
    assert (cut.header.tc, len(cut.rr)) == (1, 9)


def test_extended_errors_of_the_upstream_reach_the_client() -> None:
    ede = b"\0\x0f\0\x02\0\x06"
    opt = struct.pack("!BHHIH", 0, 41, 1232, 0, len(ede)) + ede
    data = answer_bytes(query_bytes(), "www.example.org 300 A 192.0.2.1", opt=False)
    kept = stored(data[:10] + b"\0\1" + data[12:] + opt)
    assert bytes(reply(kept, query(edns=1232), 0, None, 512)).endswith(ede)
    assert ede not in bytes(reply(kept, query(), 0, None, 512))
    assert bytes(reply(kept, query(edns=1232), 0, None, 20)).endswith(ede)


def test_patching_writes_where_it_is_told() -> None:
    message = bytearray(b"\xff" * 12)
    patch_ttls(message, (2, 8), (300, 5), 10, 100)
    assert message == b"\xff\xff" + struct.pack("!I", 100) + b"\xff\xff" + struct.pack("!I", 0)
