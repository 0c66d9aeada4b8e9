"""Answers that go on end with the right to them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from dnsguard.api.authorization import sessions
from dnsguard.api.authorization.access import Access
from dnsguard.api.authorization.sessions import Sessions, held_while
from dnsguard.api.failures import Failure
from dnsguard.api.services import ADMIN, AUTHENTICATED, Caller
from dnsguard.api.writing.objects import Objects, Preconditions, Target
from dnsguard.resources import kind_named
from dnsguard.store.memory import MemoryStore
from tests.unit.api.conftest import NOW

TOKENS = kind_named("accesstokens")


@dataclass
class Followed:
    """A request whose answer goes on until its client goes, and what was sent of it."""

    access: Access
    standing: Callable[[], bool] | None = None
    sent: list[Message] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.standing is not None:
            held_while(scope, self.standing)
        assert (await receive())["body"] == b"asked"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        self.begun.set()
        assert (await receive())["type"] == "http.disconnect"

    async def serve(self, caller: Caller) -> None:
        bodies = [{"type": "http.request", "body": b"asked"}]

        async def receive() -> Message:
            if bodies:
                return bodies.pop()
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            self.sent.append(message)

        scope: dict[str, Any] = {"type": "http", "state": {"caller": caller}}
        await Sessions(self.app, self.access)(scope, receive, send)

    @property
    def was_ended(self) -> bool:
        """By the server: with an end that the client can tell from a cut."""
        return self.sent[-1] == {"type": "http.response.body", "body": b""}


async def made(store: MemoryStore, access: Access, **spec: Any) -> Caller:
    """Somebody with a token."""
    objects = Objects(store, lambda: NOW, lambda: "uid")
    value = {"apiVersion": TOKENS.api_version, "kind": TOKENS.kind, "metadata": {"name": "bob"}, "spec": spec}
    written = await objects.create(Target(TOKENS, ""), value)
    await access.settled(TOKENS, int(written.object["metadata"]["resourceVersion"]))
    caller = access.caller_with(written.secret)
    assert caller is not None
    return Caller(caller.name, (*caller.groups, AUTHENTICATED), caller.token)


async def revoked(store: MemoryStore) -> None:
    objects = Objects(store, lambda: NOW, lambda: "uid")
    await objects.delete(Target(TOKENS, "", "bob"), Preconditions())


@pytest.mark.parametrize("way", ["revoked", "standing", "unknown", "left"])
async def test_how_it_ends(way: str) -> None:
    store = MemoryStore()
    access = Access(store, lambda: NOW)
    following = asyncio.create_task(access.follow())
    await access.loaded()
    caller = await made(store, access)
    stands = True

    def standing() -> bool:
        if way == "unknown" and not stands:
            raise Failure(503, "ServiceUnavailable", "not now")
        return access.is_good(caller) and stands

    followed = Followed(access, standing)
    serving = asyncio.create_task(followed.serve(caller))
    await followed.begun.wait()
    assert not serving.done()
    stands = way not in ("standing", "unknown")
    if way == "left":
        followed.gone.set()
    else:
        await revoked(store)
    await asyncio.wait_for(serving, 10)
    assert followed.was_ended is (way != "left")
    following.cancel()


async def test_it_ends_when_its_token_does() -> None:
    store = MemoryStore()
    now = [NOW]
    access = Access(store, lambda: now[0])
    following = asyncio.create_task(access.follow())
    await access.loaded()
    ends = (NOW + timedelta(milliseconds=50)).isoformat()
    caller = await made(store, access, expires=ends)
    followed = Followed(access, lambda: access.is_good(caller))
    serving = asyncio.create_task(followed.serve(caller))
    await followed.begun.wait()
    assert not serving.done()
    now[0] = NOW + timedelta(seconds=1)
    await asyncio.wait_for(serving, 10)
    assert followed.was_ended
    following.cancel()


async def test_it_ends_when_the_clock_is_set_beyond_the_end_of_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "LOOK_SECONDS", 0.05)
    store = MemoryStore()
    now = [NOW]
    access = Access(store, lambda: now[0])
    following = asyncio.create_task(access.follow())
    await access.loaded()
    caller = await made(store, access, expires=(NOW + timedelta(days=30)).isoformat())
    followed = Followed(access, lambda: access.is_good(caller))
    serving = asyncio.create_task(followed.serve(caller))
    await followed.begun.wait()
    now[0] = NOW + timedelta(days=31)
    await asyncio.wait_for(serving, 10)
    assert followed.was_ended
    following.cancel()


async def test_nobody_can_be_taken_anything_from_who_has_no_token() -> None:
    access = Access(MemoryStore(), lambda: NOW)
    followed = Followed(access, lambda: False)
    serving = asyncio.create_task(followed.serve(ADMIN))
    await followed.begun.wait()
    followed.gone.set()
    await asyncio.wait_for(serving, 10)
    assert not followed.was_ended
