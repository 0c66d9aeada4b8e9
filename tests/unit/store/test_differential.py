"""Whatever is done to both, the file-backed store and the reference cannot be told apart."""

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dnsguard.errors import DnsguardError
from dnsguard.store.feed import Bounds
from dnsguard.store.interface import Key, Store
from dnsguard.store.memory import MemoryStore
from dnsguard.store.sqlite import SqliteStore

HISTORY = 5

keys = st.builds(
    Key, st.sampled_from(["tiers", "networksets"]), st.sampled_from(["", "a", "b"]), st.sampled_from(["x", "y.z"])
)
values = st.builds(
    lambda spec: {"metadata": {"labels": {}}, "spec": spec}, st.sampled_from([0, 1, True, "é", None, [1]])
)
expected = st.one_of(st.none(), st.integers(0, 12))
scope = st.tuples(st.sampled_from([None, "tiers", "networksets", "others"]), st.sampled_from([None, "", "a"]))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("create"), keys, values),
        st.tuples(st.just("update"), keys, values, expected),
        st.tuples(st.just("delete"), keys, expected),
        st.tuples(st.just("get"), keys),
        st.tuples(st.just("list"), scope),
        st.tuples(st.just("watch"), st.integers(0, 15), scope),
        st.tuples(
            st.just("page"),
            st.sampled_from(["tiers", "networksets"]),
            st.sampled_from([None, "", "a"]),
            st.one_of(st.none(), st.integers(0, 15)),
            st.one_of(st.none(), keys),
            st.integers(0, 3),
        ),
        st.tuples(st.just("reopen")),
    ),
    max_size=30,
)


async def changes_now(store: Store, after: int, plural: str | None, namespace: str | None) -> Any:
    """What a watch has to say without waiting."""
    watch = store.watch(after, plural, namespace)
    seen: list[Any] = []
    try:
        while True:
            following = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0)
            if not following.done():
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await following
                return seen, watch.revision
            seen.append(following.result())
    finally:
        await watch.aclose()


async def done(store: Store, step: tuple[Any, ...]) -> Any:
    """The result of a step, or the error in its place."""
    try:
        match step:
            case ("create", key, value):
                return await store.create(key, value)
            case ("update", key, value, revision):
                return await store.update(key, value, revision)
            case ("delete", key, revision):
                return await store.delete(key, revision)
            case ("get", key):
                return await store.get(key)
            case ("list", (plural, namespace)):
                return await store.list_objects(plural, namespace)
            case ("page", plural, namespace, at, start, limit):
                start = start and Key(plural, start.namespace, start.name)
                return await store.page(plural, namespace, at=at, after=start, limit=limit)
            case ("watch", after, (plural, namespace)):
                return await changes_now(store, after, plural, namespace)
    except DnsguardError as error:
        return type(error), str(error)


@settings(max_examples=50, deadline=None)
@given(steps)
def test_memory_and_sqlite_agree(steps: list[tuple[Any, ...]]) -> None:
    async def scenario(path: Path) -> None:
        reference = MemoryStore(history=HISTORY)
        store = await SqliteStore.open(path, bounds=Bounds(changes=HISTORY))
        for step in steps:
            if step == ("reopen",):
                await store.close()
                store = await SqliteStore.open(path, bounds=Bounds(changes=HISTORY))
            else:
                assert await done(store, step) == await done(reference, step)
        assert await store.list_objects() == await reference.list_objects()
        await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder) / "store.db"))
