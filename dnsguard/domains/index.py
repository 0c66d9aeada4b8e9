"""Which patterns match a name, among very many."""

from typing import Generic, TypeVar

from dnsguard.domains.pattern import DomainPattern

Owner = TypeVar("Owner")

_ByName = dict[bytes, tuple[Owner, ...]]
"""Tuples and not sets: nearly every pattern has one owner, and a set of one takes four times the memory."""


class PatternIndex(Generic[Owner]):
    """Patterns and who asks for them. Looking up a name costs one dictionary access for each of its labels, however
    many patterns there are; further ones only where a pattern with the same ending has components before its `*`.

    Keys are wire bytes cut at label borders, so no label can pose as two.
    """

    def __init__(self) -> None:
        self._exact: _ByName[Owner] = {}
        self._below: _ByName[Owner] = {}
        """Of patterns that begin with the `*`, by what follows it."""

        self._between: dict[bytes, _ByName[Owner]] = {}
        """Of all others with a `*`: what follows it → what stands before it → owners."""

        self._size = 0

    def __len__(self) -> int:
        """The number of (pattern, owner) pairs."""
        return self._size

    def add(self, pattern: DomainPattern, owner: Owner) -> None:
        """From now on the owner is among those of every name that the pattern matches. Adding twice is adding once."""
        if pattern.tail is not None and pattern.head:
            self._between.setdefault(pattern.tail, {})
        by_name, key = self._place(pattern)
        owners = by_name.get(key, ())
        if owner not in owners:
            by_name[key] = (*owners, owner)
            self._size += 1

    def discard(self, pattern: DomainPattern, owner: Owner) -> None:
        """Undoes `add`; without effect where there was none."""
        by_name, key = self._place(pattern)
        owners = by_name.get(key, ())
        if owner not in owners:
            return
        self._size -= 1
        by_name[key] = tuple(each for each in owners if each != owner)
        if not by_name[key]:
            del by_name[key]
            if pattern.tail is not None and pattern.head and not by_name:
                del self._between[pattern.tail]

    def owners(self, wire: bytes) -> set[Owner]:
        """All owners of patterns that match a name in lower-case wire form. The caller may keep and change the set."""
        return set(self.matching(wire))

    def matching(self, wire: bytes) -> tuple[Owner, ...]:
        """The same as a tuple, nearly always one that is kept here anyway; an owner may stand in it several times."""
        found = self._exact.get(wire, ())
        below, between = self._below, self._between
        if below or between:
            border = 0
            while length := wire[border]:
                border += length + 1
                tail = wire[border:]
                if owners := below.get(tail):
                    found = found + owners if found else owners
                if between and (by_head := between.get(tail)):
                    found += self._heads(by_head, wire, border)
        return found

    def _place(self, pattern: DomainPattern) -> tuple[_ByName[Owner], bytes]:
        """The dictionary that a pattern belongs into, and its key there."""
        if pattern.tail is None:
            return self._exact, pattern.head
        if not pattern.head:
            return self._below, pattern.tail
        return self._between.get(pattern.tail, {}), pattern.head

    def _heads(self, by_head: _ByName[Owner], wire: bytes, border: int) -> tuple[Owner, ...]:
        """The owners whose heads end before the last label in front of border: `*` takes at least one label."""
        found: tuple[Owner, ...] = ()
        head_end = wire[0] + 1
        while head_end < border:
            found += by_head.get(wire[:head_end], ())
            head_end += wire[head_end] + 1
        return found
