"""Watches over HTTP: one JSON event a line, bookmarks while nothing happens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Literal

from api.answers import as_json
from api.failures import Failure, failure_of
from api.objects import Target, key_of
from api.selection import Selection
from api.statuses import NO_STATUSES, Statuses, shown
from api.turns import Turns, TurnWatch
from dnsguard.errors import DnsguardError
from dnsguard.store.interface import Change, ChangeType, Key, NotFound, Object, Store, Watch

MOST_STREAMS = 2_000
"""Open watches of all clients; each costs a task and a socket."""


class Streams:
    """All open watches, so that they can be counted, and ended when the server stops."""

    def __init__(self, store: Store, bookmark_interval: float, statuses: Statuses = NO_STATUSES) -> None:
        self._store = store
        self._statuses = statuses
        self._turns = Turns(statuses)
        self._interval = bookmark_interval
        self._open: set[Watch] = set()
        self._closed = False

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    async def close(self) -> None:
        """End every watch: a server that waits for its connections would wait for them for ever."""
        self._closed = True
        for watch in tuple(self._open):
            await watch.aclose()

    async def stream(
        self, target: Target, wanted: Selection, revision: int | None, *, bookmarks: bool, seconds: float
    ) -> AsyncIterator[bytes]:
        """Lines of a watch, from a revision on, or beginning with what there is. Raises Failure before the first line.

        ``seconds``: end after so long; may be infinite.
        """
        if self._closed:
            raise Failure(503, "ServiceUnavailable", "the server stops", headers={"Retry-After": "1"})
        if len(self._open) >= MOST_STREAMS:
            raise Failure(429, "TooManyRequests", f"{len(self._open)} watches are open", headers={"Retry-After": "5"})
        scope = (target.kind.collection, target.namespace or None)
        view = _View(wanted)
        first: list[Object] = []
        if revision is None:
            objects, revision = await self._store.list_objects(*scope)
            first = [value for value in objects if view.shows(key_of(target, value), value)]
        watch = self._store.watch(revision, *scope)
        return self._lines(watch, revision, first, view, target, bookmarks=bookmarks, seconds=seconds)

    async def _lines(
        self,
        watch: Watch,
        since: int,
        first: list[Object],
        view: "_View",
        target: Target,
        *,
        bookmarks: bool,
        seconds: float,
    ) -> AsyncIterator[bytes]:
        self._open.add(watch)  # here and not earlier: a stream that nobody reads from must not be counted for ever
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        turning = asyncio.Event()
        turns: TurnWatch | None = None
        following: asyncio.Task[Change | None] | None = None
        hearing: asyncio.Task[Literal[True]] | None = None
        try:
            turns = self._turns.watch(target.kind.collection, target.namespace or None, since, turning.set)
            for value in first:
                yield self._line("ADDED", target, value)
            while (left := end - loop.time()) > 0:
                following = following or asyncio.create_task(_next(watch), name=f"watch {target}")
                hearing = hearing or asyncio.create_task(turning.wait(), name=f"turns of {target}")
                waiting = {following, hearing}
                await asyncio.wait(waiting, timeout=min(left, self._interval), return_when=asyncio.FIRST_COMPLETED)
                if following.done():
                    change, following = following.result(), None
                    if change is None:
                        return
                    for type_, value in view.events(change):
                        yield self._line(type_, target, value)
                elif hearing.done():
                    hearing = None
                    turning.clear()
                    for value in await self._turned(turns, watch, view):
                        yield self._line("MODIFIED", target, value)
                elif bookmarks:
                    yield _line("BOOKMARK", _bookmark(target, watch.revision))
        except DnsguardError as error:
            yield _line("ERROR", failure_of(error).as_status())
        finally:
            for task in (following, hearing):
                if task is not None:
                    task.cancel()
            if turns is not None:
                turns.close()
            self._open.discard(watch)
            await watch.aclose()

    async def _turned(self, turns: TurnWatch, watch: Watch, view: "_View") -> list[Object]:
        """The objects whose status is another one than this watch has told."""
        found: list[Object] = []
        for key, revision in turns.take(watch.revision):
            with suppress(NotFound):
                value = await self._store.get(key)
                if value["metadata"]["resourceVersion"] == str(revision) and view.shows(key, value):
                    found.append(value)
        return found

    def _line(self, type_: str, target: Target, value: Object) -> bytes:
        if type_ != ChangeType.DELETED:
            value = shown(self._statuses, target.kind.collection, value)
        return _line(type_, value)


class _View:
    """A watch as one client sees it: objects come and go as they begin and cease to be wanted."""

    def __init__(self, wanted: Selection) -> None:
        self._wanted = wanted
        self._shown: dict[Key, bool] = {}
        """What the client was told last. Of an object not in here it may know from a list that it made before."""

    def shows(self, key: Key, value: Object) -> bool:
        """Whether an object that is there at the beginning is shown."""
        return self._note(key, self._wanted(value))

    def events(self, change: Change) -> list[tuple[ChangeType, Object]]:
        """What the client is told of a change."""
        if not self._wanted.tests:
            return [(change.type, change.object)]
        before = self._shown.get(change.key, change.type is not ChangeType.ADDED)
        after = self._note(change.key, change.type is not ChangeType.DELETED and self._wanted(change.object))
        if after:
            return [(ChangeType.MODIFIED if before else ChangeType.ADDED, change.object)]
        return [(ChangeType.DELETED, change.object)] if before else []

    def _note(self, key: Key, shown: bool) -> bool:
        if self._wanted.tests:
            self._shown[key] = shown
        return shown


async def _next(watch: Watch) -> Change | None:
    return await anext(watch, None)


def _line(type_: str, value: Object) -> bytes:
    return as_json({"type": type_, "object": value}) + b"\n"


def _bookmark(target: Target, revision: int) -> Object:
    metadata = {"resourceVersion": str(revision), "creationTimestamp": None}
    return {"kind": target.kind.kind, "apiVersion": target.kind.api_version, "metadata": metadata}
