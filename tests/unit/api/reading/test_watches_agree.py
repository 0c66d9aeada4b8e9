"""Whatever is written and comes into force meanwhile, and however slowly it is read: what a watch tells adds up to what
a list shows."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dnsguard.api.reading.representation import Representation
from dnsguard.api.reading.selection import Selection, selection
from dnsguard.api.reading.statuses import Turned, shown_record
from dnsguard.api.reading.streams import Streams, WatchRequest
from dnsguard.api.writing.objects import Target
from dnsguard.errors import DnsguardError
from dnsguard.resources import kind_of
from dnsguard.store.interface import Key, Object
from dnsguard.store.memory import MemoryStore
from tests.unit.api.conftest import NOW
from tests.unit.api.statuses import FakeStatuses

KIND = kind_of("NetworkSet")
WATCHES = [
    (Target(KIND, ""), selection(KIND, "", "")),
    (Target(KIND, "a"), selection(KIND, "", "")),
    (Target(KIND, ""), selection(KIND, "env=prod", "")),
    (Target(KIND, "a"), selection(KIND, "env!=prod", "metadata.name=x")),
    (Target(KIND, ""), selection(KIND, "", "metadata.name=y")),
]

keys = st.builds(Key, st.just("networksets"), st.sampled_from("ab"), st.sampled_from("xyz"))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), keys, st.sampled_from(["prod", "dev", "test"])),
        st.tuples(st.just("write"), keys, st.sampled_from(["prod", "dev", "test"])),
        st.tuples(st.just("delete"), keys),
        st.tuples(st.just("enforce"), st.integers(0, 3)),
        st.tuples(st.just("read"), st.integers(0, len(WATCHES) - 1)),
        st.tuples(st.just("other")),
    ),
    max_size=40,
)

Told = dict[tuple[str, str], tuple[str, bool]]
"""Namespace and name → resourceVersion, and whether it is in force."""


class Reader:
    """A client: a list, and what its watch says since."""

    def __init__(self, told: Told, pieces: AsyncGenerator[bytes, None]) -> None:
        self.told = told
        self.pieces = pieces
        self.reading: asyncio.Task[bytes] | None = None
        self.revision = 0

    async def read(self, *, patiently: bool = False) -> None:
        """Take what is there, or what comes next."""
        self.reading = self.reading or asyncio.ensure_future(anext(self.pieces))
        for _ in range(10):
            await asyncio.sleep(0)
        if patiently:
            await self.reading
        if not self.reading.done():
            return
        piece, self.reading = self.reading.result(), None
        for event in map(json.loads, piece.splitlines()):
            self._take(event["type"], event["object"])

    def _take(self, type_: str, value: Object) -> None:
        metadata = value["metadata"]
        if type_ == "BOOKMARK":
            self.revision = int(metadata["resourceVersion"])
            return
        name = metadata["namespace"], metadata["name"]
        match type_:
            case "ADDED":
                assert name not in self.told
            case "MODIFIED":
                assert int(self.told[name][0]) <= int(metadata["resourceVersion"])
            case "DELETED":
                del self.told[name]
                return
        self.told[name] = metadata["resourceVersion"], value["status"]["enforced"]


async def listed(store: MemoryStore, statuses: FakeStatuses, target: Target, wanted: Selection) -> tuple[Told, int]:
    page = await store.page(KIND.collection, target.namespace or None, limit=0)
    told: Told = {}
    for record in page.records:
        value = shown_record(statuses, record)
        if wanted(value):
            enforced = value["status"]["enforced"]
            told[record.key.namespace, record.key.name] = value["metadata"]["resourceVersion"], enforced
    return told, page.revision


async def done(store: MemoryStore, statuses: FakeStatuses, step: tuple[Any, ...]) -> None:
    match step:
        case ("write", key, env):
            metadata = {"name": key.name, "namespace": key.namespace, "labels": {"env": env}}
            value = {"metadata": metadata, "spec": {"n": store.revision}}
            try:
                await store.update(key, value, None)
            except DnsguardError:
                await store.create(key, value)
        case ("delete", key):
            with suppress(DnsguardError):
                await store.delete(key, None)
        case ("enforce", behind):
            before, statuses.enforced = statuses.enforced, max(statuses.enforced, store.revision - behind)
            page = await store.page(KIND.collection, limit=0)
            turned = [each for each in page.records if before < each.revision <= statuses.enforced]
            if turned:
                statuses.turn(*(Turned(each.key, each.revision) for each in turned))
        case ("other",):
            await store.create(Key("tiers", "", f"t{store.revision}"), {"metadata": {"name": "t"}})


@settings(max_examples=50, deadline=None)
@given(before=steps, during=steps)
def test_a_list_and_its_watch_add_up_to_the_next_list(
    before: list[tuple[Any, ...]], during: list[tuple[Any, ...]]
) -> None:
    async def scenario() -> None:
        store, statuses = MemoryStore(), FakeStatuses()
        streams = Streams(store, 0.0, statuses, lambda: NOW)
        for step in before:
            await done(store, statuses, step)
        readers = []
        for target, wanted in WATCHES:
            told, revision = await listed(store, statuses, target, wanted)
            stream = await streams.stream(target, wanted, Representation(), WatchRequest(revision, bookmarks=True))
            readers.append(Reader(told, stream.pieces()))
            await readers[-1].read()
        for step in during:
            if step[0] == "read":
                await readers[step[1]].read()
            else:
                await done(store, statuses, step)
        for reader, (target, wanted) in zip(readers, WATCHES, strict=True):
            expected, _ = await listed(store, statuses, target, wanted)
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    while reader.revision < store.revision or reader.told != expected:
                        await reader.read(patiently=True)
            assert reader.told == expected
            if reader.reading is not None:
                reader.reading.cancel()
                await asyncio.gather(reader.reading, return_exceptions=True)
            await reader.pieces.aclose()
        assert streams.count == 0

    asyncio.run(scenario())
