"""Answers of our own, and the EDNS record that goes on every answer to a client that sent one.

An answer keeps the query's ID, RD, CD and question to the letter (0x20 casing), and has an OPT record if and only if
the query had one (RFC 6891 §6.1.1). Why it is what it is goes into an extended error (RFC 8914), inside that record.
"""

from struct import Struct
from typing import Final

from dnsguard.dns.codes import IN, OPT, SOA
from dnsguard.dns.message import FLAG_CD, FLAG_QR, FLAG_RA, FLAG_RD, MASK_OPCODE, Query
from dnsguard.dns.wire import OPTION_EDE

UDP_SIZE: Final = 1232
"""What we say we take over UDP (DNS flag day 2020)."""

MAX_TEXT: Final = 128
"""Octets of extended text, so that an error always fits into 512."""

_header = Struct("!HHHHHH").pack
_opt = Struct("!BHHIH").pack
_option = Struct("!HHH").pack
_record = Struct("!HHHIH").pack
_soa = Struct("!IIIII").pack
_NAME_ASKED: Final = 0xC000 | 12
"""A pointer to the question's name."""


def bare_error(data: bytes, rcode: int) -> bytes:
    """Twelve octets for a message of which only the header can be trusted. ``data`` has at least twelve octets."""
    flags = int.from_bytes(data[2:4], "big")
    return _header(int.from_bytes(data[:2], "big"), FLAG_QR | flags & (MASK_OPCODE | FLAG_RD) | rcode, 0, 0, 0, 0)


def error_answer(query: Query, rcode: int, extended: int | None = None, text: str = "", negative_ttl: int = 0) -> bytes:
    """An answer without answers. ``rcode`` may be an extended one if the query has EDNS; ``extended``: RFC 8914 §4.
    With ``negative_ttl`` it says by an SOA record for how many seconds it may be kept (RFC 2308 §5)."""
    flags = FLAG_QR | FLAG_RA | query.flags & (FLAG_RD | FLAG_CD) | rcode & 0xF
    message = _header(query.id, flags, 1, 0, 1 if negative_ttl else 0, 1 if query.edns else 0) + query.question
    if negative_ttl:
        message += _soa_of_name(negative_ttl)
    if not query.edns:
        return message
    return message + opt_record(query.do, b"" if extended is None else extended_error(extended, text), rcode >> 4)


def _soa_of_name(ttl: int) -> bytes:
    """An SOA record of the very name asked: nothing is said of the names beside it, of which some may be allowed."""
    rdata = b"\0\0" + _soa(1, 3600, 600, 86_400, ttl)
    return _record(_NAME_ASKED, SOA, IN, ttl, len(rdata)) + rdata


def opt_record(do: bool, options: bytes = b"", extended_rcode: int = 0) -> bytes:
    """Our OPT record; ``options`` in wire form, ``extended_rcode`` the upper eight bits (RFC 6891 §6.1.3)."""
    return _opt(0, OPT, UDP_SIZE, extended_rcode << 24 | (0x8000 if do else 0), len(options)) + options


def extended_error(code: int, text: str = "") -> bytes:
    """The option of RFC 8914 §2 in wire form; text beyond ``MAX_TEXT`` octets is cut between characters."""
    extra = text.encode()[:MAX_TEXT].decode(errors="ignore").encode()
    return _option(OPTION_EDE, 2 + len(extra), code) + extra


OPT_PLAIN: Final = (opt_record(do=False), opt_record(do=True))
"""The record without options, by DO: what nearly every message carries."""
