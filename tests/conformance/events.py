"""The published table of events over time, its prose read as values.

A row says what is looked up, which addresses the set holds until when, and which connections are new then.
"""

import re
from dataclasses import dataclass
from typing import Any

from tests.conformance.data_files import load

NAME = "case-7-12-learning-over-time-example-7-4-dnsextrattl-10s.yaml"

_RECORD = re.compile(
    r"CNAME `(?P<target>[^`]+)` TTL (?P<alias_ttl>\d+)|`(?P<name>[a-z.…]+)`|\bA (?P<address>[\d.]+) TTL (?P<ttl>\d+)"
)
_MEMBER = re.compile(r"(?P<address>[\d.]*\.\d+)(?: until (?P<until>\d+))?")


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the table."""

    time: float
    text: str
    answer: tuple[str, ...]
    """Records that are learned now: ``owner TYPE value TTL``."""

    epoch_changes: bool
    members: tuple[tuple[str, float | None], ...] | None
    """Addresses that the set holds afterwards, with the end of each where it is said; None: as before."""

    connections: tuple[tuple[str, str], ...]
    """Address and verdict of connections that are new now."""

    established: tuple[str, ...]
    """Addresses of connections that were opened before and go on."""


def events() -> list[Event]:
    """All rows. Raises ValueError for one that cannot be read whole."""
    (table,) = load(NAME)["rows"]
    return _Reader().read(table["rows"])


class _Reader:
    """What a row leaves out stands in those before it."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._addresses: list[str] = []
        self._members: tuple[str, ...] = ()

    def read(self, rows: list[list[str]]) -> list[Event]:
        return [self._event(*row) for row in rows]

    def _event(self, time: str, text: str, members: str, connection: str) -> Event:
        answer = self._answer(text)
        held = None if members == "unchanged" else self._held(members)
        if held is not None:
            self._members = tuple(address for address, _ in held)
        established = tuple(
            self._address(found) for found in re.findall(r"to ([\d.]+): Deny; a connection", connection)
        )
        return Event(
            float(time), text, answer, "dnsCacheEpoch" in text, held, self._connections(connection), established
        )

    def _answer(self, text: str) -> tuple[str, ...]:
        if "NXDOMAIN" in text or "dnsCacheEpoch" in text:
            return ()
        records: list[str] = []
        for match in _RECORD.finditer(text):
            if match["name"]:
                self._names.append(self._name(match["name"]))
            elif match["target"]:
                records.append(f"{self._names[-1]} CNAME {match['target']} {match['alias_ttl']}")
                self._names.append(match["target"])
            else:
                self._addresses.append(match["address"])
                records.append(f"{self._names[-1]} A {match['address']} {match['ttl']}")
        return tuple(records)

    def _name(self, text: str) -> str:
        """``edge…`` is the name before it that begins so."""
        return next(
            name for name in reversed([*self._names, text]) if name.startswith(text.rstrip("…")) and "…" not in name
        )

    def _address(self, text: str) -> str:
        """``.7`` is the address before it that ends so."""
        return next(
            address for address in reversed([text, *self._addresses]) if address.endswith(text) and address[0] != "."
        )

    def _held(self, text: str) -> tuple[tuple[str, float | None], ...]:
        if text == "∅":
            return ()
        inside, _, after = text.removeprefix("{").partition("}")
        members: list[tuple[str, float | None]] = []
        for match in _MEMBER.finditer(inside):
            until: Any = match["until"] or after.removeprefix(" until ").strip() or None
            members.append((self._address(match["address"]), float(until) if until else None))
        if not members:
            raise ValueError(f"no set: {text!r}")
        return tuple(members)

    def _connections(self, text: str) -> tuple[tuple[str, str], ...]:
        """``Allow`` of what the set holds, ``Deny`` of what it ever held, unless an address is named."""
        verdict = re.search(r"Allow|Deny", text)
        if verdict is None:
            raise ValueError(f"no verdict: {text!r}")
        named = [self._address(found) for found in re.findall(r"to ([\d.]*\.\d+)", text)]
        meant = named or (self._members if verdict[0] == "Allow" else dict.fromkeys(self._addresses))
        return tuple((address, verdict[0]) for address in meant)
