"""Values that are given out by name, and stay the same objects for as long as they are equal."""

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Published(Generic[Key, Value]):
    """A mapping of which snapshots are given out. Whoever holds one never sees it change."""

    def __init__(self) -> None:
        self._values: dict[Key, Value] = {}
        self._snapshot: dict[Key, Value] | None = {}
        """The last snapshot, None when it is out of date."""

        self.made = 0
        """How many values were put, new or not: the work that was done."""

    def put(self, key: Key, value: Value) -> None:
        """An equal value that is there stays."""
        self.made += 1
        # To compare a value costs less than making it did.
        if key not in self._values or self._values[key] != value:
            self._values[key] = value
            self._snapshot = None

    def drop(self, key: Key) -> None:
        """Without effect where there is none."""
        if self._values.pop(key, None) is not None:
            self._snapshot = None

    def get(self, key: Key) -> Value | None:
        """The value, or None."""
        return self._values.get(key)

    def snapshot(self) -> Mapping[Key, Value]:
        """A snapshot: the same object as last time when nothing changed."""
        if self._snapshot is None:
            self._snapshot = dict(self._values)
        return self._snapshot
