"""A file of an earlier version is copied beside itself, then brought up to date, all or nothing."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from dnsguard.store import format as layout
from dnsguard.store.format import FORMAT
from dnsguard.store.interface import Key, StoreUnusable
from dnsguard.store.sqlite import SqliteStore

FORMAT_1 = """
create table version (
    revision  integer primary key,
    previous  integer not null,
    type      text not null check (type in ('ADDED', 'MODIFIED', 'DELETED')),
    plural    text not null,
    namespace text not null,
    name      text not null,
    value     text not null
) strict;
create table head (
    plural    text not null,
    namespace text not null,
    name      text not null,
    revision  integer not null,
    primary key (plural, namespace, name)
) strict, without rowid;
create table position (
    only      integer primary key check (only = 1),
    revision  integer not null,
    compacted integer not null
) strict;
insert into position values (1, 3, 0);
insert into version values (1, 0, 'ADDED', 'tiers', '', 'a', '{"metadata":{"name":"a"},"spec":{"order":1}}');
insert into version values (2, 1, 'MODIFIED', 'tiers', '', 'a', '{"metadata":{"name":"a"},"spec":{"order":2}}');
insert into version values (3, 0, 'ADDED', 'tiers', '', 'b', '{"metadata":{"name":"b"},"spec":{}}');
insert into head values ('tiers', '', 'a', 2), ('tiers', '', 'b', 3);
pragma application_id = 0x646E7367;
pragma user_version = 1;
pragma journal_mode = wal;
"""
"""What versions up to 2026-12 wrote."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "store.db"
    connection = sqlite3.connect(made)
    connection.executescript(FORMAT_1)
    connection.close()
    return made


def format_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    (found,) = connection.execute("pragma user_version").fetchone()
    connection.close()
    return int(found)


async def test_objects_history_and_revisions_are_as_they_were_and_a_copy_stands_beside(path: Path) -> None:
    store = await SqliteStore.open(path)
    objects, revision = await store.list_objects()
    assert [(each["metadata"], each["spec"]) for each in objects] == [
        ({"name": "a", "resourceVersion": "2"}, {"order": 2}),
        ({"name": "b", "resourceVersion": "3"}, {}),
    ]
    assert revision == 3
    watch = store.watch(0)
    assert [(await anext(watch)).revision for _ in range(3)] == [1, 2, 3]
    await store.update(Key("tiers", "", "a"), {"metadata": {"name": "a"}, "spec": {"order": 4}}, 2)
    await store.close()
    copy = path.with_name("store.db.format-1")
    assert (format_of(path), format_of(copy)) == (FORMAT, 1)
    assert (copy.stat().st_mode & 0o777, sorted(each.name for each in path.parent.iterdir())) == (
        0o600,
        ["store.db", "store.db.format-1", "store.db.lock"],
    )

    again = await SqliteStore.open(path)  # is of this version now
    assert (await again.list_objects())[1] == 4
    await again.close()
    copy.replace(path)  # back to the version before: its file is whole
    assert format_of(path) == 1
    back = await SqliteStore.open(path)
    assert (await back.list_objects())[1] == 3
    await back.close()


def fails(_: sqlite3.Connection) -> None:
    raise sqlite3.OperationalError("made up")


def half(connection: sqlite3.Connection) -> None:
    connection.execute("alter table version add column checksum integer not null default 0")
    raise sqlite3.OperationalError("made up")


@pytest.mark.parametrize("migration", [fails, half])
async def test_where_it_fails_nothing_is_changed(
    path: Path, monkeypatch: pytest.MonkeyPatch, migration: Callable[[sqlite3.Connection], None]
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(layout, "MIGRATIONS", {1: migration})
        with pytest.raises(StoreUnusable, match="made up"):
            await SqliteStore.open(path)
    assert format_of(path) == 1
    store = await SqliteStore.open(path)
    assert (await store.list_objects())[1] == 3
    await store.close()


async def test_without_a_copy_it_is_not_begun(path: Path) -> None:
    path.with_name("store.db.format-1").mkdir()
    with pytest.raises(StoreUnusable, match=r"cannot be copied to .*store.db.format-1.*nothing was changed"):
        await SqliteStore.open(path)
    assert format_of(path) == 1
