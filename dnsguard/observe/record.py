"""One query as a line of the DNS log: a JSON object (RFC 8259) in ASCII, whatever the names in it are made of.

Written by hand and not by a general encoder, because that takes thrice as long and everybody's answers wait meanwhile.
What does not apply is left out. Bounded: what one answer can make a line hold is limited, and the rest is counted.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple

from dnsguard.domains import name_text
from dnsguard.observe.mnemonics import rcode_text, type_text

MAX_ALIASES: Final = 10
MAX_ADDRESSES: Final = 32
MAX_TEXT: Final = 500
MAX_SETS: Final = 8
MAX_NAMED: Final = 4
"""Patterns, and policies, of each set."""

RELAYED: Final = frozenset({"upstream", "cache"})
"""Sources of answers that the client was to have; all others are answers of our own."""

_quoted = json.JSONEncoder().encode

Aliases = Sequence[tuple[bytes, bytes, int]]
Addresses = Sequence[tuple[bytes, int, tuple[bytes, ...], bool]]


class Match(NamedTuple):
    """A lease set that policy lets this client have, and which the name feeds."""

    lease_set: str
    patterns: tuple[str, ...]
    """Those of its patterns that match."""

    policies: tuple[str, ...] = ()
    """Policies and profiles that refer to it, as far as that is known."""


class Leased(NamedTuple):
    """What an answer opened, or kept open."""

    lease_set: str
    seconds: float
    """Left of the address that closes first."""


class Withheld(NamedTuple):
    """An address of the answer that no name may open."""

    address: bytes
    reason: str


class Record(NamedTuple):
    """What became of one query. Names are lower-cased wire form, addresses are packed."""

    time: float
    """When it came: seconds since 1970."""

    client: str
    """Endpoint as ``namespace/name``; of one that is no endpoint, what it is to us."""

    client_address: bytes
    asked_address: bytes
    transport: str
    name: bytes
    qtype: int
    rcode: int
    source: str
    """``upstream``, ``cache``, ``policy``, ``limit`` or ``error``."""

    total: float
    """Seconds from the query to its answer."""

    extended: int | None = None
    text: str = ""
    server: str = ""
    aliases: Aliases = ()
    """(Owner, target, TTL) in the order of the chain."""

    addresses: Addresses = ()
    """(Address, TTL, chain that leads there, whether it is a hint); TTLs as upstream gave them."""

    matches: Sequence[Match] = ()
    leased: Sequence[Leased] = ()
    node_wide: bool = False
    """The look-up counts for every endpoint of the node whose policy has the name."""

    withheld: Sequence[Withheld] = ()
    asked: float = 0.0
    """Seconds that upstream took."""

    held: float = 0.0
    """Seconds that the answer waited for its lease."""

    @property
    def denied(self) -> bool:
        """Whether the client was given an answer of ours and not what it asked for: refused, limited or failed."""
        return self.source not in RELAYED

    def line(self) -> str:
        """The record as it is written, without a newline; below 64 kB."""
        line = (
            f'{{"time":"{time_text(self.time)}","type":"LOG","client":{_quoted(self.client)},'
            f'"client_ip":"{_address(self.client_address)}",'
            f'"asked_ip":"{_address(self.asked_address)}","transport":"{self.transport}",'
            f'"qname":{_name(self.name)},"qtype":"{type_text(self.qtype)}","rcode":"{rcode_text(self.rcode)}",'
            f'"source":"{self.source}"'
        )
        if self.extended is not None:
            line += f',"extended_error":{self.extended}'
        if self.text:
            line += f',"extended_text":{_quoted(self.text[:MAX_TEXT])}'
        if self.server:
            line += f',"upstream":{_quoted(self.server)}'
        if self.aliases or self.addresses:
            line += _answer(self.aliases, self.addresses)
        if self.matches:
            line += _list("policy_match", len(self.matches), map(_match, self.matches[:MAX_SETS]))
        if self.leased:
            line += _list("leased", len(self.leased), map(_leased, self.leased[:MAX_SETS]))
            if self.node_wide:
                line += ',"node_wide":true'
        if self.withheld:
            reasons = list(dict.fromkeys(each.reason for each in self.withheld))
            addresses = (f'"{_address(each.address)}"' for each in self.withheld[:MAX_ADDRESSES])
            line += _list("withheld", len(self.withheld), addresses)
            line += _list("withheld_reasons", len(reasons), map(_quoted, reasons[:MAX_NAMED]))
        if self.asked:
            line += f',"upstream_ms":{self.asked * 1000:.3f}'
        if self.held:
            line += f',"lease_ms":{self.held * 1000:.3f}'
        return f'{line},"total_ms":{self.total * 1000:.3f}}}'


def unlogged_line(time: float, count: int, reason: str, client_address: bytes = b"") -> str:
    """The line that stands for ``count`` records that were not written."""
    client = f'"client_ip":"{_address(client_address)}",' if client_address else ""
    return f'{{"time":"{time_text(time)}","type":"UNLOGGED",{client}"count":{count},"reason":{_quoted(reason)}}}'


def time_text(time: float) -> str:
    """Seconds since 1970 as RFC 3339 has it, in UTC with milliseconds."""
    milliseconds = int(time * 1000)
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03}Z"


_HINT: Final = ',"hint":true'
_NO_HINT: Final = ""
_MAX_ANSWERS: Final = 1_024
_SMALL: Final = 4
"""Records of an answer whose text is kept; what names of 255 octets may fill stays below ten megabytes."""


def _answer(aliases: Aliases, addresses: Addresses) -> str:
    """What an answer says. Most answers are given many times."""
    if len(aliases) <= _SMALL and len(addresses) <= _SMALL:
        return _small_answer(tuple(aliases), tuple(addresses))
    return _answer_text(aliases, addresses)


def _answer_text(aliases: Aliases, addresses: Addresses) -> str:
    text = ""
    if aliases:
        text = _list("aliases", len(aliases), [
            f'{{"name":{_name(owner)},"target":{_name(target)},"ttl":{ttl}}}'
            for owner, target, ttl in aliases[:MAX_ALIASES]
        ])  # fmt: skip
    if addresses:
        text += _list("addresses", len(addresses), [
            f'{{"ip":"{_address(address)}","ttl":{ttl}{_HINT if hint else _NO_HINT}}}'
            for address, ttl, _, hint in addresses[:MAX_ADDRESSES]
        ])  # fmt: skip
    return text


_small_answer = lru_cache(_MAX_ANSWERS)(_answer_text)


def _list(key: str, count: int, items: Iterable[str]) -> str:
    """As many items as there are; ``count`` is how many there were."""
    items = list(items)
    left_out = f',"{key}_left_out":{count - len(items)}' if count > len(items) else ""
    return f',"{key}":[{",".join(items)}]{left_out}'


@lru_cache(_MAX_ANSWERS)
def _match(match: Match) -> str:
    patterns = ",".join(map(_quoted, match.patterns[:MAX_NAMED]))
    policies = ",".join(map(_quoted, match.policies[:MAX_NAMED]))
    named = f',"policies":[{policies}]' if policies else ""
    return f'{{"set":{_quoted(match.lease_set)},"patterns":[{patterns}]{named}}}'


def _leased(leased: Leased) -> str:
    return f'{{"set":{_quoted(leased.lease_set)},"seconds":{leased.seconds:.0f}}}'


@lru_cache(16)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(4096)
def _name(wire: bytes) -> str:
    """A name in presentation form, quoted: what is not plain is escaped twice, for DNS and for JSON."""
    return _quoted(name_text(wire))


@lru_cache(8192)
def _address(packed: bytes) -> str:
    return str(ip_address(packed))
