"""The answer cache: bounded in entries and octets, least recently used first out; freshness is the stored answer's own.

An entry's key is everything that changes the answer: name, type, DO, RD, AD, CD, and the client subnet where one was
sent (the class is always IN).
"""

from collections import OrderedDict
from typing import Final

from dnsguard.dns.message import FLAG_AD, FLAG_CD, FLAG_RD, Query
from dnsguard.dns.reply import StoredAnswer

_MASK: Final = FLAG_RD | FLAG_AD | FLAG_CD  # leaves the lowest bit to DO
_OVERHEAD: Final = 1500
"""Octets an entry costs beside its message: key, layout, facts (measured for a short chain with two addresses)."""


CacheKey = tuple[bytes, int, int, bytes]


def cache_key(query: Query) -> CacheKey:
    """Equal for queries that one answer serves, apart from ID, casing and EDNS size."""
    return query.name, query.qtype, query.flags & _MASK | query.do, query.ecs


class AnswerCache:
    """Positive and negative answers by key. Holds at most ``max_entries`` of about ``max_octets`` together."""

    __slots__ = ("_entries", "_keep", "_max_entries", "_max_octets", "_octets")

    def __init__(self, max_entries: int, max_octets: int, keep: float = 0.0) -> None:
        """``keep``: seconds for which what has expired can still be had by ``stale``."""
        self._entries: OrderedDict[CacheKey, StoredAnswer] = OrderedDict()
        self._keep = keep
        self._max_entries = max_entries
        self._max_octets = max_octets
        self._octets = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: CacheKey, now: float) -> StoredAnswer | None:
        """The answer, if it is fresh at ``now``; one that is not is forgotten when it is of no use any more."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= now:
            if entry.expires + self._keep <= now:
                self._remove(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def stale(self, key: CacheKey, now: float) -> StoredAnswer | None:
        """The answer also when it expired less than ``keep`` seconds ago."""
        entry = self._entries.get(key)
        return entry if entry is not None and entry.expires + self._keep > now else None

    def put(self, key: CacheKey, entry: StoredAnswer) -> None:
        """Keep ``entry`` if it may be kept at all, in place of what was there."""
        if entry.expires <= entry.arrived:
            return
        if key in self._entries:
            self._remove(key)
        self._entries[key] = entry
        self._octets += len(entry.data) + _OVERHEAD
        while len(self._entries) > self._max_entries or self._octets > self._max_octets:
            _, evicted = self._entries.popitem(last=False)
            self._octets -= len(evicted.data) + _OVERHEAD

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._octets = 0

    def _remove(self, key: CacheKey) -> None:
        self._octets -= len(self._entries.pop(key).data) + _OVERHEAD
