"""The reference store: what the contract means, written as plainly as can be. Nothing survives the process."""

import asyncio
from typing import Self

from dnsguard.store.encoding import decoded, encoded
from dnsguard.store.interface import (
    AlreadyExists,
    Change,
    ChangeType,
    Compacted,
    Conflict,
    Key,
    NotFound,
    Object,
)


class MemoryStore:
    """See ``interface.Store``. Belongs to one event loop."""

    def __init__(self, history: int = 20_000) -> None:
        """``history``: how many changes are kept for watchers that resume."""
        self._history = history
        self._objects: dict[Key, tuple[str, int]] = {}
        """Encoded object and its revision."""

        self._changes: list[tuple[ChangeType, Key, str]] = []
        """The change of revision n stands at n - 1; what is older than the history is here, but not handed out."""

        self._moved = asyncio.Event()
        """Set and replaced by each change."""

        self._closed = False

    async def create(self, key: Key, value: Object) -> Object:
        """See Store."""
        if key in self._objects:
            raise AlreadyExists(f"{key} exists already")
        return self._write(ChangeType.ADDED, key, encoded(value))

    async def update(self, key: Key, value: Object, expected_revision: int | None) -> Object:
        """See Store."""
        text, revision = self._current(key, expected_revision)
        new_text = encoded(value)
        if new_text == text:
            return decoded(text, revision)
        return self._write(ChangeType.MODIFIED, key, new_text)

    async def delete(self, key: Key, expected_revision: int | None) -> Object:
        """See Store."""
        text, _ = self._current(key, expected_revision)
        return self._write(ChangeType.DELETED, key, text)

    async def get(self, key: Key) -> Object:
        """See Store."""
        return decoded(*self._current(key, None))

    async def list_objects(self, plural: str | None = None, namespace: str | None = None) -> tuple[list[Object], int]:
        """See Store."""
        keys = sorted(key for key in self._objects if key.is_within(plural, namespace))
        return [decoded(*self._objects[key]) for key in keys], self.revision

    def watch(self, from_revision: int, plural: str | None = None, namespace: str | None = None) -> "MemoryWatch":
        """See Store."""
        return MemoryWatch(self, from_revision, plural, namespace)

    async def close(self) -> None:
        """See Store."""
        self._closed = True
        self.wake()

    @property
    def revision(self) -> int:
        """Of the newest change."""
        return len(self._changes)

    @property
    def is_closed(self) -> bool:
        """Whether watches end."""
        return self._closed

    def change_at(self, revision: int) -> Change:
        """The change of one revision. Raises Compacted where it is older than the history."""
        if revision <= self.revision - self._history:
            raise Compacted(f"revision {revision} is no longer kept: list again and watch from there")
        type_, key, text = self._changes[revision - 1]
        return Change(type_, key, decoded(text, revision), revision)

    async def moved(self) -> None:
        """Return after the next change, or when something that watches was closed."""
        await self._moved.wait()

    def wake(self) -> None:
        """Let everything that waits look again."""
        self._moved.set()
        self._moved = asyncio.Event()

    def _current(self, key: Key, expected_revision: int | None) -> tuple[str, int]:
        if key not in self._objects:
            raise NotFound(f"{key} does not exist")
        text, revision = self._objects[key]
        if expected_revision is not None and expected_revision != revision:
            raise Conflict(
                f"{key} is at revision {revision}, not {expected_revision}: read it again and repeat the change"
            )
        return text, revision

    def _write(self, type_: ChangeType, key: Key, text: str) -> Object:
        self._changes.append((type_, key, text))
        if type_ is ChangeType.DELETED:
            del self._objects[key]
        else:
            self._objects[key] = text, self.revision
        self.wake()
        return decoded(text, self.revision)


class MemoryWatch:
    """See ``interface.Watch``."""

    def __init__(self, store: MemoryStore, revision: int, plural: str | None, namespace: str | None) -> None:
        self._store = store
        self._revision = revision
        self._plural = plural
        self._namespace = namespace
        self._closed = False

    @property
    def revision(self) -> int:
        """See Watch."""
        return self._revision

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        if self._revision > self._store.revision:
            raise Compacted(f"revision {self._revision} was never reached: list again and watch from there")
        while not (self._closed or self._store.is_closed):
            if self._revision == self._store.revision:
                await self._store.moved()
                continue
            change = self._store.change_at(self._revision + 1)
            self._revision += 1
            if change.key.is_within(self._plural, self._namespace):
                return change
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """See Watch."""
        self._closed = True
        self._store.wake()
