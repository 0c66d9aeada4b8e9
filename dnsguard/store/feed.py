"""The recent changes, in memory, and the watches that read them.

Every watch reads the same log at its own place, so a thousand watches cost no more memory than one, and a slow one
holds nobody up: it falls out of the log and is told so. A change wakes only the watches that asked for its kind.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from dnsguard.store.interface import Change, Compacted, Event, Key, Record

Scope = tuple[str | None, str | None, str | None]
"""Plural, namespace and name; ``None`` for all."""

WINDOW = 256
"""Events looked at in one piece of the log."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much history is kept for watches that resume."""

    changes: int = 20_000
    """At 1 000 changes a second, what a controller may miss while it restarts."""

    text: int = 32 * 1024 * 1024
    """Characters of all objects in it, as they became; what they replaced is at most as much again. The newest change
    is kept whatever its size."""


class Feed:
    """The log of changes after ``floor``. Belongs to one event loop; revisions in it have no gaps."""

    def __init__(self, floor: int, bounds: Bounds) -> None:
        self._bounds = bounds
        self._floor = floor
        self._log: list[Event] = []
        self._dropped = 0
        """Events at the start of the log that are below the floor and wait for being cut off."""

        self._text = 0
        self._taken: dict[tuple[Scope, int, int], tuple[Sequence[Event], int]] = {}
        """What was found since the last change: many watches ask the same."""

        self._waiting: defaultdict[Scope, set[FeedWatch]] = defaultdict(set)
        """Those that have seen everything, by what they ask for."""

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
        seen = self.revision
        self._taken.clear()
        self._log += events
        self._text += sum(len(event.text) for event in events)
        self._trim()
        for event in events:
            for scope in _scopes(event.key):
                for watch in self._waiting.pop(scope, ()):
                    watch.wake(seen)

    def after(self, revision: int, most: int) -> Sequence[Event]:
        """The next changes after a revision. Raises Compacted where one of them is gone, or it was never reached."""
        if revision < self._floor:
            raise Compacted(f"revision {revision + 1} is no longer kept: list again and watch from there")
        if revision > self.revision:
            raise Compacted(f"revision {revision} was never reached: list again and watch from there")
        start = self._dropped + revision - self._floor
        return self._log[start : start + most]

    def found(self, scope: Scope, revision: int, most: int) -> tuple[Sequence[Event], int]:
        """The next changes in a scope, and the revision up to which there are no others. Raises Compacted."""
        found = self._taken.get((scope, revision, most))
        if found is None:
            found = self._taken[scope, revision, most] = self._look(scope, revision, most)
        return found

    def undoing(self, revision: int, plural: str) -> dict[Key, Record | None]:
        """What stood at a revision where objects of a kind changed since; ``None`` where nothing did.

        Raises Compacted.
        """
        undo: dict[Key, Record | None] = {}
        for event in self.after(revision, len(self._log)):
            if event.key.plural == plural:
                undo.setdefault(event.key, event.replaced)
        return undo

    def watch(self, revision: int, *scope: str | None) -> "FeedWatch":
        """See Store."""
        plural, namespace, name = scope
        return FeedWatch(self, revision, (plural, namespace, name))

    def add_waiting(self, watch: "FeedWatch") -> None:
        """Wake it when what it asks for changes; it has seen everything."""
        self._waiting[watch.scope].add(watch)

    def drop_waiting(self, watch: "FeedWatch") -> None:
        """Do not wake it. May be repeated."""
        waiting = self._waiting.get(watch.scope)
        if waiting is not None:
            waiting.discard(watch)
            if not waiting:
                del self._waiting[watch.scope]

    def close(self) -> None:
        """End all watches."""
        self._closed = True
        for waiting in tuple(self._waiting.values()):
            for watch in tuple(waiting):
                watch.wake(self.revision)
        self._waiting.clear()

    def _look(self, scope: Scope, revision: int, most: int) -> tuple[Sequence[Event], int]:
        events: list[Event] = []
        while window := self.after(revision, WINDOW):
            for event in window:
                if len(events) == most:
                    return events, revision
                revision = event.revision
                if event.key.is_within(*scope):
                    events.append(event)
        return events, revision

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


def _scopes(key: Key) -> Iterator[Scope]:
    """What may be asked for that a key is in."""
    for plural in (key.plural, None):
        for namespace in (key.namespace, None):
            for name in (key.name, None):
                yield plural, namespace, name


class FeedWatch:
    """See ``interface.Watch``."""

    def __init__(self, feed: Feed, revision: int, scope: Scope) -> None:
        self.scope = scope
        self._feed = feed
        self._revision = revision
        self._call: Callable[[], None] | None = None
        """While it is set the feed knows this watch, which has seen everything."""

        self._closed = False

    @property
    def revision(self) -> int:
        """See Watch."""
        return self._revision if self._call is None else self._feed.revision

    @property
    def has_ended(self) -> bool:
        """See Watch."""
        return self._closed or self._feed.is_closed

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        while not self.has_ended:
            for event in self.take(1):
                return event.change()
            ready = asyncio.Event()
            self.call_when_ready(ready.set)
            try:
                await ready.wait()
            finally:
                self._stop_waiting()
        raise StopAsyncIteration

    def take(self, most: int) -> Sequence[Event]:
        """See Watch."""
        self._stop_waiting()
        if self.has_ended:
            return ()
        events, self._revision = self._feed.found(self.scope, self._revision, most)
        return events

    def call_when_ready(self, call: Callable[[], None]) -> None:
        """See Watch."""
        self._stop_waiting()
        if self.has_ended or self._revision != self._feed.revision:
            asyncio.get_running_loop().call_soon(call)
        else:
            self._call = call
            self._feed.add_waiting(self)

    async def aclose(self) -> None:
        """See Watch."""
        self._closed = True
        call = self._call
        self._stop_waiting()
        if call is not None:
            call()

    def wake(self, seen: int) -> None:
        """The feed does not know this watch any more, which had seen everything up to a revision."""
        call, self._call, self._revision = self._call, None, seen
        if call is not None:
            call()

    def _stop_waiting(self) -> None:
        if self._call is not None:
            self._revision = self._feed.revision
            self._call = None
            self._feed.drop_waiting(self)
