"""Events of watches as lines of JSON, each written once for all watches that show it the same way."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from dnsguard.api.answers import as_json
from dnsguard.api.reading.representation import Representation
from dnsguard.api.reading.statuses import Statuses, Turned, with_status
from dnsguard.api.reading.tables import Shown
from dnsguard.resources import Kind
from dnsguard.store.interface import ChangeType, Event, Object, Record

MOST_TEXT = 16 * 1024 * 1024
"""Bytes of lines that are kept; the newest is, whatever its size."""

MOST_PIECES = 64
"""Runs of lines that are kept joined, of changes and of what turned: what watches that keep up have before them. A run
of changes is no larger than a handful."""

PIECE = 32 * 1024
"""Bytes written at once: what waits for a slow reader is no more than this and what the socket takes."""

MOST_VALUES_TEXT = 4 * 1024 * 1024
"""Characters of all objects that are kept taken apart, for watches that look into them; the newest is, whatever its
size. Taken apart they are some ten times as large."""

Covered = tuple[str, str | None, str | None]
"""Plural, namespace and name that a watch covers."""

TurnedKey = tuple[Covered, int, int, int]
"""What is covered, the place among the turns, and the revision up to which all changes were told."""

_LineKey = tuple[int, int, str]
"""View, revision, type of event."""

_Place = TypeVar("_Place")
_Joined = TypeVar("_Joined")


class EventLines:
    """What has been written lately. Belongs to one event loop."""

    def __init__(self, statuses: Statuses, now: Callable[[], datetime]) -> None:
        self._statuses = statuses
        self._now = now
        self._views: dict[tuple[str, Representation], View] = {}
        self._lines: dict[_LineKey, bytes] = {}
        """The oldest first."""

        self._size = 0
        self._pieces: dict[tuple[int, Covered, int, int], Sequence[bytes]] = {}
        """View, scope, first and last revision → lines joined; the oldest first."""

        self.turned: dict[tuple[int, TurnedKey], bytes] = {}
        """View and place → what turned, until more turns; the oldest first."""

        self._values: dict[int, tuple[Object, int]] = {}
        """Revision → object as it is stored, and the length of its text; the oldest first."""

        self._values_text = 0
        statuses.follow(self._forget)

    def view(self, kind: Kind, how: Representation) -> "View":
        """The lines of a kind in one representation."""
        found = self._views.get((kind.collection, how))
        if found is None:
            found = self._views[kind.collection, how] = View(self, len(self._views), kind, how)
        return found

    def value(self, record: Record) -> Object:
        """The object, to be read only."""
        kept = self._values.get(record.revision)
        if kept is not None:
            return kept[0]
        value, length = record.value(), len(record.text)
        self._values[record.revision] = value, length
        self._values_text += length
        while self._values_text > MOST_VALUES_TEXT and len(self._values) > 1:
            self._values_text -= self._values.pop(next(iter(self._values)))[1]
        return value

    def shown(self, type_: str, record: Record) -> Object:
        """The object as readers see it: what is gone has no status."""
        if type_ == ChangeType.DELETED:  # for some it may be gone at the revision of a change
            return record.value()
        value = self.value(record)
        return with_status(value, self._statuses.of(record.key, value))

    def now(self) -> datetime:
        """The time at which ages are told."""
        return self._now()

    def kept(self, key: _LineKey) -> bytes | None:
        """A line that was written before and still says what is so."""
        return self._lines.get(key)

    def keep(self, key: _LineKey, line: bytes) -> None:
        """For the others that show it."""
        self._lines[key] = line
        self._size += len(line)
        while self._size > MOST_TEXT and len(self._lines) > 1:
            self._drop(next(iter(self._lines)))

    def joined(self, view: "View", scope: Covered, events: Sequence[Event]) -> Sequence[bytes]:
        """Changes that follow each other in a scope, as lines in as few pieces as may be."""
        key = (view.number, scope, events[0].revision, events[-1].revision)
        found = self._pieces.get(key)
        if found is None:
            found = tuple(pieces(view.event(event) for event in events))
            _keep(self._pieces, key, found)
        return found

    def _forget(self, turned: Sequence[Turned]) -> None:
        """Their status is another one than the lines say."""
        self._pieces.clear()
        self.turned.clear()
        for each in turned:
            for view in range(len(self._views)):
                for type_ in (ChangeType.ADDED, ChangeType.MODIFIED):
                    self._drop((view, each.revision, type_))

    def _drop(self, key: _LineKey) -> None:
        self._size -= len(self._lines.pop(key, b""))


class View:
    """The events of one kind in one representation."""

    def __init__(self, lines: EventLines, number: int, kind: Kind, how: Representation) -> None:
        self._lines = lines
        self.number = number
        self._kind = kind
        self._how = how

    def value(self, record: Record) -> Object:
        """The object as it is stored, to be read only."""
        return self._lines.value(record)

    def events(self, scope: Covered, events: Sequence[Event]) -> Sequence[bytes]:
        """Changes that follow each other in a scope, for whoever sees all of them."""
        return self._lines.joined(self, scope, events)

    def event(self, event: Event) -> bytes:
        """The line that a change is, for whoever sees all of them."""
        key = (self.number, event.revision, event.type)
        return self._lines.kept(key) or self._written(key, event.type, event.record)

    def line(self, type_: ChangeType, record: Record) -> bytes:
        """The line that says what became of an object."""
        key = (self.number, record.revision, type_)
        return self._lines.kept(key) or self._written(key, type_, record)

    def turned(self, key: TurnedKey) -> bytes | None:
        """What another watch told at the same place."""
        return self._lines.turned.get((self.number, key))

    def keep_turned(self, key: TurnedKey, lines: bytes) -> None:
        """For the others at the same place."""
        _keep(self._lines.turned, (self.number, key), lines)

    def bookmark(self, revision: int, *, ends_beginning: bool = False) -> bytes:
        """The line that says how far a watch has come; and that all there was at its beginning has been told."""
        key = (self.number, revision, "END" if ends_beginning else "BOOKMARK")
        line = self._lines.kept(key)
        if line is None:
            metadata: Object = {"resourceVersion": str(revision), "creationTimestamp": None}
            if ends_beginning:
                metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
            line = event_line("BOOKMARK", Shown(self._kind, self._how, self._lines.now()).mark(metadata))
            self._lines.keep(key, line)
        return line

    def _written(self, key: _LineKey, type_: ChangeType, record: Record) -> bytes:
        shown = Shown(self._kind, self._how, self._lines.now())
        line = event_line(type_, shown.one(self._lines.shown(type_, record)))
        self._lines.keep(key, line)
        return line


def _keep(kept: dict[_Place, _Joined], place: _Place, joined: _Joined) -> None:
    kept[place] = joined
    if len(kept) > MOST_PIECES:
        del kept[next(iter(kept))]


def event_line(type_: str, value: Object) -> bytes:
    """One event as it is sent."""
    return as_json({"type": type_, "object": value}) + b"\n"


def pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The same lines, as few pieces as may be."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        piece.append(line)
        size += len(line)
        if size >= PIECE:
            yield b"".join(piece)
            piece, size = [], 0
    if piece:
        yield b"".join(piece)
