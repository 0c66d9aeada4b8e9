"""The reference store: what the contract means, written as plainly as can be. Nothing survives the process."""

import asyncio
from collections.abc import Callable
from typing import Self

from dnsguard.store.encoding import encoded
from dnsguard.store.interface import (
    AlreadyExists,
    Change,
    ChangeType,
    Compacted,
    Conflict,
    Event,
    Key,
    NotFound,
    Object,
    Page,
    Record,
)


class MemoryStore:
    """See ``interface.Store``. Belongs to one event loop."""

    def __init__(self, history: int = 20_000) -> None:
        """``history``: how many changes are kept for watchers that resume."""
        self._history = history
        self._records: dict[Key, Record] = {}
        self._changes: list[Event] = []
        """The change of revision n stands at n - 1; what is older than the history is here, but not handed out."""

        self._waiting: list[Callable[[], None]] = []
        """Called by the next change."""

        self._closed = False

    async def create(self, key: Key, value: Object) -> Object:
        """See Store."""
        if key in self._records:
            raise AlreadyExists(f"{key} exists already")
        return self._write(ChangeType.ADDED, key, encoded(value))

    async def update(self, key: Key, value: Object, expected_revision: int | None) -> Object:
        """See Store."""
        current = self._current(key, expected_revision)
        text = encoded(value)
        if text == current.text:
            return current.value()
        return self._write(ChangeType.MODIFIED, key, text)

    async def delete(self, key: Key, expected_revision: int | None) -> Object:
        """See Store."""
        return self._write(ChangeType.DELETED, key, self._current(key, expected_revision).text)

    async def get(self, key: Key) -> Object:
        """See Store."""
        return self._current(key, None).value()

    async def record(self, key: Key) -> Record:
        """See Store."""
        return self._current(key, None)

    async def list_objects(self, plural: str | None = None, namespace: str | None = None) -> tuple[list[Object], int]:
        """See Store."""
        keys = sorted(key for key in self._records if key.is_within(plural, namespace))
        return [self._records[key].value() for key in keys], self.revision

    async def page(
        self, plural: str, namespace: str | None = None, *, at: int | None = None, after: Key | None = None, limit: int
    ) -> Page:
        """See Store."""
        revision = self.revision if at is None else at
        self.require_kept(revision)
        found: dict[Key, Record] = {}
        for event in self._changes[:revision]:
            if event.type is ChangeType.DELETED:
                del found[event.key]
            else:
                found[event.key] = event.record
        keys = sorted(key for key in found if key.is_within(plural, namespace) and (after is None or key > after))
        records = [found[key] for key in keys[: limit or None]]
        return Page(records, revision, len(keys) - len(records))

    def watch(
        self, from_revision: int, plural: str | None = None, namespace: str | None = None, name: str | None = None
    ) -> "MemoryWatch":
        """See Store."""
        return MemoryWatch(self, from_revision, plural, namespace, name)

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

    def require_kept(self, revision: int) -> None:
        """Raises Compacted where changes after a revision are older than the history, or it was never reached."""
        if revision < self.revision - self._history:
            raise Compacted(f"revision {revision + 1} is no longer kept: list again and watch from there")
        if revision > self.revision:
            raise Compacted(f"revision {revision} was never reached: list again and watch from there")

    def event_at(self, revision: int) -> Event:
        """The change of one revision."""
        return self._changes[revision - 1]

    def call_when_moved(self, call: Callable[[], None]) -> None:
        """Call after the next change, or when something that watches was closed."""
        self._waiting.append(call)

    def wake(self) -> None:
        """Let everything that waits look again."""
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()

    def _current(self, key: Key, expected_revision: int | None) -> Record:
        current = self._records.get(key)
        if current is None:
            raise NotFound(f"{key} does not exist")
        if expected_revision is not None and expected_revision != current.revision:
            raise Conflict(
                f"{key} is at revision {current.revision}, not {expected_revision}: read it again and repeat the change"
            )
        return current

    def _write(self, type_: ChangeType, key: Key, text: str) -> Object:
        event = Event(self.revision + 1, type_, key, text, self._records.get(key))
        self._changes.append(event)
        if type_ is ChangeType.DELETED:
            del self._records[key]
        else:
            self._records[key] = event.record
        self.wake()
        return event.record.value()


class MemoryWatch:
    """See ``interface.Watch``."""

    def __init__(self, store: MemoryStore, revision: int, *scope: str | None) -> None:
        self._store = store
        self._revision = revision
        self._scope = scope
        self._call: Callable[[], None] | None = None
        self._closed = False

    @property
    def revision(self) -> int:
        """See Watch."""
        return self._revision

    @property
    def has_ended(self) -> bool:
        """See Watch."""
        return self._closed or self._store.is_closed

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        while not self.has_ended:
            for event in self.take(1):
                return event.change()
            ready = asyncio.Event()
            self.call_when_ready(ready.set)
            await ready.wait()
        raise StopAsyncIteration

    def take(self, most: int) -> list[Event]:
        """See Watch."""
        taken: list[Event] = []
        while not self.has_ended and len(taken) < most:
            self._store.require_kept(self._revision)
            if self._revision == self._store.revision:
                break
            self._revision += 1
            event = self._store.event_at(self._revision)
            if event.key.is_within(*self._scope):
                taken.append(event)
        return taken

    def call_when_ready(self, call: Callable[[], None]) -> None:
        """See Watch."""
        waits_already = self._call is not None
        self._call = call
        if self.has_ended or self._revision != self._store.revision:
            asyncio.get_running_loop().call_soon(self._look)
        elif not waits_already:
            self._store.call_when_moved(self._look)

    async def aclose(self) -> None:
        """See Watch."""
        self._closed = True
        self._store.wake()

    def _look(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()
