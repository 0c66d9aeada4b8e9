"""The strict scanner of the hot path: reads only what the forwarder must know, at a few microseconds a message.

Total: any bytes give a result or raise ``MalformedMessage``.
"""

from struct import Struct, error
from typing import Final

from dnsguard.dns.codes import AAAA, ANY, CNAME, HTTPS, IN, OPT, SOA, SVCB, A
from dnsguard.dns.message import FLAG_TC, Address, Alias, Answer, Layout, MalformedMessage, Query
from dnsguard.dns.wire import (
    MAX_LABEL,
    MAX_NAME,
    OPTION_ECS,
    OPTION_EDE,
    pair,
    read_hints,
    read_name,
    read_options,
    skip_name,
)

MAX_RECORDS: Final = 4096
MAX_CHAIN: Final = 32

_EDNS_DO: Final = 0x8000
_PLAIN_OPT: Final = b"\0\0\x29"
"""How an OPT record begins: the root, and its type. One that ends with two NULs has no options."""

_MAX_TTL: Final = 0x7FFFFFFF

_header = Struct("!HHHHHH").unpack_from
_record = Struct("!HHIH").unpack_from
_pointed = Struct("!HHHIH").unpack_from
"""A record whose owner is a compression pointer."""

_long = Struct("!I").unpack_from
_new = tuple.__new__
"""Makes a named tuple at a third of the price of calling its class."""


def scan_query(data: bytes) -> Query:
    """Read a query whose header the caller has seen to be QUERY without QR: one question, at most an OPT record.

    Raises ``MalformedMessage`` for everything else, records in the wrong sections and trailing bytes among it.
    """
    try:
        ident, flags, questions, answers, authorities, additional = _header(data)
        if questions != 1 or answers or authorities or additional > 1:
            raise MalformedMessage("a query has one question and at most an OPT record")
        offset = 12
        while length := data[offset]:
            if length > MAX_LABEL:
                raise MalformedMessage("label too long, or compressed, in the question")
            offset += length + 1
        offset += 1
        if offset - 12 > MAX_NAME:
            raise MalformedMessage("name longer than 255 octets")
        qtype, qclass = pair(data, offset)
        offset += 4
        name = data[12 : offset - 4].lower()
        question = data[12:offset]
        if not additional:
            if offset != len(data):
                raise MalformedMessage("bytes after the message")
            return _new(Query, (ident, flags, name, qtype, qclass, question, False, 0, 512, False, b""))
        if data[offset]:
            raise MalformedMessage("an OPT record belongs to the root")
        rtype, size, ttl, length = _record(data, offset + 1)
        offset += 11
        if rtype != OPT:
            raise MalformedMessage("a record other than OPT in a query")
        if offset + length != len(data):
            raise MalformedMessage("the OPT record does not end with the message")
        ecs = read_options(data, offset, offset + length, (OPTION_ECS,)) if length else b""
        version = ttl >> 16 & 0xFF
        do = ttl & _EDNS_DO != 0
        size = max(size, 512)
        return _new(Query, (ident, flags, name, qtype, qclass, question, True, version, size, do, ecs))
    except (IndexError, error):
        raise MalformedMessage("query ends too early") from None


def scan_answer(data: bytes, name: bytes, qtype: int) -> Layout:
    """Read an answer to the question (``name``, ``qtype``, IN); the caller has seen that it asks just that.

    ``name`` is lower-cased wire form. Only records of the answer section count, of class IN, owned by ``name`` or by a
    name reached from it through CNAMEs in that section, in whatever order they stand. Raises ``MalformedMessage``.
    """
    try:
        return _scan_answer(data, name, qtype)
    except (IndexError, error):
        raise MalformedMessage("answer ends too early") from None


def _scan_answer(data: bytes, name: bytes, qtype: int) -> Layout:
    size = len(data)
    _, flags, questions, answers, authorities, additional = _header(data)
    if questions != 1:
        raise MalformedMessage("an answer has one question")
    if answers + authorities + additional > MAX_RECORDS:
        raise MalformedMessage("too many records")
    offset = 16 + len(name)
    names = {12: name}
    offsets: list[int] = []
    ttls: list[int] = []
    found: list[tuple[bytes, bytes, int, bool]] = []
    cnames: dict[bytes, tuple[bytes, int]] = {}
    matches = 0

    for _ in range(answers):
        if data[offset] >= 0xC0:
            pointer, rtype, rclass, ttl, length = _pointed(data, offset)
            known = names.get(pointer & 0x3FFF)
            owner = known if known is not None else read_name(data, offset, names)[0]
            offset += 2
        else:
            owner, after = read_name(data, offset, names)
            names.setdefault(offset, owner)
            offset = after
            rtype, rclass, ttl, length = _record(data, offset)
        offsets.append(offset + 4)
        offset += 10
        end = offset + length
        if end > size:
            raise MalformedMessage("record ends after the message")
        if ttl > _MAX_TTL:
            ttl = 0
        ttls.append(ttl)
        if rtype == OPT:
            raise MalformedMessage("OPT record outside the additional section")
        if rtype == qtype or qtype == ANY:
            matches += 1
        if rclass == IN:
            if rtype == A:
                if length != 4:
                    raise MalformedMessage("A record is not 4 octets")
                found.append((owner, data[offset:end], ttl, False))
            elif rtype == AAAA:
                if length != 16:
                    raise MalformedMessage("AAAA record is not 16 octets")
                found.append((owner, data[offset:end], ttl, False))
            elif rtype == CNAME:
                target, after = read_name(data, offset, names)
                if after != end:
                    raise MalformedMessage("CNAME record does not end with its name")
                # An owner has one CNAME (RFC 2181 §10.1). Where a server sends more, the first counts.
                cnames.setdefault(owner, (target, ttl))
                names.setdefault(offset, target)
            elif rtype in (HTTPS, SVCB):
                found += [(owner, address, ttl, True) for address in read_hints(data, offset, end)]
        offset = end

    negative_ttl = -1
    for _ in range(authorities):
        offset = skip_name(data, offset)
        rtype, rclass, ttl, length = _record(data, offset)
        offsets.append(offset + 4)
        offset += 10 + length
        if offset > size:
            raise MalformedMessage("record ends after the message")
        if ttl > _MAX_TTL:
            ttl = 0
        ttls.append(ttl)
        if rtype == OPT:
            raise MalformedMessage("OPT record outside the additional section")
        if rtype == SOA and rclass == IN and negative_ttl < 0:
            if length < 22:
                raise MalformedMessage("SOA record too short")
            negative_ttl = min(ttl, _long(data, offset - 4)[0])

    end_of_authority, records_before = offset, len(offsets)
    opt = start = -1
    options = b""
    extended = 0
    unread = additional
    if additional == 1 and offset + 11 == size and data.startswith(_PLAIN_OPT, offset) and data.endswith(b"\0\0"):
        opt = start = offset
        extended, offset, unread = data[offset + 5], size, 0
    for _ in range(unread):
        start = offset
        offset = skip_name(data, offset)
        rtype, _, ttl, length = _record(data, offset)
        offset += 10
        if offset + length > size:
            raise MalformedMessage("record ends after the message")
        if rtype == OPT:
            if opt >= 0 or offset - start != 11:
                raise MalformedMessage("one OPT record, owned by the root")
            opt = start
            extended = ttl >> 24
            if length:
                options = read_options(data, offset, offset + length, (OPTION_EDE, OPTION_ECS))
        else:
            offsets.append(offset - 6)
            ttls.append(0 if ttl > _MAX_TTL else ttl)
        offset += length
    if offset != size:
        raise MalformedMessage("bytes after the message")
    if opt >= 0:
        if opt == start:
            size, additional = opt, additional - 1
        else:
            size, additional = end_of_authority, 0
            del offsets[records_before:], ttls[records_before:]
    addresses, aliases = _chain(name, found, cnames)
    answer = _new(Answer, (name, qtype, (extended << 4) | (flags & 0xF), addresses, aliases))
    truncated = flags & FLAG_TC != 0
    where = (tuple(offsets), tuple(ttls), negative_ttl, matches, options)
    return _new(Layout, (answer, truncated, size, additional, *where))


def _chain(
    name: bytes, found: list[tuple[bytes, bytes, int, bool]], cnames: dict[bytes, tuple[bytes, int]]
) -> tuple[tuple[Address, ...], tuple[Alias, ...]]:
    """Walk from ``name`` along ``cnames`` and gather what the names on the way own. A loop just ends the walk.

    More aliases than ``MAX_CHAIN`` are malformed: a client that got them would be told addresses that were not leased.
    """
    if not cnames:
        names: tuple[bytes, ...] = (name,)
        own = [_new(Address, (address, ttl, names, hint)) for owner, address, ttl, hint in found if owner == name]
        return tuple(own), ()
    aliases: list[Alias] = []
    reached: dict[bytes, tuple[bytes, ...]] = {name: (name,)}
    current = name
    while current in cnames:
        target, ttl = cnames[current]
        if target in reached:
            break
        if len(aliases) == MAX_CHAIN:
            raise MalformedMessage("too many aliases")
        aliases.append(_new(Alias, (current, target, ttl)))
        reached[target] = (*reached[current], target)
        current = target
    addresses = [
        _new(Address, (address, ttl, reached[owner], hint)) for owner, address, ttl, hint in found if owner in reached
    ]
    return tuple(addresses), tuple(aliases)
