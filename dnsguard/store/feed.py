"""The recent changes, in memory, and the watches that read them.

Every watch reads the same log at its own place, so a thousand watches cost no more memory than one, and a slow one
holds nobody up: it falls out of the log and is told so. A change wakes only the watches that asked for its kind.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from dnsguard.store.encoding import decoded
from dnsguard.store.interface import Change, ChangeType, Compacted, Key


@dataclass(frozen=True, slots=True)
class Event:
    """A change as it is stored."""

    revision: int
    type: ChangeType
    key: Key
    text: str
    """Encoded object; for a deletion its last state."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much history is kept for watches that resume."""

    changes: int = 20_000
    """At 1 000 changes a second, what a controller may miss while it restarts."""

    text: int = 32 * 1024 * 1024
    """Characters of all objects in it. The newest change is kept whatever its size."""


class Feed:
    """The log of changes after ``floor``. Belongs to one event loop; revisions in it have no gaps."""

    def __init__(self, floor: int, bounds: Bounds) -> None:
        self._bounds = bounds
        self._floor = floor
        self._log: list[Event] = []
        self._dropped = 0
        """Events at the start of the log that are below the floor and wait for being cut off."""

        self._text = 0
        self._waiting: set[FeedWatch] = set()
        self._closed = False

    @property
    def floor(self) -> int:
        """Changes up to and including this revision are gone."""
        return self._floor

    @property
    def revision(self) -> int:
        """Of the newest change."""
        return self._floor + len(self._log) - self._dropped

    @property
    def is_closed(self) -> bool:
        """Whether watches end."""
        return self._closed

    def publish(self, events: Sequence[Event]) -> None:
        """Add changes that are durable, the next revisions in order, and wake who waits for them."""
        self._log += events
        self._text += sum(len(event.text) for event in events)
        self._trim()
        for watch in tuple(self._waiting):
            watch.offer(events, self.revision)

    def event_at(self, revision: int) -> Event:
        """The change of one revision that was reached. Raises Compacted where it is gone."""
        if revision <= self._floor:
            raise Compacted(f"revision {revision} is no longer kept: list again and watch from there")
        return self._log[self._dropped + revision - self._floor - 1]

    def watch(self, revision: int, plural: str | None, namespace: str | None) -> "FeedWatch":
        """See Store."""
        return FeedWatch(self, revision, plural, namespace)

    async def wait(self, watch: "FeedWatch", news: asyncio.Future[None]) -> None:
        """Return when ``watch`` has resolved ``news``, which it does when it is offered what it wants, or closed."""
        self._waiting.add(watch)
        try:
            await news
        finally:
            self._waiting.discard(watch)

    def close(self) -> None:
        """End all watches."""
        self._closed = True
        for watch in tuple(self._waiting):
            watch.wake()

    def _trim(self) -> None:
        while self.revision - self._floor > max(1, self._bounds.changes) or (
            self._text > self._bounds.text and self.revision - self._floor > 1
        ):
            self._text -= len(self._log[self._dropped].text)
            self._dropped += 1
            self._floor += 1
        if self._dropped > len(self._log) // 2:  # cut in large pieces: each costs a copy of what remains
            del self._log[: self._dropped]
            self._dropped = 0


class FeedWatch:
    """See ``interface.Watch``."""

    def __init__(self, feed: Feed, revision: int, plural: str | None, namespace: str | None) -> None:
        self._feed = feed
        self._revision = revision
        self._plural = plural
        self._namespace = namespace
        self._news: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def revision(self) -> int:
        """See Watch."""
        return self._revision

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        if self._revision > self._feed.revision:
            raise Compacted(f"revision {self._revision} was never reached: list again and watch from there")
        while not (self._closed or self._feed.is_closed):
            while self._revision < self._feed.revision:
                event = self._feed.event_at(self._revision + 1)
                self._revision += 1
                if self._wants(event.key):
                    return Change(event.type, event.key, decoded(event.text, event.revision), event.revision)
            self._news = asyncio.get_running_loop().create_future()
            await self._feed.wait(self, self._news)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """See Watch."""
        self._closed = True
        self.wake()

    def offer(self, events: Iterable[Event], revision: int) -> None:
        """Look at news while waiting: wake for what is wanted, else count it as seen."""
        if any(self._wants(event.key) for event in events):
            self.wake()
        elif self._news is not None and not self._news.done():
            self._revision = revision

    def wake(self) -> None:
        """Let the iteration look again."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _wants(self, key: Key) -> bool:
        return key.is_within(self._plural, self._namespace)
