"""Whole stores: copied while they are written, and put in place of others as a new history."""

import asyncio
from pathlib import Path

import pytest

from dnsguard.store.interface import Compacted, Key, StoreUnusable
from dnsguard.store.snapshot import BUMP, Contents, begin_new_history, contents, revision_of, take_snapshot
from dnsguard.store.sqlite import SqliteStore


def value(number: int) -> dict[str, object]:
    return {"metadata": {}, "spec": {"number": number, "text": "x" * 2_000}}


async def test_a_copy_is_of_one_moment_while_others_write(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    keys = [Key("tiers", "", f"t{number}") for number in range(8)]
    for key in keys:
        await store.create(key, value(0))
    stopped = asyncio.Event()

    async def write(key: Key) -> None:
        number = 0
        while not stopped.is_set():
            number += 1
            await store.update(key, value(number), None)

    writers = [asyncio.create_task(write(key)) for key in keys]
    copies: list[Contents] = []
    for number in range(5):
        before = store.revision
        copies.append(await asyncio.to_thread(take_snapshot, tmp_path / "store.db", tmp_path / f"copy-{number}"))
        assert before <= copies[-1].revision <= store.revision
    stopped.set()
    await asyncio.gather(*writers)
    await store.close()
    assert {copy.objects for copy in copies} == {8}
    assert (tmp_path / "copy-0").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "copy-0-wal").exists()


async def test_in_a_new_history_who_watched_the_old_one_is_told_and_nothing_else_changed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path)
    for name in ("a", "b", "gone"):
        await store.create(Key("tiers", "", name), value(1))
    await store.update(Key("tiers", "", "a"), value(2), 1)
    await store.delete(Key("tiers", "", "gone"), None)
    before, _ = await store.list_objects()
    await store.close()
    begun = begin_new_history(path, 70)
    assert begun == 70 + BUMP
    assert contents(path) == Contents(begun, 2)
    assert revision_of(path) == begun
    store = await SqliteStore.open(path)
    assert await store.list_objects() == (before, begun)
    for revision in (0, 1, 5, 70, begun - 1, begun + 1):
        with pytest.raises(Compacted):
            await anext(store.watch(revision))
    watch = store.watch(begun)
    written = await store.update(Key("tiers", "", "a"), value(3), 4)
    assert written["metadata"]["resourceVersion"] == str(begun + 1)
    assert (await anext(watch)).revision == begun + 1
    await store.close()
    assert begin_new_history(path, 0) == begun + 1 + BUMP


def test_what_is_no_store_is_not_copied(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="there is no store at"):
        take_snapshot(tmp_path / "store.db", tmp_path / "copy")
    (tmp_path / "store.db").write_bytes(b"no database" * 1_000)
    with pytest.raises(StoreUnusable, match="cannot be copied: file is not a database"):
        take_snapshot(tmp_path / "store.db", tmp_path / "copy")
    assert revision_of(tmp_path / "store.db") == revision_of(tmp_path / "nowhere") == 0
