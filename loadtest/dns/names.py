"""The zone that everybody looks up in: names, what they lead to, and the text of both."""

from collections.abc import Iterator
from enum import StrEnum
from ipaddress import IPv4Address

ZONE = "bench.example"
READY = f"ready.{ZONE}"
"""Exists at any size."""

_FIRST_ADDRESS = IPv4Address("198.18.0.0")
MOST_NAMES = 1 << 17
"""198.18.0.0/15 is for benchmarks (RFC 2544), and every name has an address of its own."""

_TTL = 300


class Kind(StrEnum):
    """How names lead to their addresses; the first letter of each name says it."""

    PLAIN = "h"
    CHAIN = "c"
    """Two aliases on the way."""

    FLEETING = "z"
    """With a TTL of 0: nobody may answer it from a cache."""


def name(kind: Kind, number: int) -> str:
    return f"{kind}{number}.{kind}.{ZONE}"


def pattern(kind: Kind) -> str:
    """Covers the names of a kind."""
    return f"*.{kind}.{ZONE}"


def address(number: int) -> IPv4Address:
    """What the name of this number leads to, of whatever kind."""
    return _FIRST_ADDRESS + number


def zone_text(count: int) -> Iterator[str]:
    """The lines of a zone file with that many names of each kind."""
    yield f"$ORIGIN {ZONE}.\n$TTL {_TTL}"
    yield "@ SOA ns hostmaster 1 3600 600 86400 30\n@ NS ns\nns A 192.0.2.53\nready A 192.0.2.1"
    for number in range(count):
        yield f"h{number}.h A {address(number)}"
        yield f"z{number}.z 0 A {address(number)}"
        yield f"c{number}.c CNAME a{number}.alias\na{number}.alias CNAME b{number}.cdn"
        yield f"b{number}.cdn A {address(number)}"
