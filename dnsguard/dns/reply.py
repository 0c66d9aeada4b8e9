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
PREFETCH_SHARE: Final = 0.1
PREFETCH_FROM: Final = 10
"""Seconds: what lives shorter would be fetched for every second question."""

MAX_NEGATIVE_LIFETIME: Final = 10_800  # RFC 2308 §5

_NOT_AA: Final = ~(FLAG_AA >> 8) & 0xFF
_count = Struct("!H")
_sections = Struct("!HHH").pack
_ttl = Struct("!I").pack_into


class StoredAnswer(NamedTuple):
    """An answer as it is kept while clients wait for it, and in the cache. Shared: nobody writes to it."""

    data: bytes
    """The message as it came, but for TTLs that count as 0: these are 0."""

    layout: Layout
    max_ttl: int
    arrived: float
    expires: float
    """Clock seconds. Not after ``arrived`` where it must not be cached."""

    prefetch_at: float
    """From then on it is worth fetching anew."""

    @classmethod
    def make(cls, data: bytes, layout: Layout, now: float) -> Self:
        """``data`` has been scanned to ``layout`` and came at ``now``."""
        ttls = layout.ttls
        seconds = lifetime(layout)
        if not seconds:
            data = _without_wild_ttls(data, layout)
        early = seconds * PREFETCH_SHARE if seconds >= PREFETCH_FROM else 0.0
        expires = now + seconds
        return tuple.__new__(cls, (data, layout, max(ttls) if ttls else 0, now, expires, expires - early))


def _without_wild_ttls(data: bytes, layout: Layout) -> bytes:
    """The same with 0 for TTLs that have their top bit set: a client may not know that they count as that (RFC 2181 §8)
    and keep addresses for 68 years."""
    wild = [offset for offset in layout.ttl_offsets if data[offset] & 0x80]
    if not wild:
        return data
    patched = bytearray(data)
    for offset in wild:
        _ttl(patched, offset, 0)
    return bytes(patched)


def lifetime(layout: Layout) -> int:
    """Seconds an answer may be served from cache; 0 for what must not be (RFC 2308 §5, RFC 2181 §5.2)."""
    answer, ttls = layout.answer, layout.ttls
    rcode = answer.rcode
    if layout.truncated or rcode not in (NOERROR, NXDOMAIN) or not ttls:
        return 0
    least = min(ttls)
    if layout.matches and rcode == NOERROR:
        return least if least < MAX_LIFETIME else MAX_LIFETIME
    if layout.negative_ttl < 0:
        return 0
    return min(least, layout.negative_ttl, MAX_NEGATIVE_LIFETIME)


def reply(
    stored: StoredAnswer, query: Query, age: int, max_ttl: int | None, limit: int, more: bytes = b""
) -> bytes | bytearray:
    """The bytes for the client of ``query``: TTLs less ``age`` seconds and at most ``max_ttl``.

    Cut above ``limit`` octets. ``query`` asks what ``stored`` answers, save for casing. ``more``: EDNS options that go
    along, if the client knows EDNS.
    """
    data, layout, question = stored.data, stored.layout, query.question
    # Authority does not speak from a cache (RFC 1035 §4.1.1). Recursion is available here, whatever the server says of
    # itself: glibc takes an answer without records and with neither RA nor AA for that of a lame server.
    flags = bytes((data[2] & _NOT_AA if age else data[2], data[3] | FLAG_RA))
    end = 12 + len(question)
    if query.edns:
        options = layout.options + more
        opt = opt_record(query.do, options) if options else OPT_PLAIN[query.do]
        additional = _count.pack(layout.additional + 1)
    else:
        opt = b""
        additional = _count.pack(layout.additional)
    records = data[end : layout.end]
    out = b"".join((_count.pack(query.id), flags, data[4:10], additional, question, records, opt))
    is_capped = max_ttl is not None and max_ttl < stored.max_ttl
    if not (age or is_capped or len(out) > limit):
        return out
    patched = bytearray(out)
    if age or is_capped:
        patch_ttls(patched, layout.ttl_offsets, layout.ttls, age, max_ttl)
    return patched if len(patched) <= limit else _cut(patched, layout, end, opt, limit)


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
