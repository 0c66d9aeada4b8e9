"""Answers that go on: what is followed, as lines of JSON or as server-sent events, until the client goes or reads
nothing."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dnsguard.api.gate import caller_of
from dnsguard.api.queries import is_true
from dnsguard.api.views.eventstream import (
    EVENTS,
    Position,
    RecordEvents,
    ValueEvents,
    gap_line,
    opening,
    quiet,
    wants_events,
)
from dnsguard.api.views.followers import Followers, Place
from dnsguard.api.views.lines import LINES, MOST

QUIET_SECONDS: Final = 15.0
"""After which a reader of events is sent something, so that whatever is on the way keeps the connection."""

LONGEST_SEND: Final = 30.0
"""Seconds that one line may wait for its reader, who is left then."""

PARTING_SECONDS: Final = 2.0
"""How long the end of an answer may wait for its reader."""

Open = Callable[[int], Awaitable[AsyncIterator[str]]]
"""Lines of a log, beginning with so many of those that there are, an empty line before them."""

Encode = Callable[[str], str]


def is_followed(request: Request) -> bool:
    """Whether a request asks for what comes, too: by ``follow=true``, or by taking events. Raises Failure."""
    return is_true(request.query_params, "follow") or _takes_events(request)


async def follow_log(request: Request, followers: Followers, name: str, last: int, open_: Open) -> Response:
    """Records of a log as they come; ``name``: of the events.

    A reader of events that comes back, and says so with ``Last-Event-ID``, goes on there, as far as records are kept;
    ``last`` counts for others. Raises Failure, and what ``open_`` raises.
    """
    encode: Encode | None = None
    if _takes_events(request):
        position = Position.read(request.headers.get("last-event-id", ""))
        encode, last = RecordEvents(name, position), last if position is None else MOST
    return await _followed(request, followers, name, lambda: open_(last), encode)


async def follow_value(
    request: Request, followers: Followers, name: str, open_: Callable[[], Awaitable[AsyncIterator[str]]]
) -> Response:
    """The same of what has no past: each line is the whole of it, as it is then."""
    return await _followed(request, followers, name, open_, ValueEvents(name) if _takes_events(request) else None)


async def _followed(
    request: Request,
    followers: Followers,
    name: str,
    open_: Callable[[], Awaitable[AsyncIterator[str]]],
    encode: Encode | None,
) -> Response:
    place = await followers.enter(name, caller_of(request.scope).name)
    try:
        return Following(await open_(), place, encode)
    except BaseException:
        place.leave()
        raise


class Following(Response):
    """What comes, as it comes. Its head waits for the empty line that says that following has begun."""

    def __init__(self, lines: AsyncIterator[str], place: Place, encode: Encode | None) -> None:
        """``encode``: a line as events; None: lines stay lines."""
        super().__init__(media_type=LINES if encode is None else EVENTS, headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._lines = lines
        self._place = place
        self._encode: Encode = encode or "{}\n".format
        self._is_events = encode is not None
        self._sending = asyncio.Lock()
        self._sent = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - by ASGI
        """Returns, its answer without an end, where the client reads nothing: the server then cuts the connection."""
        work: list[asyncio.Task[None]] = []
        try:
            await anext(self._lines, None)
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            parts = [self._pump(send), _left(receive), _called_away(self._place)]
            parts += [self._keep(send)] if self._is_events else []
            work = [asyncio.create_task(part, name="follow") for part in parts]
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            await self._leave(work)
            for error in filter(None, (each.exception() for each in done)):
                raise error
            async with asyncio.timeout(PARTING_SECONDS):
                if self._place.reason:
                    await self._put(self._encode(gap_line(self._place.reason)), send)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            return
        finally:
            await self._leave(work)

    async def _leave(self, work: list[asyncio.Task[None]]) -> None:
        """Others may have the place; may be repeated."""
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        if isinstance(self._lines, AsyncGenerator):
            await self._lines.aclose()
        self._place.leave()

    async def _pump(self, send: Send) -> None:
        if self._is_events:
            await self._put(opening(), send)
        async for line in self._lines:
            if text := self._encode(line):
                await self._put(text, send)

    async def _keep(self, send: Send) -> None:
        now = asyncio.get_running_loop().time
        self._sent = now()
        while True:
            await asyncio.sleep(self._sent + QUIET_SECONDS - now())
            if now() - self._sent >= QUIET_SECONDS:
                await self._put(quiet(), send)

    async def _put(self, text: str, send: Send) -> None:
        async with asyncio.timeout(LONGEST_SEND), self._sending:
            await send({"type": "http.response.body", "body": text.encode("ascii"), "more_body": True})
        self._sent = asyncio.get_running_loop().time()


def _takes_events(request: Request) -> bool:
    return wants_events(request.headers.get("accept", ""))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _called_away(place: Place) -> None:
    await place.called_away.wait()
