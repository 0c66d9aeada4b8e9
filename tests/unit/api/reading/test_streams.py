"""Watches as a client sees them, line by line."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
from starlette.types import Message

from dnsguard.api.failures import Failure
from dnsguard.api.reading.eventlines import EventLines
from dnsguard.api.reading.representation import Form, Representation
from dnsguard.api.reading.selection import Selection, selection
from dnsguard.api.reading.statuses import NO_STATUSES, Statuses, Turned
from dnsguard.api.reading.streams import Streams, WatchRequest
from dnsguard.api.reading.watching import Stream, StreamResponse
from dnsguard.api.writing.objects import Target
from dnsguard.resources import kind_of
from dnsguard.store.encoding import encoded
from dnsguard.store.interface import AlreadyExists, Key, Object, Record
from dnsguard.store.memory import MemoryStore
from tests.unit.api.conftest import NOW
from tests.unit.api.statuses import FakeStatuses

KIND = kind_of("NetworkSet")
SHOP = Target(KIND, "shop")
EVERYTHING = Selection()
FOREVER = float("inf")
NEVER = 1_000.0
WHOLE = Representation()


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


def streams_of(store: MemoryStore, interval: float = NEVER, statuses: Statuses = NO_STATUSES) -> Streams:
    return Streams(store, interval, statuses, lambda: NOW)


async def watched(
    streams: Streams,
    wanted: Selection,
    revision: int | None,
    *,
    target: Target = SHOP,
    how: Representation = WHOLE,
    **asked: Any,
) -> AsyncGenerator[bytes, None]:
    """The lines of a watch."""
    stream = await streams.stream(target, wanted, how, WatchRequest(revision, **asked))
    return lines_of(stream)


async def lines_of(stream: Stream) -> AsyncGenerator[bytes, None]:
    pieces = stream.pieces()
    try:
        async for piece in pieces:
            assert piece.endswith(b"\n")
            for line in piece.splitlines(keepends=True):
                yield line
    finally:
        await pieces.aclose()


async def told(lines: AsyncIterator[bytes], count: int) -> list[tuple[str, Any]]:
    """The next events: type, and name or code or revision."""
    events = []
    async with asyncio.timeout(30):
        for _ in range(count):
            event = json.loads(await anext(lines))
            value = event["object"]
            metadata = value.get("metadata", {})
            events.append((event["type"], value.get("code") or metadata.get("name") or metadata["resourceVersion"]))
    return events


async def ended(lines: AsyncIterator[bytes]) -> bool:
    async with asyncio.timeout(30):
        return await anext(lines, None) is None


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(history=5)


async def test_changes_come_as_they_happen(store: MemoryStore) -> None:
    streams = streams_of(store)
    await put(store, "a")
    await put(store, "elsewhere", namespace="ops")
    lines = await watched(streams, EVERYTHING, None, bookmarks=False, seconds=FOREVER)
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
    lines = await watched(streams_of(store), EVERYTHING, 1, bookmarks=False, seconds=FOREVER)
    assert await told(lines, 1) == [("ADDED", "b")]


async def test_a_watch_from_too_long_ago_is_told_to_list_again(store: MemoryStore) -> None:
    for number in range(10):
        await put(store, f"n{number}")
    lines = await watched(streams_of(store), EVERYTHING, 1, bookmarks=True, seconds=FOREVER)
    assert await told(lines, 1) == [("ERROR", 410)]
    assert await ended(lines)


async def test_objects_come_and_go_as_the_selector_has_it(store: MemoryStore) -> None:
    wanted = selection(KIND, "env=prod", "")
    await put(store, "a", "prod")
    await put(store, "b", "dev")
    lines = await watched(streams_of(store), wanted, None, bookmarks=False, seconds=FOREVER)
    assert await told(lines, 1) == [("ADDED", "a")]
    await put(store, "b", "prod")
    await put(store, "a", "dev")
    await put(store, "a", "other")
    await store.delete(key("a"), None)
    await store.delete(key("b"), None)
    assert await told(lines, 3) == [("ADDED", "b"), ("DELETED", "a"), ("DELETED", "b")]


async def test_what_stays_wanted_is_modified(store: MemoryStore) -> None:
    await put(store, "a", "prod")
    lines = await watched(streams_of(store), selection(KIND, "env", ""), None, bookmarks=False, seconds=FOREVER)
    await put(store, "a", "dev")
    await put(store, "b", "dev")
    await put(store, "b", "prod")
    assert await told(lines, 4) == [("ADDED", "a"), ("MODIFIED", "a"), ("ADDED", "b"), ("MODIFIED", "b")]


async def test_what_a_client_may_know_from_its_list_is_taken_back(store: MemoryStore) -> None:
    wanted = selection(KIND, "env=prod", "")
    await put(store, "a", "prod")
    await put(store, "b", "prod")
    lines = await watched(streams_of(store), wanted, 2, bookmarks=False, seconds=FOREVER)
    await put(store, "a", "dev")
    await put(store, "b", "prod2")
    await put(store, "c", "dev")
    await store.delete(key("c"), None)
    await put(store, "d", "prod")
    assert await told(lines, 3) == [("DELETED", "a"), ("DELETED", "b"), ("ADDED", "d")]


async def statuses_told(lines: AsyncIterator[bytes], count: int) -> list[tuple[str, str, bool]]:
    """The next events: type, name and whether the object is in force."""
    found = []
    async with asyncio.timeout(30):
        for _ in range(count):
            event = json.loads(await anext(lines))
            value = event["object"]
            found.append((event["type"], value["metadata"]["name"], value["status"]["enforced"]))
    return found


async def test_what_comes_into_force_is_told_to_the_watches_that_cover_it(store: MemoryStore) -> None:
    statuses = FakeStatuses()
    streams = streams_of(store, statuses=statuses)
    lines = await watched(streams, selection(KIND, "env=prod", ""), None, bookmarks=False, seconds=FOREVER)
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
    lines = await watched(streams_of(store, statuses=statuses), EVERYTHING, 1, bookmarks=False, seconds=FOREVER)
    told = await statuses_told(lines, 2)
    assert sorted(told) == [("ADDED", "b", True), ("MODIFIED", "a", True)]


async def test_of_what_changed_since_the_change_is_told_and_not_that_it_had_come_into_force(
    store: MemoryStore,
) -> None:
    statuses = FakeStatuses()
    lines = await watched(streams_of(store, statuses=statuses), EVERYTHING, None, bookmarks=False, seconds=FOREVER)
    await put(store, "a")
    assert await statuses_told(lines, 1) == [("ADDED", "a", False)]
    statuses.enforced = 1
    statuses.turn(Turned(key("a"), 1))
    await put(store, "a", "prod")
    await store.delete(key("a"), None)
    assert await told(lines, 2) == [("MODIFIED", "a"), ("DELETED", "a")]


async def test_bookmarks_say_how_far_a_quiet_watch_has_come(store: MemoryStore) -> None:
    lines = await watched(streams_of(store, 0.01), EVERYTHING, 0, bookmarks=True, seconds=FOREVER)
    assert await told(lines, 1) == [("BOOKMARK", "0")]
    await put(store, "elsewhere", namespace="ops")
    assert ("BOOKMARK", "1") in await told(lines, 2)
    await put(store, "a")
    seen = await told(lines, 3)
    assert seen.index(("ADDED", "a")) < seen.index(("BOOKMARK", "2"))


async def test_behind_what_turned_a_bookmark_says_what_was_told(store: MemoryStore) -> None:
    statuses = FakeStatuses()
    lines = await watched(streams_of(store, statuses=statuses), EVERYTHING, 0, bookmarks=True)
    assert await told(lines, 1) == [("BOOKMARK", "0")]
    await put(store, "a")
    await put(store, "b")
    assert await told(lines, 2) == [("ADDED", "a"), ("ADDED", "b")]
    statuses.turn(Turned(key("a"), 1))
    assert await told(lines, 2) == [("MODIFIED", "a"), ("BOOKMARK", "2")]


async def test_bookmarks_come_to_those_who_ask(store: MemoryStore) -> None:
    lines = await watched(streams_of(store, 0.001), EVERYTHING, 0, bookmarks=False, seconds=0.05)
    assert await ended(lines)


async def test_a_stream_that_is_left_leaves_nothing_behind(store: MemoryStore) -> None:
    streams = streams_of(store)
    lines = await watched(streams, EVERYTHING, 0, bookmarks=False, seconds=FOREVER)
    following = asyncio.ensure_future(anext(lines))
    for _ in range(5):
        await asyncio.sleep(0)
    assert streams.count == 1
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert streams.count == 0
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("watch ") and not task.cancelling()]


async def test_there_is_a_most_of_all_and_of_one_caller_and_after_closing_none(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dnsguard.api.reading.streams.MOST_STREAMS", 2)
    monkeypatch.setattr("dnsguard.api.reading.streams.MOST_OF_ONE", 1)
    streams = streams_of(store)
    for caller, next_caller, says in (
        ("eve", "eve", "1 watches are open by eve"),
        ("bob", "new", "2 watches are open:"),
    ):
        lines = await watched(streams, EVERYTHING, 0, bookmarks=True, caller=caller)
        await anext(lines)
        with pytest.raises(Failure, match=says) as caught:
            await watched(streams, EVERYTHING, 0, caller=next_caller)
        assert caught.value.code == 429
    await streams.close()
    with pytest.raises(Failure, match="stops"):
        await watched(streams, EVERYTHING, 0)


async def test_of_one_object_a_watch_hears_of_that_one(store: MemoryStore) -> None:
    streams = streams_of(store)
    wanted = selection(KIND, "", "metadata.name=a")
    await put(store, "a")
    everywhere = await watched(streams, wanted, None, target=Target(KIND, ""))
    lines = await watched(streams, wanted, None)
    nowhere = await watched(streams, selection(KIND, "", "metadata.namespace=ops"), None, bookmarks=True)
    assert await told(nowhere, 1) == [("BOOKMARK", "1")]
    await put(store, "b")
    await put(store, "a", namespace="ops")
    await put(store, "a", "x")
    assert await told(lines, 2) == [("ADDED", "a"), ("MODIFIED", "a")]
    assert await told(everywhere, 3) == [("ADDED", "a"), ("ADDED", "a"), ("MODIFIED", "a")]
    await streams.close()
    assert await ended(nowhere)


async def test_who_may_not_see_what_an_object_is_now_is_shown_what_it_was(store: MemoryStore) -> None:
    await put(store, "a", "prod")
    lines = await watched(streams_of(store), selection(KIND, "env=prod", ""), 1)
    await put(store, "a", "secret")
    event = json.loads(await anext(lines))
    assert event["type"] == "DELETED"
    assert event["object"]["metadata"]["labels"] == {"env": "prod"}
    assert event["object"]["metadata"]["resourceVersion"] == "2"


async def test_an_event_is_written_once_for_all_who_see_it_alike(store: MemoryStore) -> None:
    statuses = FakeStatuses()
    streams = streams_of(store, statuses=statuses)
    one, two = [await watched(streams, EVERYTHING, 0) for _ in range(2)]
    table = await watched(streams, EVERYTHING, 0, how=Representation(form=Form.TABLE))
    chosen = await watched(streams, selection(KIND, "env=prod", ""), 0)
    await put(store, "a", "prod")
    lines = [await anext(each) for each in (one, two, chosen)]
    assert lines[0] is lines[1] is lines[2]
    assert json.loads(await anext(table))["object"]["rows"][0]["cells"][0] == "a"
    statuses.enforced = 1
    statuses.turn(Turned(key("a"), 1))
    later = await watched(streams, EVERYTHING, 0)
    assert await statuses_told(later, 1) == [("ADDED", "a", True)]
    lines = [await anext(each) for each in (one, two)]
    assert lines[0] is lines[1]


async def test_what_came_together_is_told_together_and_much_in_pieces(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = streams_of(store)
    for name in "abc":
        await put(store, name)
    stream = await streams.stream(SHOP, EVERYTHING, WHOLE, WatchRequest(0))
    pieces = stream.pieces()
    assert (await anext(pieces)).count(b"\n") == 3
    monkeypatch.setattr("dnsguard.api.reading.watching.MOST_EVENTS", 2)
    monkeypatch.setattr("dnsguard.api.reading.eventlines.PIECE", 1)
    for name in "defgh":
        await put(store, name)
    assert [(await anext(pieces)).count(b"\n") for _ in range(5)] == [1] * 5
    await pieces.aclose()
    assert streams.count == 0


@pytest.mark.parametrize("labels", ["", "env!=prod"])
async def test_large_changes_are_written_down_as_they_are_read(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, labels: str
) -> None:
    monkeypatch.setattr("dnsguard.api.reading.handfuls.MOST_TEXT", 1)
    for name in "abc":
        await put(store, name)
    stream = await streams_of(store).stream(SHOP, selection(KIND, labels, ""), WHOLE, WatchRequest(0))
    pieces = stream.pieces()
    assert [(await anext(pieces)).count(b"\n") for _ in range(3)] == [1] * 3
    await pieces.aclose()


async def test_who_reads_too_slowly_lists_again(store: MemoryStore) -> None:
    lines = await watched(streams_of(store), EVERYTHING, 0)
    await put(store, "a")
    assert await told(lines, 1) == [("ADDED", "a")]
    for number in range(7):
        await put(store, "a", f"v{number}")
    assert await told(lines, 1) == [("ERROR", 410)]
    assert await ended(lines)


@pytest.mark.parametrize("revision", [None, 1])
async def test_the_end_of_the_beginning_is_marked_for_who_asks(store: MemoryStore, revision: int | None) -> None:
    await put(store, "a", "prod")
    await put(store, "b", "dev")
    wanted = selection(KIND, "env=prod", "")
    lines = await watched(streams_of(store), wanted, revision, initial=True, bookmarks=True)
    assert await told(lines, 1) == [("ADDED", "a")]
    mark = json.loads(await anext(lines))
    assert (mark["type"], mark["object"]["kind"]) == ("BOOKMARK", "NetworkSet")
    assert mark["object"]["metadata"]["resourceVersion"] == "2"
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    await put(store, "c", "prod")
    assert await told(lines, 1) == [("ADDED", "c")]


async def test_a_beginning_without_what_there_is(store: MemoryStore) -> None:
    await put(store, "a")
    lines = await watched(streams_of(store), EVERYTHING, None, initial=False)
    await put(store, "b")
    assert await told(lines, 1) == [("ADDED", "b")]
    with pytest.raises(Failure, match="Too large resource version: 9, current: 2"):
        await watched(streams_of(store), EVERYTHING, 9, initial=True)


async def test_bookmarks_of_other_forms(store: MemoryStore) -> None:
    streams = streams_of(store)
    table = await watched(streams, EVERYTHING, 0, how=Representation(form=Form.TABLE), bookmarks=True)
    metadata = await watched(streams, EVERYTHING, 0, how=Representation(form=Form.METADATA), bookmarks=True)
    mark = json.loads(await anext(table))["object"]
    assert (mark["kind"], mark["metadata"]["resourceVersion"]) == ("Table", "0")
    assert mark["rows"][0]["object"]["metadata"]["resourceVersion"] == "0"
    assert json.loads(await anext(metadata))["object"]["kind"] == "PartialObjectMetadata"


class Client:
    """The other end of a response."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.left = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        self.sent.put_nowait(message)


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_client_that_goes_or_reads_nothing_is_left(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, leaves: bool
) -> None:
    streams = streams_of(store)
    client = Client()
    response = StreamResponse(await streams.stream(SHOP, EVERYTHING, WHOLE, WatchRequest(0)))
    monkeypatch.setattr("dnsguard.api.reading.watching.LONGEST_SEND", 0.01)
    serving = asyncio.create_task(response({}, client.receive, client.send))
    assert (await client.sent.get())["type"] == "http.response.start"
    await put(store, "a")
    assert b'"ADDED"' in (await client.sent.get())["body"]
    assert streams.count == 1
    if leaves:
        client.left.set()
    else:
        client.reads.clear()
        await put(store, "b")
    async with asyncio.timeout(30):
        await serving
    assert streams.count == 0


async def test_what_is_large_is_sent_as_its_reader_takes_it(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dnsguard.api.reading.watching.PIECE", 40)
    client = Client()
    response = StreamResponse(await streams_of(store).stream(SHOP, EVERYTHING, WHOLE, WatchRequest(0)))
    serving = asyncio.create_task(response({}, client.receive, client.send))
    await client.sent.get()
    await put(store, "a")
    parts: list[bytes] = []
    while not b"".join(parts).endswith(b"\n"):
        parts.append((await client.sent.get())["body"])
        assert len(parts[-1]) <= 40
    assert len(parts) > 1
    assert json.loads(b"".join(parts))["object"]["metadata"]["name"] == "a"
    client.left.set()
    async with asyncio.timeout(30):
        await serving


def test_objects_are_taken_apart_once_for_all_who_look_into_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnsguard.api.reading.eventlines.MOST_VALUES_TEXT", 1)
    lines = EventLines(NO_STATUSES, lambda: NOW)
    one, two = (Record(key(name), encoded(network_set(name)), number) for number, name in enumerate("ab", 1))
    assert lines.value(one) is lines.value(one)
    assert lines.value(two) is lines.value(two)
    assert lines.value(one) == one.value()
