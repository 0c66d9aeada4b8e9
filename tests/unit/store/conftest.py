"""Every implementation of the store contract, made small enough that its bounds are met in a test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from dnsguard.store.feed import Bounds
from dnsguard.store.interface import Store
from dnsguard.store.memory import MemoryStore
from dnsguard.store.sqlite import SqliteStore

HISTORY = 8


async def memory_store(_: Path) -> Store:
    return MemoryStore(history=HISTORY)


async def sqlite_store(folder: Path) -> Store:
    return await SqliteStore.open(folder / "store.db", bounds=Bounds(changes=HISTORY))


@pytest.fixture(params=[memory_store, sqlite_store])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    make: Callable[[Path], Awaitable[Store]] = request.param
    store = await make(tmp_path)
    yield store
    await store.close()
