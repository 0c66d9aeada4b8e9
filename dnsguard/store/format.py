"""How the store's file is laid out, and how a file of an earlier version becomes one of this.

Before a file is changed it is copied beside itself, under a name that says its format.
"""

import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from dnsguard.store.interface import StoreUnusable

APPLICATION_ID = 0x646E7367
FORMAT = 2

SCHEMA = """
begin immediate;
create table version (
    revision  integer primary key,
    previous  integer not null,  -- revision of the same object that this one replaces; 0 for none
    type      text not null check (type in ('ADDED', 'MODIFIED', 'DELETED')),
    plural    text not null,
    namespace text not null,
    name      text not null,
    value     text not null,
    checksum  integer not null  -- of the row, see `checksum`
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
insert into position values (1, 0, 0);
pragma application_id = 0x646E7367;  -- "dnsg": tells our files from other programs'
pragma user_version = 2;
commit;
"""


def checksum(row: Iterable[int | str]) -> int:
    """Of a row of ``version``, its checksum left out. SQLite checks the structure of pages, and not what is in them: a
    bit that flips in an object would be policy."""
    return zlib.crc32("\0".join(map(str, row)).encode("utf-8", "surrogatepass"))


def _add_checksums(connection: sqlite3.Connection) -> None:
    connection.execute("alter table version add column checksum integer not null default 0")
    connection.create_function("row_checksum", 7, lambda *row: checksum(row), deterministic=True)
    connection.execute(
        "update version set checksum = row_checksum(revision, previous, type, plural, namespace, name, value)"
    )


MIGRATIONS: Final[Mapping[int, Callable[[sqlite3.Connection], None]]] = {1: _add_checksums}
"""Format → what makes the next one of it, inside a transaction."""


def upgrade(connection: sqlite3.Connection, path: Path, format_: int) -> None:
    """Copy the file, then bring it to `FORMAT`, all or nothing. Raises StoreUnusable where the copy cannot be made."""
    copy = path.with_name(f"{path.name}.format-{format_}")
    try:
        copy_to(connection, copy)
    except (sqlite3.Error, OSError) as error:
        with suppress(OSError):
            copy.unlink(missing_ok=True)
        raise StoreUnusable(
            f"{path} has format {format_} and is not brought to format {FORMAT}, for it cannot be copied to {copy}:"
            f" {error}. Make room there; nothing was changed"
        ) from error
    connection.execute("begin immediate")
    try:
        for step in range(format_, FORMAT):
            MIGRATIONS[step](connection)
        connection.execute(f"pragma user_version = {FORMAT}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def copy_to(
    connection: sqlite3.Connection, target: Path, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> None:
    """Make a consistent copy that is one file, readable by its owner only, and on the disk when this returns, while
    others read and write. ``progress`` is told pages: done, and all. Raises sqlite3.Error, OSError."""
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    copy = sqlite3.connect(target, isolation_level=None)
    try:
        connection.execute("begin")
        try:
            connection.execute("select revision from position").fetchone()  # from here on it is one moment that is read
            connection.backup(copy, pages=1_000, progress=lambda _, left, pages: progress(pages - left, pages), sleep=0)
        finally:
            connection.execute("rollback")
        copy.execute("pragma journal_mode = delete")
    finally:
        copy.close()
    descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
