import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from dnsguard.controller import following
from dnsguard.controller.inputs import Inputs, key_of
from dnsguard.store.interface import Object, StoreUnavailable
from dnsguard.store.memory import MemoryStore
from tests.unit.controller.fakes import network_set, until


class Troubled(MemoryStore):
    """Fails to list as often as it is told."""

    def __init__(self, history: int = 20_000) -> None:
        super().__init__(history)
        self.lists = 0
        self.failing = 0

    async def list_objects(self, plural: str | None = None, namespace: str | None = None) -> tuple[list[Object], int]:
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("disk full")
        self.lists += 1
        return await super().list_objects(plural, namespace)


class Following:
    def __init__(self, store: Troubled) -> None:
        self.store = store
        self.inputs = Inputs()
        self.changes = 0
        self.failures: list[str] = []

    def changed(self) -> None:
        self.changes += 1

    def names(self) -> set[str]:
        return {str(resource.metadata.name) for resource in self.inputs.resources}

    async def put(self, name: str) -> None:
        await self.store.create(key_of(network_set(name)), network_set(name))


@asynccontextmanager
async def running(store: Troubled) -> AsyncIterator[Following]:
    made = Following(store)
    task = asyncio.create_task(following.follow(store, made.inputs, made.changed, made.failures.append))
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()


async def test_what_says_who_may_what_is_none_of_enforcement() -> None:
    store = Troubled()
    token = {"apiVersion": "dnsguard.io/v1", "kind": "AccessToken", "metadata": {"name": "before"}}
    await store.create(key_of(token), token)
    async with running(store) as made:
        await until(lambda: made.changes == 1)
        later = {**token, "metadata": {"name": "after"}}
        await store.create(key_of(later), later)
        await made.put("a")
        await until(lambda: made.names() == {"a"})
        assert made.changes == 2
        assert made.inputs.counts == {"globalnetworksets": 1}


async def test_what_is_stored_before_and_after_arrives() -> None:
    store = Troubled()
    await store.create(key_of(network_set("before")), network_set("before"))
    async with running(store) as made:
        await until(lambda: made.names() == {"before"})
        await made.put("after")
        await until(lambda: made.names() == {"before", "after"})
        await store.delete(key_of(network_set("before")), None)
        await until(lambda: made.names() == {"after"})
        assert (made.changes, made.inputs.revision, store.lists) == (3, 3, 1)


async def test_a_store_that_fails_is_asked_again_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "RETRY_SECONDS", 0)
    store = Troubled()
    store.failing = 2
    async with running(store) as made:
        await made.put("a")
        await until(lambda: made.names() == {"a"})
        assert made.failures == ["disk full", "disk full", ""]


async def test_too_far_behind_lists_again() -> None:
    store = Troubled(history=2)
    async with running(store) as made:
        await until(lambda: made.changes == 1)
        for number in range(10):
            await made.put(f"s{number}")
        await until(lambda: len(made.names()) == 10)
        assert store.lists == 2
