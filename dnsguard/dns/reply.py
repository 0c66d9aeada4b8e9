"""An upstream's answer made one client's: its bytes stay as they came but for ID, question casing, TTLs and OPT record.

OPT is between neighbours and never relayed (RFC 6891 §6.2.6): ours replaces it, carrying extended errors and client
subnet along. So one stored answer serves clients with EDNS and without.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple, Self

from dnsguard.dns.codes import NOERROR, NXDOMAIN
from dnsguard.dns.message import FLAG_AA, FLAG_RA, FLAG_TC, Layout, Query
from dnsguard.dns.synthesis import OPT_PLAIN, opt_record

MAX_LIFETIME: Final = 86_400
MAX_NEGATIVE_LIFETIME: Final = 10_800  # RFC 2308 §5

_count = Struct("!H")
_sections = Struct("!HHH").pack
_ttl = Struct("!I").pack_into


class StoredAnswer(NamedTuple):
    """An answer as it is kept while clients wait for it, and in the cache. Shared: nobody writes to it."""

    body: bytes
    """The message without its OPT record, ARCOUNT to match, and with RA."""

    layout: Layout
    max_ttl: int
    arrived: float
    expires: float
    """Clock seconds. Not after ``arrived`` where it must not be cached."""

    @classmethod
    def make(cls, data: bytes, layout: Layout, now: float) -> Self:
        """``data`` has been scanned to ``layout`` and came at ``now``."""
        body = data
        if layout.end != len(data):
            body = data[:10] + _count.pack(layout.additional) + data[12 : layout.end]
        if not body[3] & FLAG_RA:
            # Here recursion is available, whatever the server says of itself (RFC 1035 §4.1.1). glibc takes an answer
            # without records and with neither RA nor AA, as one from a cache, for that of a lame server.
            body = body[:3] + bytes((body[3] | FLAG_RA,)) + body[4:]
        ttls = layout.ttls
        return tuple.__new__(cls, (body, layout, max(ttls) if ttls else 0, now, now + lifetime(layout)))


def lifetime(layout: Layout) -> int:
    """Seconds an answer may be served from cache; 0 for what must not be (RFC 2308 §5, RFC 2181 §5.2)."""
    rcode = layout.answer.rcode
    if layout.truncated or rcode not in (NOERROR, NXDOMAIN) or not layout.ttls:
        return 0
    if layout.matches and rcode == NOERROR:
        return min(*layout.ttls, MAX_LIFETIME)
    if layout.negative_ttl < 0:
        return 0
    return min(*layout.ttls, layout.negative_ttl, MAX_NEGATIVE_LIFETIME)


def reply(stored: StoredAnswer, query: Query, age: int, max_ttl: int | None, limit: int) -> bytes | bytearray:
    """The bytes for the client of ``query``: TTLs less ``age`` seconds and at most ``max_ttl``.

    Cut above ``limit`` octets. ``query`` asks what ``stored`` answers, save for casing.
    """
    layout = stored.layout
    out = bytearray(stored.body)
    question = query.question
    out[:2] = _count.pack(query.id)
    out[12 : 12 + len(question)] = question
    if age:
        out[2] &= ~(FLAG_AA >> 8) & 0xFF  # authority does not speak from a cache (RFC 1035 §4.1.1)
    if age or (max_ttl is not None and max_ttl < stored.max_ttl):
        patch_ttls(out, layout.ttl_offsets, layout.ttls, age, max_ttl)
    opt = b""
    if query.edns:
        opt = opt_record(query.do, layout.options) if layout.options else OPT_PLAIN[query.do]
        out += opt
        out[10:12] = _count.pack(layout.additional + 1)
    if len(out) > limit:
        return _cut(out, layout, 12 + len(question), opt, limit)
    return out


def _cut(message: bytearray, layout: Layout, end: int, opt: bytes, limit: int) -> bytearray:
    """As many records of the answer section as fit before ``opt``, with TC; ``end`` is where the question ends.

    The client comes back over TCP for all. One that cannot, as musl before 1.2.4, has what fits (RFC 2181 §9).
    """
    answers = 0
    for offset in layout.ttl_offsets[: int.from_bytes(message[6:8], "big")]:
        after = offset + 6 + int.from_bytes(message[offset + 4 : offset + 6], "big")
        if after + len(opt) > limit:
            break
        end = after
        answers += 1
    message[2] |= FLAG_TC >> 8
    message[6:12] = _sections(answers, 0, 1 if opt else 0)
    message[end:] = opt
    return message


def patch_ttls(message: bytearray, offsets: Sequence[int], ttls: Sequence[int], age: int, max_ttl: int | None) -> None:
    """Write each TTL, less ``age`` and at most ``max_ttl`` seconds, never below 0, at its offset in ``message``."""
    for offset, ttl in zip(offsets, ttls, strict=True):
        left = ttl - age if ttl > age else 0
        _ttl(message, offset, left if max_ttl is None or left < max_ttl else max(max_ttl, 0))
