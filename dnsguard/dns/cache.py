"""The answer cache: bounded in entries and octets, least recently used first out; freshness is the stored answer's own.

An entry's key is everything that changes the answer: name, type, DO, RD, AD, CD, and the client subnet where one was
sent (the class is always IN).
"""

from collections import OrderedDict
from typing import Final

from dnsguard.dns.message import FLAG_AD, FLAG_CD, FLAG_RD, Query
from dnsguard.dns.reply import StoredAnswer

_MASK: Final = FLAG_RD | FLAG_AD | FLAG_CD
_DO: Final = 1  # a bit that none of the three uses
_OVERHEAD: Final = 1500
"""Octets an entry costs beside its message: key, layout, facts (measured for a short chain with two addresses)."""


def cache_key(query: Query) -> bytes:
    """Equal for queries that one answer serves, apart from ID, casing and EDNS size."""
    bits = query.flags & _MASK | (_DO if query.do else 0)
    return query.name + query.question[-4:-2] + bits.to_bytes(2, "big") + query.ecs


class AnswerCache:
    """Positive and negative answers by key. Holds at most ``max_entries`` of about ``max_octets`` together."""

    __slots__ = ("_entries", "_max_entries", "_max_octets", "_octets")

    def __init__(self, max_entries: int, max_octets: int) -> None:
        self._entries: OrderedDict[bytes, StoredAnswer] = OrderedDict()
        self._max_entries = max_entries
        self._max_octets = max_octets
        self._octets = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes, now: float) -> StoredAnswer | None:
        """The answer, if it is fresh at ``now``; one that is not is forgotten."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= now:
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: bytes, entry: StoredAnswer) -> None:
        """Keep ``entry`` if it may be kept at all, in place of what was there."""
        if entry.expires <= entry.arrived:
            return
        if key in self._entries:
            self._remove(key)
        self._entries[key] = entry
        self._octets += len(entry.body) + _OVERHEAD
        while len(self._entries) > self._max_entries or self._octets > self._max_octets:
            _, evicted = self._entries.popitem(last=False)
            self._octets -= len(evicted.body) + _OVERHEAD

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._octets = 0

    def _remove(self, key: bytes) -> None:
        self._octets -= len(self._entries.pop(key).body) + _OVERHEAD
