"""Server-sent events (HTML Living Standard, § 9.2): records as a browser or any EventSource takes them.

A record's id is when it was, and which of that moment it is: so a reader that comes back says where it was, whichever
process it was told by.
"""

import re
from typing import Final, NamedTuple, Self

EVENTS: Final = "text/event-stream"
RETRY_MILLISECONDS: Final = 2_000
"""How long a reader waits before it comes back."""

_TIME: Final = r"[0-9]{4}-[0-9T:.+-]{15,34}Z?"
_TIMED: Final = re.compile(rf'"(?:time|stageTimestamp)":"({_TIME})"')
"""Records say first when they were, those of the audit as Kubernetes' events do."""

_HEAD: Final = 200
"""Characters of a line that are looked at for it: what follows may be of anybody's making."""

_GAP: Final = ',"type":"UNLOGGED"'
_POSITION: Final = re.compile(rf"({_TIME})/([0-9]{{1,9}})")


class Position(NamedTuple):
    """A record, by its time; the empty one is before all."""

    time: str = ""
    """As it stands in the record."""

    number: int = 0
    """Counted from 1 among those of its time."""

    @classmethod
    def read(cls, text: str) -> Self | None:
        """That of a ``Last-Event-ID``; None for what is none of ours."""
        found = _POSITION.fullmatch(text)
        return None if found is None else cls(found[1], int(found[2]))

    def following(self, time: str) -> "Position":
        """That of a record that comes next."""
        return Position(time, self.number + 1 if time == self.time else 1)

    def __str__(self) -> str:
        return f"{self.time}/{self.number}"


def wants_events(accept: str) -> bool:
    """Whether an ``Accept`` header asks for them."""
    return any(item.partition(";")[0].strip().lower() == EVENTS for item in accept.split(","))


def opening() -> str:
    """What a stream begins with."""
    return f"retry: {RETRY_MILLISECONDS}\n: following\n\n"


def quiet() -> str:
    """What is sent while nothing happens, so that whatever is on the way keeps the connection."""
    return ":\n\n"


def event(name: str, data: str, identifier: str = "") -> str:
    """One event; ``data`` is one line."""
    told = f"id: {identifier}\n" if identifier else ""
    return f"{told}event: {name}\ndata: {data}\n\n"


class RecordEvents:
    """Lines of one log as events. A line that stands for what is missing is a ``gap``, and no place to come back to."""

    def __init__(self, name: str, last: Position | None = None) -> None:
        """``last``: where the reader was. What it had is passed over; where that record itself is gone, a gap comes
        first, since others may be gone with it."""
        self._name = name
        self._last = last
        self._had: Position | None = None
        """Of what the reader had already; None once there is something that it had not."""

        if last is not None:
            self._had = Position()
        self._told = Position()

    def __call__(self, line: str) -> str:
        """What to send for it; may be empty."""
        timed = _TIMED.search(line, 0, _HEAD)
        if timed is None or line.startswith(_GAP, timed.end()):
            return event("gap", line)
        self._told = self._told.following(timed[1])
        missing = ""
        if self._had is not None and self._last is not None:
            if self._told <= self._last:
                self._had = self._told
                return ""
            if self._had != self._last:
                missing = event("gap", gap_line(f"records since {self._last.time} may be gone"))
            self._had = None
        return missing + event(self._name, line, str(self._told))


class ValueEvents:
    """Lines, each of which is the whole of what is followed, as events."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, line: str) -> str:
        """What to send for it."""
        return event(self._name, line)


def gap_line(reason: str) -> str:
    """The line that says that something is missing; ``reason`` is ASCII without quotes."""
    return f'{{"type":"UNLOGGED","count":0,"reason":"{reason}"}}'
