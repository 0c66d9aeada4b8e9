"""DNS messages for tests, built by dnslib: what our own scanner reads is written by somebody else's hand."""

from dnslib import EDNS0, QTYPE, RR, DNSHeader, DNSQuestion, DNSRecord

from dnsguard.dns.message import Query
from dnsguard.dns.scan import scan_query


def query_bytes(
    name: str = "www.example.org", qtype: str = "A", *, ident: int = 4711, edns: int = 0, do: bool = False
) -> bytes:
    """A query with RD; ``edns`` is the UDP size, 0 for no OPT record."""
    record = DNSRecord(DNSHeader(id=ident, qr=0, rd=1), q=DNSQuestion(name, getattr(QTYPE, qtype)))
    if edns:
        record.add_ar(EDNS0(flags="do" if do else "", udp_len=edns))
    return bytes(record.pack())


def query(
    name: str = "www.example.org", qtype: str = "A", *, ident: int = 4711, edns: int = 0, do: bool = False
) -> Query:
    """The same, scanned."""
    return scan_query(query_bytes(name, qtype, ident=ident, edns=edns, do=do))


def answer_bytes(
    to: bytes,
    *answers: str,
    authority: str = "",
    additional: str = "",
    rcode: int = 0,
    tc: bool = False,
    opt: bool = True,
) -> bytes:
    """An answer to the message ``to``, with records in zone-file form (``www.example.org 300 A 192.0.2.1``)."""
    asked = DNSRecord.parse(to)
    header = DNSHeader(id=asked.header.id, qr=1, rd=asked.header.rd, ra=1, rcode=rcode, tc=int(tc))
    record = DNSRecord(header, q=asked.q)
    for text in answers:
        record.add_answer(*RR.fromZone(text))
    if authority:
        record.add_auth(*RR.fromZone(authority))
    if additional:
        record.add_ar(*RR.fromZone(additional))
    if opt:
        record.add_ar(EDNS0(udp_len=1232))
    return bytes(record.pack())
