"""What expires when, in buckets: an entry costs an append, and nothing is looked at before its time."""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

WIDTH: Final = 4.0
"""Seconds of one bucket: by this much what has expired may be kept longer."""


class Wheel(Generic[Item]):
    """Items by the time at which to look at them again. Nothing is taken out early: who is asked says what has become
    of it, and puts it in again where its time has been moved."""

    __slots__ = ("_buckets", "_order")

    def __init__(self) -> None:
        self._buckets: dict[int, list[Item]] = {}
        self._order: list[int] = []
        """Keys of the buckets, as a heap."""

    def put(self, item: Item, at: float) -> None:
        """Have it come up when ``at`` (seconds) has passed, or a little later."""
        key = int(at / WIDTH) + 1
        bucket = self._buckets.get(key)
        if bucket is None:
            self._buckets[key] = [item]
            heappush(self._order, key)
        else:
            bucket.append(item)

    def due(self, now: float) -> Iterator[Item]:
        """The items whose time has come, each taken out as it is handed over; stopping in the middle loses none."""
        order, buckets = self._order, self._buckets
        while order and order[0] * WIDTH <= now:
            bucket = buckets[order[0]]
            if bucket:
                yield bucket.pop()
            else:
                del buckets[heappop(order)]
