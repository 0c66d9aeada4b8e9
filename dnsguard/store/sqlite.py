"""The embedded store: one SQLite file, and all of it in memory.

Writes go to the file first, and to memory once they are durable. Reads and watches never touch the disk, so a locked or
full disk stops changes and nothing else, and what a watch delivers cannot disagree with what a list shows.
"""

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self, assert_never

from dnsguard.errors import DnsguardError
from dnsguard.store.collection import Collection
from dnsguard.store.encoding import decoded, encoded
from dnsguard.store.feed import Bounds, Feed, FeedWatch
from dnsguard.store.filelock import FileLock
from dnsguard.store.interface import ChangeType, Event, Key, NotFound, Object, Page, Record, StoreUnusable
from dnsguard.store.journal import Journal, Unchanged, Write
from dnsguard.store.writer import Writer

DEFAULT_BOUNDS = Bounds()

PIECE = 100
"""Objects decoded before other tasks get their turn: about a millisecond."""


class SqliteStore:
    """See ``interface.Store``. Belongs to the event loop it was opened in; one process at a time has the file open."""

    def __init__(self, journal: Journal, floor: int, events: Sequence[Event], lock: FileLock, bounds: Bounds) -> None:
        """Use `open`."""
        self._lock = lock
        self._bounds = bounds
        self._collections: dict[str, Collection] = {}
        """By plural."""

        self._feed = Feed(floor, bounds)
        self._compacted = floor
        self._applied(event for event in events if event.revision <= floor)
        self._writer = Writer(journal, self._publish)
        self._publish([event for event in events if event.revision > floor])

    @classmethod
    async def open(cls, path: Path, *, bounds: Bounds = DEFAULT_BOUNDS, busy_timeout: float = 2.0) -> Self:
        """Open the file, or make it, readable by its owner only. Raises StoreUnusable.

        ``busy_timeout``: seconds that a write waits for another program's lock on the file.
        """
        lock = FileLock(path.with_name(path.name + ".lock"))
        try:
            journal, floor, events = await asyncio.to_thread(_read, path, busy_timeout)
        except BaseException:
            lock.release()
            raise
        return cls(journal, floor, events, lock, bounds)

    @property
    def revision(self) -> int:
        """Of the newest change."""
        return self._feed.revision

    async def create(self, key: Key, value: Object) -> Object:
        """See Store."""
        return await self._write(Write(ChangeType.ADDED, key, encoded(value), None))

    async def update(self, key: Key, value: Object, expected_revision: int | None) -> Object:
        """See Store."""
        return await self._write(Write(ChangeType.MODIFIED, key, encoded(value), expected_revision))

    async def delete(self, key: Key, expected_revision: int | None) -> Object:
        """See Store."""
        return await self._write(Write(ChangeType.DELETED, key, "", expected_revision))

    async def get(self, key: Key) -> Object:
        """See Store."""
        return (await self.record(key)).value()

    async def record(self, key: Key) -> Record:
        """See Store."""
        collection = self._collections.get(key.plural)
        record = collection.get(key) if collection else None
        if record is None:
            raise NotFound(f"{key} does not exist")
        return record

    async def list_objects(self, plural: str | None = None, namespace: str | None = None) -> tuple[list[Object], int]:
        """See Store."""
        revision = self._feed.revision
        records: list[Record] = []
        for each in sorted(self._collections) if plural is None else [plural]:
            records += self._page(each, namespace, revision, None, 0).records
        objects: list[Object] = []
        for start in range(0, len(records), PIECE):
            objects += [record.value() for record in records[start : start + PIECE]]
            await asyncio.sleep(0)
        return objects, revision

    async def page(
        self, plural: str, namespace: str | None = None, *, at: int | None = None, after: Key | None = None, limit: int
    ) -> Page:
        """See Store."""
        revision = self._feed.revision if at is None else at
        return self._page(plural, namespace, revision, after, limit)

    def watch(
        self, from_revision: int, plural: str | None = None, namespace: str | None = None, name: str | None = None
    ) -> FeedWatch:
        """See Store."""
        return self._feed.watch(from_revision, plural, namespace, name)

    async def close(self) -> None:
        """See Store. Writes that wait are done first."""
        await self._writer.stop()
        self._feed.close()
        self._lock.release()

    async def _write(self, write: Write) -> Object:
        outcome = await self._writer.write(write)
        match outcome:
            case Event() | Unchanged():
                return decoded(outcome.text, outcome.revision)
            case DnsguardError():
                raise outcome
            case _:
                assert_never(outcome)

    def _page(self, plural: str, namespace: str | None, revision: int, after: Key | None, limit: int) -> Page:
        undo = self._feed.undoing(revision, plural)
        collection = self._collections.get(plural)
        records, remaining = collection.page(namespace, after, limit, undo) if collection else ([], 0)
        return Page(records, revision, remaining)

    def _publish(self, events: Sequence[Event]) -> None:
        self._feed.publish(self._applied(events))
        if self._feed.floor - self._compacted > self._bounds.changes // 10:  # in pieces: each costs a transaction
            self._compacted = self._feed.floor
            self._writer.compact(self._compacted)

    def _applied(self, events: Iterable[Event]) -> list[Event]:
        """The same events, each with what it replaced."""
        applied: list[Event] = []
        for event in events:
            collection = self._collections.get(event.key.plural)
            if collection is None:
                collection = self._collections[event.key.plural] = Collection(event.key.plural)
            applied.append(replace(event, replaced=collection.get(event.key)))
            collection.apply(event)
        return applied


def _read(path: Path, busy_timeout: float) -> tuple[Journal, int, list[Event]]:
    _make_private(path)
    journal = Journal(path, busy_timeout)
    try:
        return journal, *journal.load()
    except BaseException:
        journal.close()
        raise


def _make_private(path: Path) -> None:
    """The file exists and is readable by its owner only; SQLite gives its companions the same mode."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)  # before SQLite opens it: see FileLock
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)  # the new name survives a power cut
        finally:
            os.close(directory)
    except OSError as error:
        raise StoreUnusable(f"{path} cannot be opened as a store: {error.strerror}") from error
