"""The objects of one kind in memory, in key order, as they are and as they were."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping
from heapq import merge
from itertools import islice

from dnsguard.store.interface import ChangeType, Event, Key, Record


class Collection:
    """Changed by one event after another."""

    def __init__(self, plural: str) -> None:
        self._plural = plural
        self._records: dict[Key, Record] = {}
        self._order: list[Key] | None = None
        """All keys, sorted; ``None`` until somebody lists them, so that a store of many is opened fast."""

    def get(self, key: Key) -> Record | None:
        """What stands there."""
        return self._records.get(key)

    def apply(self, event: Event) -> None:
        """Take the next change."""
        if event.type is ChangeType.DELETED:
            if self._records.pop(event.key, None) is not None and self._order is not None:
                del self._order[bisect_left(self._order, event.key)]
            return
        if self._order is not None and event.key not in self._records:
            insort(self._order, event.key)
        self._records[event.key] = event.record

    def page(
        self, namespace: str | None, after: Key | None, limit: int, undo: Mapping[Key, Record | None]
    ) -> tuple[list[Record], int]:
        """Up to ``limit`` objects (0: all) that come after a key, and how many come after those.

        ``undo``: what stood at keys that changed since the time that is shown; ``None`` where nothing stood.
        """
        if self._order is None:
            self._order = sorted(self._records, key=lambda key: (key.namespace, key.name))
        order = self._order
        first = bisect_left(order, Key(self._plural, namespace or "", ""))
        if after is not None:
            first = max(first, bisect_right(order, after))
        end = len(order) if namespace is None else bisect_left(order, Key(self._plural, f"{namespace}\0", ""))
        count = max(end - first, 0)
        if not undo:
            records = [self._records[key] for key in order[first : min(end, first + limit) if limit else end]]
            return records, count - len(records)
        changed = [key for key in undo if namespace in (None, key.namespace) and (after is None or key > after)]
        stood = sorted(key for key in changed if undo[key] is not None)
        count += len(stood) - sum(key in self._records for key in changed)
        untouched = (key for key in order[first:end] if key not in undo)
        found = (undo.get(key) or self._records[key] for key in merge(untouched, stood))
        records = list(islice(found, limit or None))
        return records, count - len(records)
