"""What a worker and the owner of the leases say to each other, as bytes. Pure.

A message is ``u32 length, u8 kind, body``; the length counts kind and body. Both ends are of one version and one user,
so what cannot be read is a mistake of ours, and ends the connection.
"""

import json
from collections.abc import Iterator, Mapping
from struct import Struct, error
from typing import Final, NamedTuple

from dnsguard.dns.hooks import LeaseOutcome
from dnsguard.dns.message import Address, Alias, Answer
from dnsguard.errors import DnsguardError

LEASE, OUTCOME, COUNTERS, FORGET = range(4)
LONGEST: Final = 1 << 20
"""Octets of one message: 4096 records and their names take a tenth of it."""

_head = Struct("!IB")
_request = Struct("!IdBHHBH")
"""number, age, length of the client's address, type asked, rcode, names beyond the first, addresses"""

_ttl = Struct("!I")
_address = Struct("!BBBI")
"""length, position of its owner in the chain, whether it is a hint, TTL"""

_outcome = Struct("!IBidH")
"""number, ok, highest TTL or -1, again_until, extended error"""


class BadMessage(DnsguardError):
    """What came from the other process cannot be read."""


class Request(NamedTuple):
    """What an answer opens is to be leased."""

    number: int
    client: bytes
    answer: Answer
    age: float


class Reply(NamedTuple):
    number: int
    outcome: LeaseOutcome


def frame(kind: int, body: bytes) -> bytes:
    return _head.pack(len(body) + 1, kind) + body


def take(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """The whole messages at the buffer's beginning, as (kind, body); they are gone from it then. Raises BadMessage."""
    position = 0
    try:
        while len(buffer) - position >= _head.size:
            length, kind = _head.unpack_from(buffer, position)
            if not 1 <= length <= LONGEST:
                raise BadMessage(f"a message of {length} octets")
            end = position + 4 + length
            if end > len(buffer):
                break
            body = bytes(buffer[position + _head.size : end])
            position = end
            yield kind, body
    finally:
        del buffer[:position]


def encode_request(request: Request) -> bytes:
    """The body. The names of an answer are a chain: its aliases lead from each to the next."""
    number, client, answer, age = request
    aliases, addresses = answer.aliases, answer.addresses
    parts = [
        _request.pack(number, age, len(client), answer.qtype, answer.rcode, len(aliases), len(addresses)),
        client, answer.name,
    ]  # fmt: skip
    for alias in aliases:
        parts += alias.target, _ttl.pack(alias.ttl)
    for address, ttl, names, hint in addresses:
        parts += _address.pack(len(address), len(names) - 1, hint, ttl), address
    return b"".join(parts)


def decode_request(body: bytes) -> Request:
    """Raises BadMessage."""
    try:
        number, age, length, qtype, rcode, aliases, addresses = _request.unpack_from(body)
        at = _request.size + length
        client = body[_request.size : at]
        end = _name_end(body, at)
        names = [body[at:end]]
        steps: list[Alias] = []
        for _ in range(aliases):
            at = end
            end = _name_end(body, at)
            names.append(body[at:end])
            steps.append(Alias(names[-2], names[-1], _ttl.unpack_from(body, end)[0]))
            end += _ttl.size
        found: list[Address] = []
        chains = [tuple(names[: last + 1]) for last in range(len(names))]
        for _ in range(addresses):
            size, owner, hint, ttl = _address.unpack_from(body, end)
            at = end + _address.size
            end = at + size
            found.append(Address(body[at:end], ttl, chains[owner], bool(hint)))
    except (error, IndexError) as problem:
        raise BadMessage(f"a lease request: {problem}") from None
    if end != len(body) or len(client) not in (4, 16):
        raise BadMessage("a lease request that does not end where it should")
    return Request(number, client, Answer(names[0], qtype, rcode, tuple(found), tuple(steps)), age)


def encode_reply(reply: Reply) -> bytes:
    """The body."""
    number, (ok, max_ttl, extended, text, again_until) = reply
    most = -1 if max_ttl is None else min(max(max_ttl, 0), 0x7FFFFFFF)
    return _outcome.pack(number, ok, most, again_until, extended) + text.encode()


def decode_reply(body: bytes) -> Reply:
    """Raises BadMessage."""
    try:
        number, ok, most, again_until, extended = _outcome.unpack_from(body)
        text = body[_outcome.size :].decode()
    except (error, UnicodeDecodeError) as problem:
        raise BadMessage(f"the outcome of a lease: {problem}") from None
    return Reply(number, LeaseOutcome(bool(ok), None if most < 0 else most, extended, text, again_until))


def encode_counters(counters: Mapping[str, int]) -> bytes:
    """The body."""
    return json.dumps(dict(counters)).encode()


def decode_counters(body: bytes) -> dict[str, int]:
    """Raises BadMessage."""
    try:
        return {str(name): int(count) for name, count in json.loads(body).items()}
    except (ValueError, TypeError, AttributeError) as problem:
        raise BadMessage(f"counters: {problem}") from None


def _name_end(body: bytes, at: int) -> int:
    while length := body[at]:
        at += length + 1
    return at + 1
