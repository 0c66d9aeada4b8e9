"""What a store promises: objects with revisions, and *list + watch from a revision*.

The model is etcd's. Every change takes one revision, counted up from 1 (the empty store is at 0); an object carries
the revision of its last change, which clients see as ``resourceVersion``. A store knows keys and JSON objects, nothing
of what they mean.

Contract, held by one test suite over every implementation:

- A write is durable when the call returns. Writes to one key are linear.
- ``list_objects`` returns a consistent cut and its revision; ``watch`` from that revision delivers every later change
  exactly once, in revision order, deletions with the last object.
- ``page`` shows one kind as it was at a revision whose later changes are all kept, piece by piece, whatever is written
  between two pieces.
- A watcher that falls too far behind, or that asks for a revision that was compacted or was never reached (the store
  was restored from an older copy), gets ``Compacted`` and must list again; it is never silently given less.
- An operation that fails has changed nothing, and one whose caller was cancelled is done whole or not at all.
- Objects handed out are the caller's own copies. Records and events are shared, and read only when somebody asks them:
  whoever sends objects on, or sends one to many, need not take them apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, Self

from dnsguard.errors import DnsguardError
from dnsguard.store.encoding import decoded

Object = dict[str, Any]
"""A resource in its JSON shape, ``metadata.resourceVersion`` included."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Where an object lives."""

    plural: str
    """Name of the collection: ``networksets``, ``tiers``, …, and ``networkpolicies.networking.k8s.io`` where the plural
    alone could mean two."""

    namespace: str
    """Empty for kinds without a namespace."""

    name: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.plural, self.namespace, self.name) if part)

    def is_within(self, plural: str | None, namespace: str | None, name: str | None = None) -> bool:
        """Whether a list or watch of this scope shows it; ``None`` means all kinds, all namespaces, all names."""
        return plural in (None, self.plural) and namespace in (None, self.namespace) and name in (None, self.name)


@dataclass(frozen=True, slots=True)
class Record:
    """An object as it is stored."""

    key: Key
    text: str
    """JSON in ASCII, fields in the order of their names, without ``resourceVersion``."""

    revision: int
    """Of its last change."""

    def value(self) -> Object:
        """A fresh object that carries its revision."""
        return decoded(self.text, self.revision)


class ChangeType(StrEnum):
    """What happened to an object; the values are those of a Kubernetes watch."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Change:
    """One event of a watch."""

    type: ChangeType
    key: Key
    object: Object
    """After the change; for a deletion the last state, with ``resourceVersion`` of the deletion."""

    revision: int


@dataclass(frozen=True, slots=True)
class Event:
    """A change as it is stored."""

    revision: int
    type: ChangeType
    key: Key
    text: str
    """As in ``Record``; for a deletion the last state."""

    replaced: Record | None = None
    """What stood there before; ``None`` for a new object."""

    @property
    def record(self) -> Record:
        """The object after the change; for a deletion its last state, with the revision of the deletion."""
        return Record(self.key, self.text, self.revision)

    def change(self) -> Change:
        """The same with a fresh object."""
        return Change(self.type, self.key, decoded(self.text, self.revision), self.revision)


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a list."""

    records: Sequence[Record]
    """In key order."""

    revision: int
    """That the list is at."""

    remaining: int
    """How many objects come after these."""


class NotFound(DnsguardError):
    """The object does not exist."""


class AlreadyExists(DnsguardError):
    """An object of that name exists already."""


class Conflict(DnsguardError):
    """The object changed since it was read: read it again and repeat the change."""


class Compacted(DnsguardError):
    """The revision asked for is no longer kept: list again and watch from there."""


class StoreUnavailable(DnsguardError):
    """The store cannot take the write now (disk full, file locked): nothing was changed, try again later."""


class StoreUnusable(DnsguardError):
    """The file cannot be opened as a store: damaged, made by something else, or in use by another process."""


class Watch(Protocol):
    """An open watch: iterate over it with ``async for``, or take what is at hand. One task reads it."""

    @property
    def revision(self) -> int:
        """Every change up to this revision that the watch asks for has been handed out, so a client that has seen them
        may resume from it."""

    def __aiter__(self) -> Self:
        """Itself."""

    async def __anext__(self) -> Change:
        """The next change; waits for it. Ends when the watch or the store is closed. Raises Compacted."""

    @property
    def has_ended(self) -> bool:
        """Whether the watch or the store is closed."""

    def take(self, most: int) -> Sequence[Event]:
        """The next changes, as far as they are known, without waiting. Fewer than ``most``: there are no more now.

        Raises Compacted.
        """

    def call_when_ready(self, call: Callable[[], None]) -> None:
        """Call once, from the event loop, when there may be something to take, and when the watch has ended.

        Asked again before that, only the latest is called. May be called too early: ``take`` then returns nothing.
        """

    async def aclose(self) -> None:
        """End the iteration, also one that waits. May be repeated."""


class Store(Protocol):
    """See the module's text for what holds."""

    async def create(self, key: Key, value: Object) -> Object:
        """Return the object as stored (resourceVersion set). Raises AlreadyExists, StoreUnavailable."""

    async def update(self, key: Key, value: Object, expected_revision: int | None) -> Object:
        """Replace the object; ``None`` means whatever its revision. Raises NotFound, Conflict, StoreUnavailable.

        A value equal to what is stored (its resourceVersion apart) changes nothing and takes no revision.
        """

    async def delete(self, key: Key, expected_revision: int | None) -> Object:
        """Return the last state, with ``resourceVersion`` of the deletion.

        Raises NotFound, Conflict, StoreUnavailable.
        """

    async def get(self, key: Key) -> Object:
        """Raises NotFound."""

    async def record(self, key: Key) -> Record:
        """The object as it is stored. Raises NotFound."""

    async def list_objects(self, plural: str | None = None, namespace: str | None = None) -> tuple[list[Object], int]:
        """Objects in key order, and the revision of the cut. ``None`` means all kinds, all namespaces."""

    async def page(
        self, plural: str, namespace: str | None = None, *, at: int | None = None, after: Key | None = None, limit: int
    ) -> Page:
        """Up to ``limit`` objects of a kind as they were at revision ``at``, those that come after a key; 0 for all.

        ``None`` for ``at`` means now. Raises Compacted, as ``watch`` from that revision would.
        """

    def watch(
        self, from_revision: int, plural: str | None = None, namespace: str | None = None, name: str | None = None
    ) -> Watch:
        """Changes with a revision greater than ``from_revision``, as they happen, until closed.

        Iterating raises Compacted, at the start or later.
        """

    async def close(self) -> None:
        """End all watches and release everything. The store is not used after it."""
