"""What only the file-backed store can show: durability, and how it behaves when disk or file fail it."""

import asyncio
import os
import resource
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from dnsguard.store.feed import Bounds
from dnsguard.store.format import checksum
from dnsguard.store.interface import Compacted, Key, StoreUnavailable, StoreUnusable
from dnsguard.store.journal import Journal
from dnsguard.store.sqlite import SqliteStore

KEY = Key("networksets", "shop", "partners")


def value(number: int) -> dict[str, object]:
    return {"metadata": {"name": "partners"}, "spec": {"number": number}}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def modes(folder: Path) -> dict[str, int]:
    return {file.name: mode(file) for file in folder.iterdir()}


async def number_stored(store: SqliteStore) -> object:
    return (await store.get(KEY))["spec"]["number"]


async def test_objects_history_and_revision_survive(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path)
    await store.create(KEY, value(1))
    await store.create(Key("tiers", "", "gone"), value(0))
    await store.update(KEY, value(2), 1)
    await store.delete(Key("tiers", "", "gone"), None)
    await store.close()

    store = await SqliteStore.open(path)
    objects, revision = await store.list_objects()
    assert (objects[0]["spec"], len(objects), revision) == ({"number": 2}, 1, 4)
    watch = store.watch(0)
    assert [(await anext(watch)).type for _ in range(4)] == ["ADDED", "ADDED", "MODIFIED", "DELETED"]
    assert (await store.update(KEY, value(3), 3))["metadata"]["resourceVersion"] == "5"
    await store.close()


async def test_compaction_bounds_the_file_and_survives(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path, bounds=Bounds(changes=10))
    await store.create(KEY, value(0))
    await store.create(Key("tiers", "", "old"), value(0))
    for number in range(1, 100):
        await store.update(KEY, value(number), None)
        await store.create(Key("tiers", "", "brief"), value(number))
        await store.delete(Key("tiers", "", "brief"), None)
    await store.close()
    with sqlite3.connect(path) as connection:
        (rows,) = connection.execute("select count(*) from version").fetchone()
    connection.close()
    assert rows <= 2 + 10 + 2  # objects, history, and what the next compaction takes

    store = await SqliteStore.open(path, bounds=Bounds(changes=10))
    assert await number_stored(store) == 99
    assert [item["metadata"]["resourceVersion"] for item in (await store.list_objects("tiers"))[0]] == ["2"]
    with pytest.raises(Compacted):
        await anext(store.watch(299 - 20))
    assert (await anext(store.watch(299 - 10))).revision == 299 - 9
    await store.close()


async def test_the_text_of_history_is_bounded_too(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", bounds=Bounds(changes=1000, text=10_000))
    await store.create(KEY, value(0))
    for number in range(1, 20):
        await store.update(KEY, {"metadata": {}, "spec": {"number": number, "text": "x" * 2_000}}, None)
    assert (await anext(store.watch(16))).revision == 17
    with pytest.raises(Compacted):
        await anext(store.watch(10))
    await store.update(KEY, {"metadata": {}, "spec": "x" * 50_000}, None)
    assert (await anext(store.watch(20))).revision == 21
    await store.close()


async def test_the_files_are_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    old = os.umask(0)
    try:
        store = await SqliteStore.open(path)
        await store.create(KEY, value(1))
        assert modes(tmp_path) == dict.fromkeys(("store.db", "store.db-wal", "store.db-shm", "store.db.lock"), 0o600)
        await store.close()
        path.chmod(0o644)
        await (await SqliteStore.open(path)).close()
        assert mode(path) == 0o600
    finally:
        os.umask(old)


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    with pytest.raises(StoreUnusable, match=f"store.db is in use by process {os.getpid()}: stop it first"):
        await SqliteStore.open(tmp_path / "store.db")
    await store.close()
    await (await SqliteStore.open(tmp_path / "store.db")).close()


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database, whatever it is called" * 100)


def foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("create table customers (name text)")
    connection.close()


def newer(path: Path) -> None:
    made(path)
    connection = sqlite3.connect(path)
    connection.execute("pragma user_version = 3")
    connection.close()


def damaged(path: Path) -> None:
    made(path)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)


def truncated(path: Path) -> None:
    made(path)
    path.write_bytes(path.read_bytes()[:5000])


def gap(path: Path) -> None:
    made(path)
    with sqlite3.connect(path) as connection:
        connection.execute("delete from version where revision = 3")
    connection.close()


def flipped(path: Path) -> None:
    """One bit of an object: a port, a letter of a name."""
    made(path)
    content = path.read_bytes()
    assert content.count(b'{"number":49}') == 1
    path.write_bytes(content.replace(b'{"number":49}', b'{"number":48}'))


def moved(path: Path) -> None:
    made(path)
    with sqlite3.connect(path) as connection:
        connection.execute("update version set name = 'partnerz' where revision = 50")
        connection.execute("update head set name = 'partnerz'")
    connection.close()


def lost_head(path: Path) -> None:
    made(path)
    with sqlite3.connect(path) as connection:
        connection.execute("delete from head")
    connection.close()


def made(path: Path) -> None:
    async def make() -> None:
        store = await SqliteStore.open(path)
        await store.create(KEY, value(0))
        for number in range(1, 50):
            await store.update(KEY, value(number), None)
        await store.close()

    asyncio.run(make())


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (garbage, "cannot be opened as a store: file is not a database. Restore it from a backup"),
        (foreign, "is a database of another program"),
        (newer, "has format 3, this version of dnsguard reads format 2"),
        (damaged, "damaged|malformed"),
        (truncated, "damaged|malformed"),
        (gap, "is damaged: changes are missing"),
        (flipped, "is damaged: networksets/shop/partners at revision 50 is not as it was written. Restore it"),
        (moved, "is damaged: networksets/shop/partnerz at revision 50 is not as it was written. Restore it"),
        (lost_head, "is damaged: changes are missing"),
        (folder, "Is a directory"),
    ],
)
def test_a_file_that_is_no_store_is_refused(tmp_path: Path, make: Callable[[Path], None], says: str) -> None:
    path = tmp_path / "store.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreUnusable, match=says) as caught:
        asyncio.run(SqliteStore.open(path))
    assert str(path) in str(caught.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match=r"nowhere/store.db.* cannot be opened: No such file or directory"):
        await SqliteStore.open(tmp_path / "nowhere" / "store.db")


async def test_a_locked_file_refuses_writes_and_serves_reads(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path, busy_timeout=0.05)
    await store.create(KEY, value(1))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(StoreUnavailable, match=r"database is locked\. Nothing was changed; try again"):
        await store.update(KEY, value(2), None)
    refused = await asyncio.gather(*(store.update(KEY, value(n), None) for n in range(3)), return_exceptions=True)
    assert [type(error).__mro__[1] for error in refused] == [StoreUnavailable] * 3
    assert await number_stored(store) == 1
    other.execute("rollback")
    other.close()
    assert (await store.update(KEY, value(2), 1))["metadata"]["resourceVersion"] == "2"
    await store.close()


async def test_a_disk_that_takes_no_more_refuses_writes_and_recovers(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    await store.create(KEY, value(1))
    large = {"metadata": {}, "spec": "x" * 200_000}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(StoreUnavailable, match="Nothing was changed"):
            await store.update(KEY, large, None)
        mixed = await asyncio.gather(
            store.update(KEY, large, None), store.create(Key("tiers", "", "small"), value(5)), return_exceptions=True
        )
        assert isinstance(mixed[0], StoreUnavailable)
        assert not isinstance(mixed[1], BaseException)  # what still fits is not failed by what does not
        assert await number_stored(store) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (await store.update(KEY, large, 1))["metadata"]["resourceVersion"] == "3"
    await store.close()
    store = await SqliteStore.open(tmp_path / "store.db")
    assert (await store.get(KEY))["spec"] == large["spec"]
    await store.close()


async def test_a_file_that_was_replaced_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path)
    await store.create(KEY, value(1))
    path.rename(tmp_path / "moved")
    with pytest.raises(StoreUnavailable):
        await store.update(KEY, value(2), None)
    path.touch()
    with pytest.raises(StoreUnavailable, match="was replaced or moved while it is in use"):
        await store.update(KEY, value(2), None)
    await store.close()


async def test_a_change_by_another_program_is_not_overlooked(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path)
    await store.create(KEY, value(1))
    with sqlite3.connect(path) as connection:
        connection.execute("update position set revision = 7")
    connection.close()
    with pytest.raises(StoreUnavailable, match="was changed by something else"):
        await store.update(KEY, value(2), None)
    await store.close()


async def test_a_commit_that_failed_in_its_last_step_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path)
    await store.create(KEY, value(1))
    text = '{"metadata":{},"spec":{"number":2}}'
    with sqlite3.connect(path) as connection:  # as if our own transaction had reached the disk unnoticed
        connection.execute(
            "insert into version values (2, 1, 'MODIFIED', 'networksets', 'shop', 'partners', ?, ?)",
            (text, checksum((2, 1, "MODIFIED", "networksets", "shop", "partners", text))),
        )
        connection.execute("update head set revision = 2")
        connection.execute("update position set revision = 2")
    connection.close()
    await store.create(Key("tiers", "", "next"), value(0))
    assert await number_stored(store) == 2
    watch = store.watch(1)
    assert [(await anext(watch)).key.name for _ in range(2)] == ["partners", "next"]
    await store.close()


async def test_writes_after_close_are_refused(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.create(KEY, value(1))


async def test_writes_that_wait_share_a_transaction_and_are_all_done_before_close(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    writes = [asyncio.ensure_future(store.create(Key("tiers", "", f"t{n}"), value(n))) for n in range(1000)]
    await asyncio.sleep(0)
    await store.close()
    written = await asyncio.gather(*writes)
    assert [item["metadata"]["resourceVersion"] for item in written] == [str(n) for n in range(1, 1001)]
    store = await SqliteStore.open(tmp_path / "store.db")
    assert len((await store.list_objects())[0]) == 1000
    await store.close()


async def test_a_long_list_lets_other_tasks_run(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    await asyncio.gather(*(store.create(Key("tiers", "", f"t{n}"), value(n)) for n in range(500)))
    listing = asyncio.ensure_future(store.list_objects())
    turns = 0
    while not listing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 5
    await store.close()


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch()
    journal = Journal(path, 1.0)
    connection = journal._open_connection()
    assert connection.execute("pragma synchronous").fetchone() == (2,)  # FULL; no test here can cut the power
    assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
    journal.close()
