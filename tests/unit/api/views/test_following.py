"""What is followed, message by message as the server sends it."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from dnsguard.api.views import following
from dnsguard.api.views.eventstream import RecordEvents, opening
from dnsguard.api.views.followers import Followers, Place
from dnsguard.api.views.following import Following

RECORD = '{"time":"2026-01-02T03:04:05.678Z","type":"PACKET"}'
SCOPE: dict[str, Any] = {"type": "http"}


class Log:
    """Lines that a test puts in."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str | None] = asyncio.Queue()
        self.closed = False

    async def follow(self) -> AsyncGenerator[str, None]:
        try:
            yield ""
            while (line := await self.lines.get()) is not None:
                yield line
        finally:
            self.closed = True


class Client:
    """The other end of a response."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.reads.wait()
        self.got.put_nowait(dict(message))

    async def body(self) -> str:
        return str((await asyncio.wait_for(self.got.get(), 5))["body"], "ascii")


async def place() -> Place:
    return await Followers().enter("denied", "a")


async def test_lines_come_as_they_are_and_events_as_events() -> None:
    for encode, told in ((None, f"{RECORD}\n"), (RecordEvents("denied"), RecordEvents("denied")(RECORD))):
        log, client = Log(), Client()
        serving = asyncio.create_task(
            Following(log.follow(), await place(), encode)(SCOPE, client.receive, client.send)
        )
        log.lines.put_nowait(RECORD)
        log.lines.put_nowait(None)
        assert (await asyncio.wait_for(client.got.get(), 5))["type"] == "http.response.start"
        if encode is not None:
            assert await client.body() == opening()
        assert await client.body() == told
        assert await client.body() == ""
        await serving
        assert log.closed


async def test_who_goes_leaves_the_place_and_the_log() -> None:
    log, client, held = Log(), Client(), await place()
    serving = asyncio.create_task(Following(log.follow(), held, None)(SCOPE, client.receive, client.send))
    await client.got.get()
    client.gone.set()
    await asyncio.wait_for(serving, 30)
    assert (log.closed, held.left.is_set()) == (True, True)


async def test_who_reads_nothing_is_left_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LONGEST_SEND", 0.01)
    log, client, held = Log(), Client(), await place()
    serving = asyncio.create_task(Following(log.follow(), held, None)(SCOPE, client.receive, client.send))
    await client.got.get()
    client.reads.clear()
    log.lines.put_nowait(RECORD)
    await asyncio.wait_for(serving, 30)
    assert (log.closed, held.left.is_set(), client.got.empty()) == (True, True, True)


async def test_who_is_called_away_makes_room_first_and_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    log, client, held = Log(), Client(), await place()
    serving = asyncio.create_task(Following(log.follow(), held, None)(SCOPE, client.receive, client.send))
    await client.got.get()
    held.reason = "others need the place"
    held.called_away.set()
    assert "others need the place" in await client.body()
    await asyncio.wait_for(serving, 30)
    monkeypatch.setattr(following, "PARTING_SECONDS", 0.01)
    log, client, held = Log(), Client(), await place()
    serving = asyncio.create_task(Following(log.follow(), held, None)(SCOPE, client.receive, client.send))
    await client.got.get()
    client.reads.clear()
    held.called_away.set()
    await asyncio.wait_for(held.left.wait(), 5)
    await asyncio.wait_for(serving, 30)


async def test_readers_of_events_are_sent_something_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "QUIET_SECONDS", 0.01)
    log, client = Log(), Client()
    response = Following(log.follow(), await place(), RecordEvents("denied"))
    serving = asyncio.create_task(response(SCOPE, client.receive, client.send))
    await client.got.get()
    assert await client.body() == opening()
    assert await client.body() == await client.body() == ":\n\n"
    client.gone.set()
    await serving


async def test_a_mistake_in_the_log_is_not_hidden() -> None:
    async def broken() -> AsyncGenerator[str, None]:
        yield ""
        raise ZeroDivisionError

    client, held = Client(), await place()
    with pytest.raises(ZeroDivisionError):
        await Following(broken(), held, None)(SCOPE, client.receive, client.send)
    assert held.left.is_set()
