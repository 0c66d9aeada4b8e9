"""One open watch: what it has to tell, in pieces, and the response that sends them."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dnsguard.api.answers import JSON
from dnsguard.api.failures import failure_of
from dnsguard.api.reading.eventlines import PIECE, Covered, View, event_line, pieces
from dnsguard.api.reading.handfuls import MOST, in_handfuls
from dnsguard.api.reading.pacing import Pacer
from dnsguard.api.reading.selection import Selection
from dnsguard.api.reading.turns import Turns, TurnWatch
from dnsguard.api.writing.objects import Target
from dnsguard.errors import DnsguardError
from dnsguard.store.interface import ChangeType, Event, NotFound, Record, Store

MOST_EVENTS = 256
"""Taken from the store at once."""

LONGEST_SEND = 60.0
"""Seconds that one piece may wait for its reader, who is left then."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a watch is to tell."""

    target: Target
    wanted: Selection
    since: int
    """Revision of which the client knows."""

    first: Sequence[Record] = ()
    """What there was then, where the client does not know that."""

    bookmarks: bool = False
    marks_beginning: bool = False
    """Whether a bookmark says that all of ``first`` has been told."""

    seconds: float = float("inf")
    """After which it ends."""

    caller: str = ""
    """Whose it is."""

    @property
    def scope(self) -> Covered:
        """What it covers."""
        return self.target.kind.collection, self.target.namespace or self.wanted.namespace, self.wanted.name


class Surroundings(NamedTuple):
    """What all watches share."""

    store: Store
    turns: Turns
    pacer: Pacer
    interval: float
    """Seconds between two bookmarks of a quiet watch."""


class Stream:
    """A watch that one client reads. Use ``pieces`` once."""

    def __init__(self, around: Surroundings, view: View, wishes: Wishes, opened: set["Stream"]) -> None:
        """``opened``: those that are read from, this one while it is: one that nobody reads must not count for ever."""
        self._around = around
        self._view = view
        self._wishes = wishes
        self._opened = opened
        self._scope = wishes.scope
        self._watch = around.store.watch(wishes.since, *self._scope)
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + wishes.seconds
        self._next_mark = self._loop.time() if wishes.bookmarks else float("inf")
        self._marks_beginning = wishes.marks_beginning
        self._turns: TurnWatch | None = None
        self._has_left = False
        self._may_have_more = False
        self._was_woken = False
        self._asleep: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def caller(self) -> str:
        """Whose it is."""
        return self._wishes.caller

    def wake(self) -> None:
        """Look whether there is something to tell, when it is our turn."""
        if self._asleep is None:
            self._was_woken = True
        else:
            self._around.pacer.admit(self._asleep)
            self._asleep = None

    def leave(self) -> None:
        """The client is gone, or the server goes."""
        self._has_left = True
        self.wake()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Whole lines, some at a time."""
        self._opened.add(self)
        try:
            self._turns = self._around.turns.watch(*self._scope, since=self._wishes.since, call=self.wake)
            for handful in in_handfuls(self._wishes.first):
                for piece in pieces(self._view.line(ChangeType.ADDED, record) for record in handful):
                    yield piece
                await asyncio.sleep(0)
            while True:
                events: Sequence[Event] = () if self._has_left else self._watch.take(MOST_EVENTS)
                self._may_have_more = len(events) == MOST_EVENTS
                last = b""
                for piece in self._told(events):
                    if last:
                        yield last
                    last = piece
                more = b"" if self._may_have_more or self._has_left else await self._besides(self._turns)
                if len(last) + len(more) <= PIECE:  # each piece costs a system call and a record of TLS
                    last, more = last + more, b""
                for piece in filter(None, (last, more)):
                    yield piece
                if self._is_over():
                    return
                self._set_timer()
                await self._turn(self._turns)
        except DnsguardError as error:
            yield event_line("ERROR", failure_of(error).as_status())
        finally:
            await self._close()

    def _is_over(self) -> bool:
        return self._has_left or self._watch.has_ended or self._loop.time() >= self._end

    def _set_timer(self) -> None:
        due = min(self._end, self._next_mark)
        if self._timer is not None and self._timer.when() != due:
            self._timer.cancel()
            self._timer = None
        if self._timer is None and due != float("inf"):
            self._timer = self._loop.call_at(due, self.wake)

    async def _turn(self, turns: TurnWatch) -> None:
        asleep = self._loop.create_future()
        if self._was_woken or self._may_have_more or turns:
            self._was_woken = False
            self._around.pacer.admit(asleep)
        else:
            self._asleep = asleep
            self._watch.call_when_ready(self.wake)
        await asleep

    async def _close(self) -> None:
        self._opened.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._turns is not None:
            self._turns.close()
        await self._watch.aclose()

    def _told(self, events: Sequence[Event]) -> Iterator[bytes]:
        """Changes as lines, in pieces; written as they are read, so that a slow reader holds no more than a handful."""
        for handful in in_handfuls(events):
            if self._wishes.wanted.tests:
                yield from pieces(line for event in handful if (line := self._line(event)) is not None)
            else:
                yield from self._view.events(self._scope, handful)

    async def _besides(self, turns: TurnWatch) -> bytes:
        """Lines of what there is to tell now besides changes. Raises Compacted."""
        turned = await self._turned(turns) if turns else b""
        # What turned has an earlier version than what was told. Clients go on from the last one that they saw: with a
        # bookmark behind it they are not told again what they know.
        if (turned and self._wishes.bookmarks) or self._loop.time() >= self._next_mark:
            return turned + self._mark()
        return turned

    def _mark(self) -> bytes:
        mark = self._view.bookmark(self._watch.revision, ends_beginning=self._marks_beginning)
        self._marks_beginning = False
        self._next_mark = self._loop.time() + self._around.interval
        return mark

    def _line(self, event: Event) -> bytes | None:
        """What a client who wants some objects only is told: they come and go as they begin and cease to be wanted."""
        replaced = event.replaced
        before = replaced is not None and self._wishes.wanted.holds(self._view.value(replaced))
        if event.type is not ChangeType.DELETED and self._wishes.wanted.holds(self._view.value(event.record)):
            return self._view.line(ChangeType.MODIFIED if before else ChangeType.ADDED, event.record)
        if not before or replaced is None:
            return None
        # As it was when it was last wanted: what it is now may be none of this client's business.
        return self._view.line(ChangeType.DELETED, Record(event.key, replaced.text, event.revision))

    async def _turned(self, turns: TurnWatch) -> bytes:
        """Of objects whose status is another one than this watch has told."""
        told, place = self._watch.revision, turns.place
        if self._wishes.wanted.tests or place is None:
            return await self._turned_lines(turns, told)
        key = (self._scope, *place, told)
        found = self._view.turned(key)
        if found is None:
            found = await self._turned_lines(turns, told)
            self._view.keep_turned(key, found)
        else:
            turns.skip()
        return found

    async def _turned_lines(self, turns: TurnWatch, told: int) -> bytes:
        lines: list[bytes] = []
        for number, (key, revision) in enumerate(turns.take(told), 1):
            if number % MOST == 0:
                await asyncio.sleep(0)
            with suppress(NotFound):
                record = await self._around.store.record(key)
                wanted = self._wishes.wanted
                if record.revision == revision and (not wanted.tests or wanted.holds(self._view.value(record))):
                    lines.append(self._view.line(ChangeType.MODIFIED, record))
        return b"".join(lines)


class StreamResponse(Response):
    """Sends a watch as it goes on, and ends it when the client goes, or reads nothing for long."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(media_type=JSON)
        del self.headers["content-length"]
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - by ASGI
        """Returns, its answer without an end, where the client reads nothing: the server then cuts the connection."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        leaving = asyncio.create_task(_left(receive), name="watch whether a client leaves")
        leaving.add_done_callback(self._leave)
        pieces = self._stream.pieces()
        try:
            async for piece in pieces:
                for start in range(0, len(piece), PIECE):  # of an object that is larger, too
                    async with asyncio.timeout(LONGEST_SEND):
                        body = piece[start : start + PIECE]
                        await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            return
        finally:
            leaving.cancel()
            await pieces.aclose()

    def _leave(self, leaving: asyncio.Task[None]) -> None:
        if not leaving.cancelled():
            leaving.exception()  # whatever it was: there is nobody to tell any more
        self._stream.leave()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
