"""DNS messages read the slow and obvious way, after the RFCs and not after our scanner: what fuzzing holds it to.

Every rule is written where it applies, nothing is remembered between records, and nothing here is shared with
``dnsguard``.
"""

from collections.abc import Callable
from dataclasses import dataclass

A, CNAME, SOA, AAAA, OPT, SVCB, HTTPS, ANY = 1, 5, 6, 28, 41, 64, 65, 255
IN = 1
MAX_RECORDS = 4096
MAX_ALIASES = 32
MAX_JUMPS = 32


class Unreadable(Exception):
    """Not a well-formed message; the text is the reason."""


class Deep(Unreadable):
    """A name of more pointers than a reader has to follow. One that remembers names follows fewer; both are right."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record, where it stands."""

    section: int
    start: int
    owner: Callable[[], bytes]
    """Read only where the owner matters: in other sections nobody follows its pointers."""

    kind: int
    of_class: int
    ttl_at: int
    raw_ttl: int
    data: int
    end: int

    @property
    def ttl(self) -> int:
        """RFC 2181 §8: the top bit set is as good as none."""
        return self.raw_ttl if self.raw_ttl < 1 << 31 else 0


@dataclass(frozen=True, slots=True)
class ReadQuery:
    ident: int
    flags: int
    name: bytes
    qtype: int
    qclass: int
    edns: bool
    version: int
    udp_size: int
    do: bool
    ecs: bytes


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    rcode: int
    addresses: list[tuple[bytes, int, tuple[bytes, ...], bool]]
    """(address, TTL, names that lead to it, whether it is a hint)."""

    aliases: list[tuple[bytes, bytes, int]]
    truncated: bool
    end: int
    additional: int
    ttl_offsets: list[int]
    ttls: list[int]
    negative_ttl: int
    matches: int
    options: bytes


def octet(data: bytes, at: int) -> int:
    if at >= len(data):
        raise Unreadable("ends too early")
    return data[at]


def number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise Unreadable("ends too early")
    return int.from_bytes(data[at : at + size], "big")


def name_at(
    data: bytes, at: int, *, follow: bool = True, compressed: bool = True, most_jumps: int = MAX_JUMPS
) -> tuple[bytes, int]:
    """The lower-cased name (RFC 1035 §3.1, §4.1.4) and where it ends. Without ``follow``: its own octets."""
    labels, piece, end, jumps = b"", at, None, 0
    while True:
        length = octet(data, at)
        if length == 0:
            if len(labels) + 1 > 255:
                raise Unreadable("name longer than 255")
            return (labels + b"\0").lower(), at + 1 if end is None else end
        if length < 64:
            if at + 1 + length > len(data):
                raise Unreadable("ends too early")
            labels += data[at : at + 1 + length]
            at += 1 + length
            if len(labels) + 1 > 255:
                raise Unreadable("name longer than 255")
            continue
        if length < 0xC0 or not compressed:
            raise Unreadable("label of unknown type, or a pointer where none may be")
        target = number(data, at, 2) & 0x3FFF
        if not 12 <= target < piece:
            raise Unreadable("pointer that does not point backwards")
        end = at + 2 if end is None else end
        if not follow:
            return labels.lower(), end
        jumps += 1
        if jumps > most_jumps:
            raise Deep("more pointers than anybody needs")
        at = piece = target


def options_at(data: bytes, at: int, end: int, wanted: set[int]) -> bytes:
    """RFC 6891 §6.1.2."""
    kept = b""
    while at < end:
        after = at + 4 + number(data, at + 2, 2)
        if after > end:
            raise Unreadable("option ends after its record")
        if number(data, at, 2) in wanted:
            kept += data[at:after]
        at = after
    return kept


def hints_at(data: bytes, at: int, end: int) -> list[bytes]:
    """RFC 9460 §2.2, §7.3."""
    if end - at < 3:
        raise Unreadable("SVCB record too short")
    priority = number(data, at, 2)
    at += 2
    while length := octet(data, at):
        if length > 63:
            raise Unreadable("TargetName with a pointer")
        at += 1 + length
    at += 1
    last, found = -1, []
    while at < end:
        key, length = number(data, at, 2), number(data, at + 2, 2)
        value = at + 4
        at = value + length
        if at > end or key <= last:
            raise Unreadable("SVCB parameters out of bounds or order")
        last = key
        if width := {4: 4, 6: 16}.get(key, 0):
            if length == 0 or length % width:
                raise Unreadable("hint of odd length")
            found += [data[i : i + width] for i in range(value, at, width)]
    if at != end:
        raise Unreadable("TargetName ends after its record")
    return found if priority else []


def question_of(data: bytes) -> tuple[bytes, int, int]:
    """Lower-cased name, type, and where the question ends."""
    name, at = name_at(data, 12, compressed=False)
    return name, number(data, at, 2), (number(data, at + 2, 2), at + 4)[1]


def read_query(data: bytes) -> ReadQuery:
    """RFC 1035 §4.1 with RFC 6891: one question and nothing else but one OPT record."""
    ident, flags, *counts = (number(data, at, 2) for at in range(0, 12, 2))
    if counts[:3] != [1, 0, 0] or counts[3] > 1:
        raise Unreadable("sections that no query has")
    name, qtype, at = question_of(data)
    qclass = number(data, at - 2, 2)
    edns, version, size, do, ecs = False, 0, 512, False, b""
    if counts[3]:
        if octet(data, at) or number(data, at + 1, 2) != OPT:
            raise Unreadable("a record that is not OPT of the root")
        edns, size, version = True, max(512, number(data, at + 3, 2)), number(data, at + 6, 1)
        do = number(data, at + 7, 2) >= 0x8000
        start, at = at + 11, at + 11 + number(data, at + 9, 2)
        if at > len(data):
            raise Unreadable("ends too early")
        ecs = options_at(data, start, at, {8})
    if at != len(data):
        raise Unreadable("octets after the message")
    return ReadQuery(ident, flags, name, qtype, qclass, edns, version, size, do, ecs)


def records_of(data: bytes, most_jumps: int) -> list[Record]:
    """All records of a message with one question."""
    counts = [number(data, at, 2) for at in range(4, 12, 2)]
    if counts[0] != 1:
        raise Unreadable("not one question")
    if sum(counts[1:]) > MAX_RECORDS:
        raise Unreadable("too many records")
    at = question_of(data)[2]
    found = []
    for section in (1, 2, 3):
        for _ in range(counts[section]):
            start = at
            _, at = name_at(data, at, follow=section == 1, most_jumps=most_jumps)
            kind, of_class = number(data, at, 2), number(data, at + 2, 2)
            ttl_at, ttl, body = at + 4, number(data, at + 4, 4), at + 10
            at = body + number(data, at + 8, 2)
            if at > len(data):
                raise Unreadable("record ends after the message")
            owner = lambda start=start: name_at(data, start, most_jumps=most_jumps)[0]  # noqa: E731
            found.append(Record(section, start, owner, kind, of_class, ttl_at, ttl, body, at))
    if at != len(data):
        raise Unreadable("octets after the message")
    return found


def read_answer(data: bytes, most_jumps: int = MAX_JUMPS) -> ReadAnswer:
    """What an answer says, its question being the one that was asked."""
    name, qtype, end = question_of(data)
    records = records_of(data, most_jumps)
    answers = [record for record in records if record.section == 1]
    if any(record.kind == OPT and record.section != 3 for record in records):
        raise Unreadable("OPT outside the additional section")

    targets: dict[bytes, tuple[bytes, int]] = {}
    owned: list[tuple[bytes, bytes, int, bool]] = []
    for each in answers:
        if each.of_class != IN:
            continue
        size = each.end - each.data
        if each.kind in (A, AAAA):
            if size != (4 if each.kind == A else 16):
                raise Unreadable("address of a wrong size")
            owned.append((each.owner(), data[each.data : each.end], each.ttl, False))
        elif each.kind == CNAME:
            target, after = name_at(data, each.data, most_jumps=most_jumps)
            if after != each.end:
                raise Unreadable("CNAME that is not its name")
            targets.setdefault(each.owner(), (target, each.ttl))
        elif each.kind in (SVCB, HTTPS):
            owned += [(each.owner(), hint, each.ttl, True) for hint in hints_at(data, each.data, each.end)]

    chain = [name]
    aliases: list[tuple[bytes, bytes, int]] = []
    while chain[-1] in targets:
        target, ttl = targets[chain[-1]]
        if target in chain:
            break
        if len(aliases) == MAX_ALIASES:
            raise Unreadable("more aliases than anybody follows")
        aliases.append((chain[-1], target, ttl))
        chain.append(target)
    addresses = [
        (address, ttl, tuple(chain[: chain.index(owner) + 1]), hint)
        for owner, address, ttl, hint in owned
        if owner in chain
    ]

    soas = [each for each in records if (each.section, each.kind, each.of_class) == (2, SOA, IN)]
    if soas and soas[0].end - soas[0].data < 22:
        raise Unreadable("SOA too short")
    negative = min(soas[0].ttl, number(data, soas[0].end - 4, 4)) if soas else -1

    opts = [each for each in records if each.kind == OPT]
    if len(opts) > 1 or any(data[each.start] for each in opts):
        raise Unreadable("OPT twice, or not of the root")
    kept, options, extended, cut, additional = records, b"", 0, len(data), number(data, 10, 2)
    if opts:
        opt = opts[0]
        extended = opt.raw_ttl >> 24
        options = options_at(data, opt.data, opt.end, {8, 15})
        if opt.end == len(data):
            kept, cut, additional = records[:-1], opt.start, additional - 1
        else:
            kept = [each for each in records if each.section != 3]
            cut, additional = (kept[-1].end if kept else end), 0
    return ReadAnswer(
        extended << 4 | data[3] & 0xF,
        addresses,
        aliases,
        bool(data[2] & 2),
        cut,
        additional,
        [each.ttl_at for each in kept],
        [each.ttl for each in kept],
        negative,
        sum(each.kind == qtype or qtype == ANY for each in answers),
        options,
    )
