"""Which patterns match a name, among very many."""

from typing import Generic, TypeVar

from dnsguard.domains.pattern import DomainPattern

Owner = TypeVar("Owner")


class PatternIndex(Generic[Owner]):
    """Patterns and who asks for them. Looking up a name costs one dictionary access for each of its labels, however
    many patterns there are; further ones only where a pattern with the same ending has components before its `*`.

    Keys are wire bytes cut at label borders, so no label can pose as two.
    """

    def __init__(self) -> None:
        self._exact: dict[bytes, set[Owner]] = {}
        self._wild: dict[bytes, dict[bytes, set[Owner]]] = {}
        """tail → head → owners"""
        self._size = 0

    def __len__(self) -> int:
        """The number of (pattern, owner) pairs."""
        return self._size

    def add(self, pattern: DomainPattern, owner: Owner) -> None:
        """From now on the owner is among those of every name that the pattern matches. Adding twice is adding once."""
        by_head = self._exact if pattern.tail is None else self._wild.setdefault(pattern.tail, {})
        owners = by_head.setdefault(pattern.head, set())
        self._size += owner not in owners
        owners.add(owner)

    def discard(self, pattern: DomainPattern, owner: Owner) -> None:
        """Undoes `add`; without effect where there was none."""
        by_head = self._exact if pattern.tail is None else self._wild.get(pattern.tail, {})
        owners = by_head.get(pattern.head)
        if owners is None or owner not in owners:
            return
        owners.remove(owner)
        self._size -= 1
        if not owners:
            del by_head[pattern.head]
            if pattern.tail is not None and not by_head:
                del self._wild[pattern.tail]

    def owners(self, wire: bytes) -> set[Owner]:
        """All owners of patterns that match a name in lower-case wire form. The caller may keep and change the set."""
        found = set(self._exact.get(wire, ()))
        wild = self._wild
        if wild:
            border = 0
            while length := wire[border]:
                border += length + 1
                if by_head := wild.get(wire[border:]):
                    self._collect(by_head, wire, border, found)
        return found

    def _collect(self, by_head: dict[bytes, set[Owner]], wire: bytes, border: int, found: set[Owner]) -> None:
        """Adds the owners whose heads end before the last label in front of border: `*` takes at least one label."""
        head_end = 0
        while head_end < border:
            found.update(by_head.get(wire[:head_end], ()))
            head_end += wire[head_end] + 1
