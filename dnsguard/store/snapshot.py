"""Whole stores as files: copied while they are in use, verified, and put in place of another as a new history."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dnsguard.store.format import copy_to
from dnsguard.store.interface import ChangeType, StoreUnusable
from dnsguard.store.journal import Journal

BUMP: Final = 1_000_000_000
"""What a restored store's revision is ahead of all that is known, as etcd's documents advise: more than anybody can
have seen of the history that it replaces."""

BUSY: Final = 10.0
"""Seconds to wait for another process's lock."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a store's file holds."""

    revision: int
    objects: int


def take_snapshot(
    source: Path, target: Path, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Contents:
    """Copy a store that another process may have open, and verify the copy. Raises StoreUnusable, OSError."""
    if not source.exists():
        raise StoreUnusable(f"there is no store at {source}")
    try:
        connection = sqlite3.connect(
            f"{source.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY, isolation_level=None
        )
        try:
            copy_to(connection, target, progress)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreUnusable(f"{source} cannot be copied: {error}") from error
    return contents(target)


def contents(path: Path) -> Contents:
    """What a file holds that nobody has open, every row of it checked; of an earlier format it is of ours then. Raises
    StoreUnusable for what is no store, damaged, or of a later version."""
    journal = Journal(path, BUSY)
    try:
        _, events = journal.load()
        revision = journal.revision
    finally:
        journal.close()
    standing = {event.key: event.type is not ChangeType.DELETED for event in events}
    return Contents(revision, sum(standing.values()))


def begin_new_history(path: Path, at_least: int) -> int:
    """Set the revision far beyond that of the file and ``at_least``, with everything before it compacted; objects keep
    their resourceVersions. What was watching the history before is told to list again. Returns the revision."""
    connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None)
    try:
        connection.execute("begin immediate")
        (revision,) = connection.execute("select revision from position").fetchone()
        begun = max(int(revision), at_least) + BUMP
        connection.execute("delete from version where revision not in (select revision from head)")
        connection.execute("update position set revision = ?, compacted = ?", (begun, begun))
        connection.execute("commit")
        connection.execute("pragma journal_mode = delete")
    finally:
        connection.close()
    return begun


def revision_of(path: Path) -> int:
    """As far as it can be read, whatever else is wrong with the file; else 0."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY)
        try:
            return int(connection.execute("select revision from position").fetchone()[0])
        finally:
            connection.close()
    except (sqlite3.Error, OSError, TypeError, ValueError):
        return 0
