"""Watches as a client sees them, line by line."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.failures import Failure
from api.objects import Target
from api.selection import Selection, selection
from api.statuses import Turned
from api.streams import Streams
from dnsguard.resources import kind_of
from dnsguard.store.interface import AlreadyExists, Key, Object
from dnsguard.store.memory import MemoryStore
from tests.unit.api.statuses import FakeStatuses

KIND = kind_of("NetworkSet")
SHOP = Target(KIND, "shop")
EVERYTHING = Selection()
FOREVER = float("inf")
NEVER = 1_000.0


def network_set(name: str, env: str = "", namespace: str = "shop") -> Object:
    return {"metadata": {"name": name, "namespace": namespace, "labels": {"env": env}}}


def key(name: str, namespace: str = "shop") -> Key:
    return Key("networksets", namespace, name)


async def put(store: MemoryStore, name: str, env: str = "", namespace: str = "shop") -> None:
    value = network_set(name, env, namespace)
    try:
        await store.create(key(name, namespace), value)
    except AlreadyExists:
        await store.update(key(name, namespace), value, None)


async def told(lines: AsyncIterator[bytes], count: int) -> list[tuple[str, Any]]:
    """The next events: type, and name or code or revision."""
    events = []
    async with asyncio.timeout(5):
        for _ in range(count):
            line = await anext(lines)
            assert line.endswith(b"\n")
            event = json.loads(line)
            value = event["object"]
            metadata = value.get("metadata", {})
            events.append((event["type"], value.get("code") or metadata.get("name") or metadata["resourceVersion"]))
    return events


async def ended(lines: AsyncIterator[bytes]) -> bool:
    async with asyncio.timeout(5):
        return await anext(lines, None) is None


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(history=5)


async def test_changes_come_as_they_happen(store: MemoryStore) -> None:
    streams = Streams(store, NEVER)
    await put(store, "a")
    await put(store, "elsewhere", namespace="ops")
    lines = await streams.stream(SHOP, EVERYTHING, None, bookmarks=False, seconds=FOREVER)
    assert await told(lines, 1) == [("ADDED", "a")]
    await put(store, "elsewhere", "x", namespace="ops")
    await put(store, "a", "x")
    await store.delete(key("a"), None)
    assert await told(lines, 2) == [("MODIFIED", "a"), ("DELETED", "a")]
    await streams.close()
    assert await ended(lines)


async def test_a_watch_goes_on_where_a_list_ended(store: MemoryStore) -> None:
    await put(store, "a")
    await put(store, "b")
    lines = await Streams(store, NEVER).stream(SHOP, EVERYTHING, 1, bookmarks=False, seconds=FOREVER)
    assert await told(lines, 1) == [("ADDED", "b")]


async def test_a_watch_from_too_long_ago_is_told_to_list_again(store: MemoryStore) -> None:
    for number in range(10):
        await put(store, f"n{number}")
    lines = await Streams(store, NEVER).stream(SHOP, EVERYTHING, 1, bookmarks=True, seconds=FOREVER)
    assert await told(lines, 1) == [("ERROR", 410)]
    assert await ended(lines)


async def test_objects_come_and_go_as_the_selector_has_it(store: MemoryStore) -> None:
    wanted = selection(KIND, "env=prod", "")
    await put(store, "a", "prod")
    await put(store, "b", "dev")
    lines = await Streams(store, NEVER).stream(SHOP, wanted, None, bookmarks=False, seconds=FOREVER)
    assert await told(lines, 1) == [("ADDED", "a")]
    await put(store, "b", "prod")
    await put(store, "a", "dev")
    await put(store, "a", "other")
    await store.delete(key("a"), None)
    await store.delete(key("b"), None)
    assert await told(lines, 3) == [("ADDED", "b"), ("DELETED", "a"), ("DELETED", "b")]


async def test_what_stays_wanted_is_modified(store: MemoryStore) -> None:
    await put(store, "a", "prod")
    lines = await Streams(store, NEVER).stream(SHOP, selection(KIND, "env", ""), None, bookmarks=False, seconds=FOREVER)
    await put(store, "a", "dev")
    await put(store, "b", "dev")
    await put(store, "b", "prod")
    assert await told(lines, 4) == [("ADDED", "a"), ("MODIFIED", "a"), ("ADDED", "b"), ("MODIFIED", "b")]


async def test_what_a_client_may_know_from_its_list_is_taken_back(store: MemoryStore) -> None:
    wanted = selection(KIND, "env=prod", "")
    await put(store, "a", "prod")
    await put(store, "b", "prod")
    lines = await Streams(store, NEVER).stream(SHOP, wanted, 2, bookmarks=False, seconds=FOREVER)
    await put(store, "a", "dev")
    await put(store, "b", "prod2")
    await put(store, "c", "dev")
    await store.delete(key("c"), None)
    await put(store, "d", "prod")
    assert await told(lines, 3) == [("DELETED", "a"), ("DELETED", "b"), ("ADDED", "d")]


async def statuses_told(lines: AsyncIterator[bytes], count: int) -> list[tuple[str, str, bool]]:
    """The next events: type, name and whether the object is in force."""
    found = []
    async with asyncio.timeout(5):
        for _ in range(count):
            event = json.loads(await anext(lines))
            value = event["object"]
            found.append((event["type"], value["metadata"]["name"], value["status"]["enforced"]))
    return found


async def test_what_comes_into_force_is_told_to_the_watches_that_cover_it(store: MemoryStore) -> None:
    statuses = FakeStatuses()
    streams = Streams(store, NEVER, statuses)
    lines = await streams.stream(SHOP, selection(KIND, "env=prod", ""), None, bookmarks=False, seconds=FOREVER)
    await put(store, "a", "prod")
    assert await statuses_told(lines, 1) == [("ADDED", "a", False)]
    await put(store, "b", "dev")
    await put(store, "c", "prod", namespace="ops")
    statuses.enforced = 3
    statuses.turn(Turned(key("a"), 1), Turned(key("b"), 2), Turned(key("c", "ops"), 3))
    assert await statuses_told(lines, 1) == [("MODIFIED", "a", True)]
    await put(store, "a", "prod", namespace="other")
    await put(store, "d", "prod")
    statuses.turn(Turned(Key("tiers", "", "a"), 4))
    assert await statuses_told(lines, 1) == [("ADDED", "d", False)]
    await streams.close()
    assert await ended(lines)


async def test_what_came_into_force_before_a_watch_began_is_told_where_its_list_may_have_missed_it(
    store: MemoryStore,
) -> None:
    statuses = FakeStatuses()
    await put(store, "a")
    await put(store, "b")
    statuses.enforced, statuses.turned = 2, [Turned(key("a"), 1), Turned(key("b"), 2)]
    lines = await Streams(store, NEVER, statuses).stream(SHOP, EVERYTHING, 1, bookmarks=False, seconds=FOREVER)
    told = await statuses_told(lines, 2)
    assert sorted(told) == [("ADDED", "b", True), ("MODIFIED", "a", True)]


async def test_of_what_changed_since_the_change_is_told_and_not_that_it_had_come_into_force(
    store: MemoryStore,
) -> None:
    statuses = FakeStatuses()
    lines = await Streams(store, NEVER, statuses).stream(SHOP, EVERYTHING, None, bookmarks=False, seconds=FOREVER)
    await put(store, "a")
    assert await statuses_told(lines, 1) == [("ADDED", "a", False)]
    statuses.enforced = 1
    statuses.turn(Turned(key("a"), 1))
    await put(store, "a", "prod")
    await store.delete(key("a"), None)
    assert await told(lines, 2) == [("MODIFIED", "a"), ("DELETED", "a")]


async def test_bookmarks_say_how_far_a_quiet_watch_has_come(store: MemoryStore) -> None:
    lines = await Streams(store, 0.01).stream(SHOP, EVERYTHING, 0, bookmarks=True, seconds=FOREVER)
    assert await told(lines, 1) == [("BOOKMARK", "0")]
    await put(store, "elsewhere", namespace="ops")
    assert ("BOOKMARK", "1") in await told(lines, 2)
    await put(store, "a")
    seen = await told(lines, 3)
    assert seen.index(("ADDED", "a")) < seen.index(("BOOKMARK", "2"))


async def test_bookmarks_come_to_those_who_ask(store: MemoryStore) -> None:
    lines = await Streams(store, 0.001).stream(SHOP, EVERYTHING, 0, bookmarks=False, seconds=0.05)
    assert await ended(lines)


async def test_a_stream_that_is_left_leaves_nothing_behind(store: MemoryStore) -> None:
    streams = Streams(store, NEVER)
    lines = await streams.stream(SHOP, EVERYTHING, 0, bookmarks=False, seconds=FOREVER)
    following = asyncio.ensure_future(anext(lines))
    for _ in range(3):
        await asyncio.sleep(0)
    assert streams.count == 1
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert streams.count == 0
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("watch ") and not task.cancelling()]


async def test_there_is_a_most_and_after_closing_none(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.streams.MOST_STREAMS", 1)
    streams = Streams(store, 0.001)
    first = await streams.stream(SHOP, EVERYTHING, 0, bookmarks=True, seconds=FOREVER)
    await anext(first)
    with pytest.raises(Failure, match="1 watches are open") as caught:
        await streams.stream(SHOP, EVERYTHING, 0, bookmarks=True, seconds=FOREVER)
    assert caught.value.code == 429
    await streams.close()
    with pytest.raises(Failure, match="stops"):
        await streams.stream(SHOP, EVERYTHING, 0, bookmarks=True, seconds=FOREVER)
