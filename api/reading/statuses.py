"""What of a stored object is in force: its ``status``, worked out when it is read and stored nowhere."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from dnsguard.store.interface import Key, Object, Record


class Turned(NamedTuple):
    """An object whose status is another one than it was, though the object is not."""

    key: Key
    revision: int
    """Of the object, when its status turned."""


Hear = Callable[[Sequence[Turned]], None]


class Statuses(Protocol):
    """For the event loop only."""

    def of(self, key: Key, value: Object) -> Object | None:
        """The status of an object as it is stored; None of a kind that nobody enforces, and of an object that is not
        stored. Takes a few microseconds; a new value each time."""

    def turned_since(self, revision: int, plural: str) -> Sequence[Turned]:
        """What turned in a collection after some reader of that revision may have seen it, in order of their revisions;
        what that reader has seen already may be among it.

        Raises Compacted where that is no longer known.
        """

    def follow(self, hear: Hear) -> Callable[[], None]:
        """Tell of every turn from now on, all of a moment at once, in order of their revisions; the function that is
        returned ends it. ``hear`` must return at once."""


class NoStatuses:
    """Statuses where nothing is enforced: a server beside no controller."""

    def of(self, key: Key, value: Object) -> Object | None:  # noqa: ARG002 - by the protocol
        return None

    def turned_since(self, revision: int, plural: str) -> Sequence[Turned]:  # noqa: ARG002 - by the protocol
        return ()

    def follow(self, hear: Hear) -> Callable[[], None]:  # noqa: ARG002 - by the protocol
        return lambda: None


NO_STATUSES: Final = NoStatuses()


def shown(statuses: Statuses, plural: str, value: Object) -> Object:
    """An object as readers see it: with its status, where it has one. ``plural``: of its collection."""
    metadata = value["metadata"]
    return with_status(value, statuses.of(Key(plural, metadata.get("namespace", ""), metadata["name"]), value))


def shown_record(statuses: Statuses, record: Record) -> Object:
    """A stored object as readers see it."""
    value = record.value()
    return with_status(value, statuses.of(record.key, value))


def with_status(value: Object, status: Object | None) -> Object:
    """The object with this status, instead of any that it has."""
    return value if status is None else {**value, "status": status}
