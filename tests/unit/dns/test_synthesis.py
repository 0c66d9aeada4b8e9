import pytest
from dnslib import DNSRecord

from dnsguard.dns.codes import BADVERS, EDE_BLOCKED, NXDOMAIN, REFUSED, SERVFAIL, SOA
from dnsguard.dns.scan import scan_answer
from dnsguard.dns.synthesis import MAX_TEXT, bare_error, error_answer, extended_error
from dnsguard.domains import wire_name
from tests.unit.dns.messages import query, query_bytes


@pytest.mark.parametrize("edns", [0, 1232])
@pytest.mark.parametrize("rcode", [SERVFAIL, REFUSED])
def test_an_error_keeps_what_the_client_sent(edns: int, rcode: int) -> None:
    out = error_answer(query("WwW.example.org", ident=77, edns=edns, do=bool(edns)), rcode, EDE_BLOCKED, "why")
    record = DNSRecord.parse(out)
    assert (record.header.id, record.header.qr, record.header.rd, record.header.ra) == (77, 1, 1, 1)
    assert record.header.rcode == rcode
    assert b"\3WwW\7example" in out
    assert len(record.ar) == (1 if edns else 0)
    if edns:
        assert record.ar[0].rdata[0].data == b"\0\x0fwhy"
        assert record.ar[0].edns_do


@pytest.mark.parametrize("name", ["WwW.example.org", ".", "a." * 126 + "b"])
@pytest.mark.parametrize("edns", [0, 512])
def test_a_negative_answer_says_how_long_it_may_be_kept(name: str, edns: int) -> None:
    out = error_answer(query(name, edns=edns), NXDOMAIN, EDE_BLOCKED, "x" * 1000, negative_ttl=5)
    record = DNSRecord.parse(out)
    (soa,) = record.auth
    assert (soa.rname, soa.rtype, soa.ttl, soa.rdata.times[-1]) == (record.q.qname, SOA, 5, 5)
    assert (record.header.rcode, record.rr, len(record.ar), len(out) <= 512) == (NXDOMAIN, [], 1 if edns else 0, True)
    assert scan_answer(out, wire_name(name), 1).negative_ttl == 5, "what a cache reads"


def test_an_extended_rcode_is_split() -> None:
    record = DNSRecord.parse(error_answer(query(edns=1232), BADVERS))
    assert (record.header.rcode, record.ar[0].ttl >> 24, record.ar[0].rdata) == (0, 1, [])


def test_the_header_alone_is_enough_to_reject() -> None:
    out = bare_error(query_bytes(ident=99)[:12], 1)
    record = DNSRecord.parse(out)
    assert (len(out), record.header.id, record.header.qr, record.header.rcode, record.header.rd) == (12, 99, 1, 1, 1)


def test_long_text_is_cut_between_characters() -> None:
    option = extended_error(15, "ä" * 100 + "x")
    assert option[6:].decode() == "ä" * (MAX_TEXT // 2)
    assert extended_error(15, "x" + "ä" * 100)[6:].decode() == "x" + "ä" * (MAX_TEXT // 2 - 1)


@pytest.mark.parametrize("name", ["a." * 126 + "b", "www.example.org"])
def test_an_error_fits_into_512(name: str) -> None:
    assert len(error_answer(query(name, edns=512), SERVFAIL, 0, "x" * 1000)) <= 512
