"""What was learned, as lines of JSON: saved now and then, loaded by the next process.

A header with format version and the wall clock's time, then one line for each scope and name. Expiries are absolute
wall clock times, so that time spent down counts. Names are their wire bytes as Latin-1 text, addresses hexadecimal.
"""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from dnsguard.errors import DnsguardError
from dnsguard.leases.book import LeaseBook
from dnsguard.leases.graph import Graph
from dnsguard.leases.scope import NODE, Scope

FORMAT = "dnsguard learned 1"


_NO_LINE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


class UnusableStateFile(DnsguardError):
    """What was saved cannot be used; nothing of it was taken over."""


def header(epoch: int, wall: float) -> bytes:
    """The first line; ``wall`` is the wall clock's time in seconds since 1970, ``epoch`` the book's."""
    return _line({"format": FORMAT, "saved": round(wall, 3), "epoch": epoch})


def scope_lines(book: LeaseBook, scope: Scope, now: float, wall: float) -> Iterator[bytes]:
    """The lines of one scope, without what has expired. What the book learns meanwhile may be in them or not."""
    graph = book.library.get(scope)
    if graph is None:
        return
    to_wall = wall - now
    for name in list(graph.owners()):
        addresses = {to.hex(): _rounded(e + to_wall) for to, e in graph.addresses.get(name, {}).items() if e > now}
        aliases = {_text(to): _rounded(e + to_wall) for to, e in graph.aliases.get(name, {}).items() if e > now}
        if addresses or aliases:
            kind = "endpoint" if isinstance(scope, str) else "client"
            whose = scope if isinstance(scope, str) else scope.hex()
            yield _line({kind: whose, "name": _text(name), "addresses": addresses, "aliases": aliases})


Entry = tuple[Scope, bytes, dict[bytes, float], dict[bytes, float]]
"""Scope, name, its addresses and its aliases, each until when."""


def epoch_in(line: bytes) -> int:
    """The epoch of what was saved, from the first line. Raises ``UnusableStateFile``."""
    try:
        value = json.loads(line)
        if value["format"] != FORMAT:
            raise ValueError(f"the format is {value['format']!r} and not {FORMAT!r}")
        return int(value.get("epoch", 0))  # files of versions that knew none are of the first
    except _NO_LINE as error:
        raise UnusableStateFile(f"line 1: {error}" if line else "it is empty") from None


def entries(lines: Iterable[bytes], now: float, wall: float, longest: float) -> Iterator[Entry]:
    """What the lines after the first say, read when asked for. Raises ``UnusableStateFile``."""
    for number, line in enumerate(lines, 2):
        try:
            yield _entry(json.loads(line), now, wall, longest)
        except _NO_LINE as error:
            raise UnusableStateFile(f"line {number}: {error}") from None


def load(book: LeaseBook, lines: Iterable[bytes], now: float, wall: float) -> int:
    """Take over what is still valid and fits; how many records that were.

    Raises ``UnusableStateFile`` with the book as it was: every line is read before the first is believed.
    """
    rest = iter(lines)
    epoch = epoch_in(next(rest, b""))
    found = list(entries(rest, now, wall, book.terms.longest))
    book.epoch = epoch
    return sum(take(book, entry, now) for entry in found)


def take(book: LeaseBook, entry: Entry, now: float) -> int:
    """Put one entry into the book; how many records of it are still valid and fit."""
    scope, name, addresses, aliases = entry
    library, limits = book.library, book.limits
    live = sum(expires > now for expires in (*addresses.values(), *aliases.values()))
    graph: Graph | None = library.get(scope)
    bound = limits.edges_of_node if scope == NODE else limits.edges_per_scope
    if not live or library.edges + live > limits.edges or (graph.edges if graph else 0) + live > bound:
        return 0
    graph = library.open(scope)
    for address, expires in addresses.items():
        if expires > now and book.eligible(address):
            library.raise_address(graph, name, address, expires)
    for target, expires in aliases.items():
        if expires > now:
            library.raise_alias(graph, name, target, expires)
    return live


def _entry(value: dict[str, Any], now: float, wall: float, longest: float) -> Entry:
    scope = _endpoint(value["endpoint"]) if "endpoint" in value else _packed(value["client"], (0, 4, 16))
    addresses = {_packed(to, (4, 16)): _until(e, now, wall, longest) for to, e in value["addresses"].items()}
    aliases = {_wire(to): _until(e, now, wall, longest) for to, e in value["aliases"].items()}
    return scope, _wire(value["name"]), addresses, aliases


def _until(expires: Any, now: float, wall: float, longest: float) -> float:
    if not isinstance(expires, int | float) or not math.isfinite(expires):
        raise ValueError(f"{expires!r} is no time")
    # A clock that was set back must not make a lease of minutes one of years.
    return now + min(expires - wall, longest)


def _endpoint(text: Any) -> str:
    if not isinstance(text, str) or not text:
        raise ValueError(f"{text!r} is no endpoint")
    return text


def _packed(text: str, lengths: tuple[int, ...]) -> bytes:
    packed = bytes.fromhex(text)
    if len(packed) not in lengths:
        raise ValueError(f"{text!r} is no address")
    return packed


def _wire(text: str) -> bytes:
    """The name, having seen that it is one: labels that fill it exactly, in lower case, the root last."""
    wire = text.encode("latin-1")
    position = 0
    while position < len(wire) and 0 < wire[position] < 64:
        position += wire[position] + 1
    if position != len(wire) - 1 or wire[position] or len(wire) > 255 or wire != wire.lower():
        raise ValueError(f"{text!r} is no name")
    return wire


def _text(wire: bytes) -> str:
    return wire.decode("latin-1")


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
