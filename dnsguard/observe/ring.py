"""A bounded queue that never makes anybody wait: where there is no room, the oldest goes and is counted."""

from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Ring(Generic[Item]):
    """First in, first out."""

    __slots__ = ("_items", "lost", "most")

    def __init__(self, most: int) -> None:
        self._items: deque[Item] = deque(maxlen=most)
        self.most = most
        self.lost = 0
        """How many went for lack of room, since the beginning."""

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        if len(self._items) == self.most:
            self.lost += 1
        self._items.append(item)

    def take(self, most: int) -> list[Item]:
        """The oldest, at most so many; they are out of the ring."""
        items = self._items
        return [items.popleft() for _ in range(min(most, len(items)))]

    def newest(self, most: int) -> list[Item]:
        """The newest, at most so many, the oldest of them first; they stay."""
        items = self._items
        start = max(0, len(items) - most)
        return [items[index] for index in range(start, len(items))]
