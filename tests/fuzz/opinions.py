"""Three opinions on one message: our scanner's, the naive reading's, and dnslib's where it has one."""

import contextlib
from collections.abc import Iterator

from dnslib import HTTPS as HttpsData  # noqa: N811 - our HTTPS is the number
from dnslib import DNSBuffer, DNSHeader
from dnslib.buffer import BufferError as DnslibError
from dnslib.label import DNSLabel

from dnsguard.dns.message import MalformedMessage
from dnsguard.dns.scan import scan_answer, scan_query
from tests.fuzz import reading
from tests.fuzz.reading import AAAA, CNAME, HTTPS, IN, SVCB, A, ReadAnswer, ReadQuery, Unreadable

Leads = list[tuple[bytes, tuple[bytes, ...]]]
"""Addresses, each with the names that lead to it."""


class Disagreement(AssertionError):
    """What fuzzing looks for."""


def check(data: bytes) -> bool:
    """Whether the message is well-formed. Raises ``Disagreement``; anything else that is raised is a crash."""
    return check_answer(data) if len(data) > 2 and data[2] & 0x80 else check_query(data)


def check_query(data: bytes) -> bool:
    """A query by the scanner, by the naive reading, by dnslib."""
    read, expected, refusal, reason = None, None, "", ""
    try:
        found = scan_query(data)
        read = ReadQuery(
            found.id, found.flags, found.name, found.qtype, found.qclass, found.edns, found.version, found.udp_size,
            found.do, found.ecs,
        )  # fmt: skip
        if found.question != data[12 : 12 + len(found.name) + 4]:
            raise Disagreement(f"the question is not as it was sent: {found.question.hex()}")
    except MalformedMessage as error:
        refusal = str(error)
    try:
        expected = reading.read_query(data)
    except Unreadable as error:
        reason = str(error)
    if read != expected:
        raise Disagreement(f"scanner: {read or refusal}\nreading: {expected or reason}")
    if read is None:
        return False
    with asking_dnslib():
        buffer = _buffer(data)
        asked = wire(buffer.decode_name()), *buffer.unpack("!HH")
        if asked != (read.name, read.qtype, read.qclass):
            raise Disagreement(f"dnslib: {asked}")
    return True


def check_answer(data: bytes) -> bool:
    """The same of an answer, to whatever question it repeats: who receives it has compared that to what he asked."""
    try:
        name, qtype, _ = reading.question_of(data)
    except Unreadable:
        return False
    read, expected, refusal, reason, either = None, None, "", "", False
    try:
        layout = scan_answer(data, name, qtype)
        found = layout.answer
        if (found.name, found.qtype) != (name, qtype):
            raise Disagreement(f"answers something else: {found}")
        read = ReadAnswer(
            found.rcode, [(each.address, each.ttl, each.names, each.hint) for each in found.addresses],
            [(each.owner, each.target, each.ttl) for each in found.aliases],
            layout.truncated, layout.end, layout.additional, list(layout.ttl_offsets), list(layout.ttls),
            layout.negative_ttl, layout.matches, layout.options,
        )  # fmt: skip
    except MalformedMessage as error:
        refusal = str(error)
    try:
        expected = reading.read_answer(data)
    except reading.Deep:
        either = True
    except Unreadable as error:
        reason = str(error)
    if read != expected and not either:
        raise Disagreement(f"scanner: {read or refusal}\nreading: {expected or reason}")
    if read is None:
        return False
    with asking_dnslib():
        leads = by_dnslib(data)
        if leads != [(address, names) for address, _, names, _ in read.addresses]:
            raise Disagreement(f"scanner: {read.addresses}\ndnslib: {leads}")
    return True


@contextlib.contextmanager
def asking_dnslib() -> Iterator[None]:
    """dnslib has no opinion on labels that are not UTF-8; on everything else that we accept it must have one."""
    try:
        yield
    except DnslibError as error:
        if not str(error).startswith("Invalid label"):
            raise Disagreement(f"dnslib refuses: {error}") from error


def by_dnslib(data: bytes) -> Leads:
    """What an answer leads to. dnslib reads the parts; data of types that do not matter here it need not understand."""
    buffer = _buffer(data)
    header = DNSHeader.parse(DNSBuffer(data))
    chain = [wire(buffer.decode_name())]
    buffer.offset += 4
    targets: dict[bytes, bytes] = {}
    owned: list[tuple[bytes, bytes]] = []
    for _ in range(header.a):
        owner = wire(buffer.decode_name())
        kind, of_class, _, length = buffer.unpack("!HHIH")
        after = buffer.offset + length
        if of_class == IN and kind in (A, AAAA):
            owned.append((owner, bytes(buffer.get(length))))
        elif of_class == IN and kind == CNAME:
            targets.setdefault(owner, wire(buffer.decode_name()))
        elif of_class == IN and kind in (SVCB, HTTPS):
            parsed = HttpsData.parse(buffer, length)
            for key, value in parsed.params if parsed.priority else ():
                if width := {4: 4, 6: 16}.get(key, 0):
                    owned += [(owner, bytes(value[i : i + width])) for i in range(0, len(value), width)]
        buffer.offset = after
    while (target := targets.get(chain[-1])) is not None and target not in chain:
        chain.append(target)
    return [(address, tuple(chain[: chain.index(owner) + 1])) for owner, address in owned if owner in chain]


def wire(label: DNSLabel) -> bytes:
    """Lower-cased wire form."""
    return b"".join(bytes([len(part)]) + part for part in label.label).lower() + b"\0"


def _buffer(data: bytes) -> DNSBuffer:
    buffer = DNSBuffer(data)
    buffer.offset = 12
    return buffer
