"""What was learned, as lines of JSON: saved now and then, loaded by the next process.

A header with format version and what time it was by which clock, then one line for each scope and name. Names are their
wire bytes as Latin-1 text, addresses hexadecimal.

Expiries are times of the clock that leases are counted by, the machine's own since it was started. As long as it runs
nobody can set that one, so whatever happens to the wall clock, nothing lasts longer or shorter. The wall clock is asked
only how long the machine was off; where it says less than before nobody knows, and nothing is taken over.
"""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from dnsguard.errors import DnsguardError
from dnsguard.leases.book import LeaseBook
from dnsguard.leases.graph import Graph
from dnsguard.leases.scope import NODE, Scope

FORMAT = "dnsguard learned 2"


class Clocks(NamedTuple):
    """What time it is."""

    boot: str
    """Of which run of the machine ``now`` counts the seconds; empty where that cannot be said."""

    now: float
    """On the clock of leases."""

    wall: float
    """Seconds since 1970."""


_NO_LINE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


class UnusableStateFile(DnsguardError):
    """What was saved cannot be used; nothing of it was taken over."""


def header(epoch: int, clocks: Clocks) -> bytes:
    """The first line; ``epoch`` is the book's."""
    said = {"boot": clocks.boot, "now": _rounded(clocks.now), "wall": _rounded(clocks.wall)}
    return _line({"format": FORMAT, **said, "epoch": epoch})


def scope_lines(book: LeaseBook, scope: Scope, now: float) -> Iterator[bytes]:
    """The lines of one scope, without what has expired. What the book learns meanwhile may be in them or not."""
    graph = book.library.get(scope)
    if graph is None:
        return
    for name in list(graph.owners()):
        addresses = {to.hex(): _rounded(e) for to, e in graph.addresses.get(name, {}).items() if e > now}
        aliases = {_text(to): _rounded(e) for to, e in graph.aliases.get(name, {}).items() if e > now}
        if addresses or aliases:
            kind = "endpoint" if isinstance(scope, str) else "client"
            whose = scope if isinstance(scope, str) else scope.hex()
            yield _line({kind: whose, "name": _text(name), "addresses": addresses, "aliases": aliases})


Entry = tuple[Scope, bytes, dict[bytes, float], dict[bytes, float]]
"""Scope, name, its addresses and its aliases, each until when."""


class Header(NamedTuple):
    """What the first line says."""

    epoch: int
    """Of the book that was saved."""

    saved: Clocks

    def later(self, clocks: Clocks) -> float:
        """Seconds by which the clock of leases says more now than it said of the same moment then.

        Raises ``UnusableStateFile`` where nobody can know.
        """
        if self.saved.boot and self.saved.boot == clocks.boot:
            return 0.0
        off = clocks.wall - self.saved.wall
        if off < 0:
            raise UnusableStateFile(f"it was saved {-off:.0f} s from now, by the clock of this machine")
        return clocks.now - self.saved.now - off


def header_in(line: bytes) -> Header:
    """What the first line says. Raises ``UnusableStateFile``."""
    try:
        value = json.loads(line)
        if value["format"] != FORMAT:
            raise ValueError(f"the format is {value['format']!r} and not {FORMAT!r}")
        return Header(int(value["epoch"]), Clocks(str(value["boot"]), _time(value["now"]), _time(value["wall"])))
    except _NO_LINE as error:
        raise UnusableStateFile(f"line 1: {error}" if line else "it is empty") from None


def entries(lines: Iterable[bytes], later: float, latest: float) -> Iterator[Entry]:
    """What the lines after the first say, read when asked for; ``later`` as ``Header`` says it, ``latest``: when any
    lease ends. Raises ``UnusableStateFile``."""
    for number, line in enumerate(lines, 2):
        try:
            yield _entry(json.loads(line), later, latest)
        except _NO_LINE as error:
            raise UnusableStateFile(f"line {number}: {error}") from None


def load(book: LeaseBook, lines: Iterable[bytes], clocks: Clocks) -> int:
    """Take over what is still valid and fits; how many records that were.

    Raises ``UnusableStateFile`` with the book as it was: every line is read before the first is believed.
    """
    rest = iter(lines)
    head = header_in(next(rest, b""))
    found = list(entries(rest, head.later(clocks), clocks.now + book.terms.longest))
    book.epoch = head.epoch
    return sum(take(book, entry, clocks.now) for entry in found)


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


def _entry(value: dict[str, Any], later: float, latest: float) -> Entry:
    scope = _endpoint(value["endpoint"]) if "endpoint" in value else _packed(value["client"], (0, 4, 16))
    addresses = {_packed(to, (4, 16)): min(_time(e) + later, latest) for to, e in value["addresses"].items()}
    aliases = {_wire(to): min(_time(e) + later, latest) for to, e in value["aliases"].items()}
    return scope, _wire(value["name"]), addresses, aliases


def _time(value: Any) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no time")
    return float(value)


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
