"""Single entries of a network set: what a text stands for, and a set with some more of them or some less."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from pydantic_core import PydanticCustomError

from dnsguard.domains import DomainPattern, DomainPatternError, PatternIndex
from dnsguard.errors import DnsguardError
from dnsguard.resources.nets import Net, read_set_net

NETS = "nets"
DOMAINS = "allowedEgressDomains"

SHOWN = 3
"""Other entries that are named beside one."""

_NET = re.compile(r"[0-9.]+(/.*)?|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(/.*)?|[0-9a-fA-F:.]+/.*")
"""What is meant as a network: `fade.cafe` is a domain, `fade::` is none."""

_ANY_LABEL = b"\x01\xff"
"""A label that no pattern has: only a `*` matches it."""

_NetKey = tuple[int, int, int]
"""IP version, prefix length, and the bits of the prefix."""


class BadEntry(DnsguardError):
    """A text is neither a domain nor a network; `code` is V-18 or V-53 with its letter."""

    def __init__(self, text: str, code: str, reason: str) -> None:
        self.text = text
        self.code = code
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Entry:
    """A domain pattern or a network, as a set holds it."""

    value: DomainPattern | Net
    """Two entries are the same where `text` is."""

    @classmethod
    def parse(cls, text: str) -> "Entry":
        """Raises BadEntry."""
        if not _NET.fullmatch(text):
            try:
                return cls(DomainPattern.parse(text))
            except DomainPatternError as error:
                raise BadEntry(text, error.code, f"bad domain {text!r}: {error.reason}") from None
        try:
            return cls(read_set_net(text))
        except PydanticCustomError as error:
            context = error.context or {}
            raise BadEntry(text, str(context.get("code")), str(context.get("message"))) from None

    @property
    def field(self) -> str:
        """The list of the set's spec that holds it."""
        return NETS if isinstance(self.value, Net) else DOMAINS

    @property
    def text(self) -> str:
        """One spelling for all: lower case, `xn--`, no trailing dot; a network with its prefix and nothing beyond."""
        return str(self.value.network) if isinstance(self.value, Net) else self.value.canonical

    @property
    def warning(self) -> str | None:
        """What who allows it should know."""
        return self.value.warning


class Outcome(StrEnum):
    """What became of an entry."""

    ADDED = "added"
    PRESENT = "present"
    REMOVED = "removed"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class EntryChange:
    """One entry that was to be added or removed."""

    entry: Entry
    outcome: Outcome
    covered_by: tuple[str, ...] = ()
    """Other entries of the changed set that open it, too: the first few."""

    narrower: tuple[str, ...] = ()
    """Entries within it that the changed set still holds: the first few; said of what was to be removed."""


def with_entries(
    spec: Mapping[str, Any], add: Sequence[Entry], remove: Sequence[Entry]
) -> tuple[dict[str, Any], list[EntryChange]]:
    """The spec of a set with entries added behind those it has and others removed, and what became of each.

    What is there already, however it is written, stays as it is. An entry must not stand in both lists.
    """
    nets = {_held_key(text): text for text in spec.get(NETS) or ()}
    domains = {DomainPattern.parse(text).canonical: text for text in spec.get(DOMAINS) or ()}
    changes = [_removed(entry, nets, domains) for entry in remove]
    changes += [_added(entry, nets, domains) for entry in add]
    changed = dict(spec)
    for field, entries in ((NETS, list(nets.values())), (DOMAINS, list(domains.values()))):
        if entries or spec.get(field) is not None:
            changed[field] = entries
    return changed, _related(changes, nets, domains)


def _added(entry: Entry, nets: dict[_NetKey, str], domains: dict[str, str]) -> EntryChange:
    before = len(nets) + len(domains)
    if isinstance(entry.value, Net):
        nets.setdefault(_net_key(entry.value), entry.text)
    else:
        domains.setdefault(entry.text, entry.text)
    return EntryChange(entry, Outcome.ADDED if len(nets) + len(domains) > before else Outcome.PRESENT)


def _removed(entry: Entry, nets: dict[_NetKey, str], domains: dict[str, str]) -> EntryChange:
    gone = nets.pop(_net_key(entry.value), None) if isinstance(entry.value, Net) else domains.pop(entry.text, None)
    return EntryChange(entry, Outcome.ABSENT if gone is None else Outcome.REMOVED)


def _related(
    changes: Iterable[EntryChange], nets: Mapping[_NetKey, str], domains: Mapping[str, str]
) -> list[EntryChange]:
    """The changes, each with what the set opens or holds besides."""
    changes = list(changes)
    wider = _WiderNets(nets)
    opening = _WiderDomains(map(DomainPattern.parse, domains.values()))
    related = []
    for change in changes:
        value = change.entry.value
        covering = wider.of(_net_key(value)) if isinstance(value, Net) else opening.of(value)
        related.append(replace(change, covered_by=tuple(covering[:SHOWN])))
    removed = {change.entry.text: change.entry.value for change in changes if _was_to_go(change)}
    within = _held_within(removed, nets, domains) if removed else {}
    return [
        replace(change, narrower=tuple(within.get(change.entry.text, ()))) if _was_to_go(change) else change
        for change in related
    ]


def _was_to_go(change: EntryChange) -> bool:
    return change.outcome in (Outcome.REMOVED, Outcome.ABSENT)


def _held_within(
    removed: Mapping[str, DomainPattern | Net], nets: Mapping[_NetKey, str], domains: Mapping[str, str]
) -> dict[str, list[str]]:
    """By the text of what was to go: a few entries that are within it and stay."""
    found: dict[str, list[str]] = {}
    wider = _WiderNets({_net_key(value): text for text, value in removed.items() if isinstance(value, Net)})
    opening = _WiderDomains(value for value in removed.values() if isinstance(value, DomainPattern))
    for key, text in nets.items():
        for outer in wider.of(key):
            found.setdefault(outer, []).append(text)
    for text in domains.values():
        for outer in opening.of(DomainPattern.parse(text)):
            found.setdefault(outer, []).append(text)
    return {outer: inner[:SHOWN] for outer, inner in found.items()}


class _WiderNets:
    """Finds networks that hold another one: one look for each prefix length that occurs."""

    def __init__(self, nets: Mapping[_NetKey, str]) -> None:
        self._nets = nets
        self._lengths = sorted({key[:2] for key in nets})

    def of(self, inner: _NetKey) -> list[str]:
        """All that hold it, itself apart, the widest first."""
        version, length, bits = inner
        return [
            self._nets[key]
            for of_version, shorter in self._lengths
            if of_version == version and shorter < length
            if (key := (version, shorter, bits >> (length - shorter))) in self._nets
        ]


class _WiderDomains:
    """Finds patterns that match all that another one does."""

    def __init__(self, patterns: Iterable[DomainPattern]) -> None:
        self._index: PatternIndex[str] = PatternIndex()
        for pattern in patterns:
            self._index.add(pattern, pattern.canonical)

    def of(self, inner: DomainPattern) -> list[str]:
        """All of them, itself apart."""
        wire = inner.head if inner.tail is None else inner.head + _ANY_LABEL + inner.tail
        return sorted(self._index.owners(wire) - {inner.canonical})


def _net_key(net: Net) -> _NetKey:
    network = net.network
    beyond = network.max_prefixlen - network.prefixlen
    return network.version, network.prefixlen, int(network.network_address) >> beyond


def _held_key(text: str) -> _NetKey:
    """The key of a network that a set holds, so was read before. Most are IPv4, and reading 100 000 of them with all
    checks takes two seconds."""
    address, slash, length = text.partition("/")
    if ":" in address:
        return _net_key(read_set_net(text))
    first, second, third, fourth = map(int, address.split("."))
    prefix = int(length) if slash else 32
    return 4, prefix, (first << 24 | second << 16 | third << 8 | fourth) >> (32 - prefix)
