"""The store's file: SQLite, seen from the one thread that writes it.

``version`` is an append-only log, a row for each revision; ``head`` points at the row of each object that exists.
Large objects are therefore written once and never rewritten. ``position`` is the newest revision, and the newest one
whose predecessors were compacted away.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dnsguard.errors import DnsguardError
from dnsguard.store.format import APPLICATION_ID, FORMAT, MIGRATIONS, SCHEMA, checksum, upgrade
from dnsguard.store.interface import (
    AlreadyExists,
    ChangeType,
    Conflict,
    Event,
    Key,
    NotFound,
    StoreUnavailable,
    StoreUnusable,
)


@dataclass(frozen=True, slots=True)
class Write:
    """One write that somebody waits for."""

    type: ChangeType
    key: Key
    text: str
    """Encoded object; empty for a deletion."""

    expected: int | None
    """Revision the object must be at."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The write asked for what is stored already."""

    text: str
    revision: int


class StoreLocked(StoreUnavailable):
    """Another program holds the file's lock for longer than a write waits."""


Outcome = Event | Unchanged | DnsguardError


@dataclass(frozen=True, slots=True)
class Committed:
    """What one transaction did."""

    outcomes: tuple[Outcome, ...]
    """One for each write, in order."""

    events: tuple[Event, ...]
    """All changes since the last transaction, in order. More than the outcomes where an earlier commit reported a
    failure and yet reached the disk."""


class Journal:
    """An open file. Not thread-safe: one thread uses it after `open`."""

    def __init__(self, path: Path, busy_timeout: float) -> None:
        """Opens and checks the file, or makes it. Raises StoreUnusable."""
        self._path = path
        self._busy_timeout = busy_timeout
        self._known = 0
        """The newest revision that was read or written here."""

        self._connection: sqlite3.Connection | None = None
        """``None`` after an error, until the next write."""

        try:
            self._inode = path.stat().st_ino
            try:
                self._initialise()
                self._check()
            except BaseException:
                self.close()
                raise
        except sqlite3.Error as error:
            raise StoreUnusable(
                f"{path} cannot be opened as a store: {error}. Restore it from a backup, or move it away to begin empty"
            ) from error
        except OSError as error:
            raise StoreUnusable(f"{path} cannot be opened as a store: {error.strerror}") from error

    def load(self) -> tuple[int, list[Event]]:
        """The revision up to which history was compacted, and every row after which objects and history follow.

        Raises StoreUnusable where rows are missing, or are not as they were written.
        """
        try:
            revision, compacted = self._position()
            connection = self._open_connection()
            rows = connection.execute("select * from version order by revision").fetchall()
            heads = set(connection.execute("select plural, namespace, name, revision from head"))
        except sqlite3.Error as error:
            raise StoreUnusable(f"{self._path} cannot be read: {error}") from error
        events = [self._event(row) for row in rows]
        standing: dict[Key, int] = {}
        for event in events:
            if event.type is ChangeType.DELETED:
                standing.pop(event.key, None)
            else:
                standing[event.key] = event.revision
        kept = [event.revision for event in events if event.revision > compacted]
        if kept != list(range(compacted + 1, revision + 1)) or heads != {
            (key.plural, key.namespace, key.name, at) for key, at in standing.items()
        }:
            raise StoreUnusable(f"{self._path} is damaged: changes are missing from it. Restore it from a backup")
        self._known = revision
        return compacted, events

    @property
    def revision(self) -> int:
        """The newest that was read or written here."""
        return self._known

    def commit(self, writes: Sequence[Write]) -> Committed:
        """Do the writes in one transaction, durable on return.

        A write that is refused (Conflict, …) changes nothing and leaves the others alone. Raises StoreUnavailable when
        nothing at all was done.
        """
        try:
            return self._commit(writes)
        except (sqlite3.Error, OSError, StoreUnusable) as error:
            self.close()
            locked = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            raise (StoreLocked if locked else StoreUnavailable)(
                f"the store {self._path} cannot take the write: {error}. Nothing was changed; try again"
            ) from error

    def compact(self, revision: int) -> None:
        """Forget what was replaced or deleted up to a revision. A failure leaves it for the next time."""
        try:
            connection = self._open_connection()
            connection.execute("begin immediate")
            _, compacted = self._position()
            scope = (compacted, revision)
            connection.execute(
                "delete from version where revision in"
                " (select previous from version where revision > ? and revision <= ?)",
                scope,
            )
            connection.execute("delete from version where revision > ? and revision <= ? and type = 'DELETED'", scope)
            connection.execute("update position set compacted = ?", (revision,))
            connection.execute("commit")
        except (sqlite3.Error, StoreUnusable):
            self.close()

    def close(self) -> None:
        """Undo what is not committed, fold the write-ahead log into the file, and let go of it.

        Also the way back after an error, which may have left the connection in any state: the next write opens it anew.
        """
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=self._busy_timeout,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self._refuse_others(connection)  # before a single byte of the file is changed
            # WAL with FULL: one fsync for each transaction, and what was acknowledged survives a power cut.
            # With NORMAL it would not.
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            connection.execute("pragma journal_size_limit = 16777216")
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _refuse_others(self, connection: sqlite3.Connection) -> None:
        (application,) = connection.execute("pragma application_id").fetchone()
        (tables,) = connection.execute("select count(*) from sqlite_schema").fetchone()
        if application != APPLICATION_ID and (application, tables) != (0, 0):
            raise StoreUnusable(f"{self._path} is a database of another program: name another file")

    def _initialise(self) -> None:
        if self._number("pragma application_id") == 0:
            self._open_connection().executescript(SCHEMA)

    def _check(self) -> None:
        format_ = self._number("pragma user_version")
        if format_ > FORMAT or format_ not in (FORMAT, *MIGRATIONS):
            raise StoreUnusable(
                f"{self._path} has format {format_}, this version of dnsguard reads format {FORMAT}:"
                " use the version that wrote it"
            )
        (verdict,) = self._open_connection().execute("pragma quick_check(1)").fetchone()
        if verdict != "ok":
            raise StoreUnusable(f"{self._path} is damaged: {verdict}. Restore it from a backup")
        if format_ != FORMAT:
            upgrade(self._open_connection(), self._path, format_)

    def _number(self, query: str) -> int:
        (number,) = self._open_connection().execute(query).fetchone()
        return int(number)

    def _position(self) -> tuple[int, int]:
        row = self._open_connection().execute("select revision, compacted from position").fetchone()
        if row is None:
            raise StoreUnusable(f"{self._path} is damaged: its position is missing. Restore it from a backup")
        revision, compacted = row
        return revision, compacted

    def _commit(self, writes: Sequence[Write]) -> Committed:
        if self._path.stat().st_ino != self._inode:
            raise StoreUnavailable(f"the store {self._path} was replaced or moved while it is in use: restart dnsguard")
        connection = self._open_connection()
        connection.execute("begin immediate")
        missed = self._missed(connection)
        revision = missed[-1].revision if missed else self._known
        outcomes: list[Outcome] = []
        for write in writes:
            outcome = self._perform(connection, write, revision + 1)
            outcomes.append(outcome)
            if isinstance(outcome, Event):
                revision = outcome.revision
        if revision == self._known:
            connection.execute("rollback")  # all were refused: nothing to wait for the disk for
            return Committed(tuple(outcomes), ())
        connection.execute("update position set revision = ?", (revision,))
        connection.execute("commit")
        self._known = revision
        written = (outcome for outcome in outcomes if isinstance(outcome, Event))
        return Committed(tuple(outcomes), (*missed, *written))

    def _missed(self, connection: sqlite3.Connection) -> list[Event]:
        """Changes in the file that nobody here knows of: of a commit that failed only in its last step."""
        revision, _ = self._position()
        rows = connection.execute(
            "select * from version where revision > ? order by revision",
            (self._known,),
        )
        events = [self._event(row) for row in rows]
        if [event.revision for event in events] != list(range(self._known + 1, revision + 1)):
            connection.execute("rollback")
            raise StoreUnavailable(
                f"the store {self._path} was changed by something else while in use: restart dnsguard"
            )
        return events

    def _perform(self, connection: sqlite3.Connection, write: Write, revision: int) -> Outcome:
        key = write.key
        name = (key.plural, key.namespace, key.name)
        row = connection.execute(
            "select revision, value from head join version using (revision)"
            " where head.plural = ? and head.namespace = ? and head.name = ?",
            name,
        ).fetchone()
        previous, text = row or (0, "")
        match write.type:
            case ChangeType.ADDED if row:
                return AlreadyExists(f"{key} exists already")
            case ChangeType.MODIFIED | ChangeType.DELETED if not row:
                return NotFound(f"{key} does not exist")
        if write.expected is not None and write.expected != previous:
            return Conflict(
                f"{key} is at revision {previous}, not {write.expected}: read it again and repeat the change"
            )
        if write.type is ChangeType.MODIFIED and write.text == text:
            return Unchanged(text, previous)
        new_text = text if write.type is ChangeType.DELETED else write.text
        written = (revision, previous, str(write.type), *name, new_text)
        connection.execute("insert into version values (?, ?, ?, ?, ?, ?, ?, ?)", (*written, checksum(written)))
        if write.type is ChangeType.DELETED:
            connection.execute("delete from head where plural = ? and namespace = ? and name = ?", name)
        else:
            connection.execute("insert or replace into head values (?, ?, ?, ?)", (*name, revision))
        return Event(revision, write.type, key, new_text)

    def _event(self, row: tuple[int, int, str, str, str, str, str, int]) -> Event:
        """Raises StoreUnusable where the row is not as it was written."""
        revision, _, type_, plural, namespace, name, text, noted = row
        key = Key(plural, namespace, name)
        if checksum(row[:-1]) != noted:
            raise StoreUnusable(
                f"{self._path} is damaged: {key} at revision {revision} is not as it was written."
                " Restore it from a backup"
            )
        return Event(revision, ChangeType(type_), key, text)
