"""What a store promises: objects with revisions, and *list + watch from a revision*.

The model is etcd's. Every change takes one revision, counted up from 1; an object carries the revision of its last
change, which clients see as ``resourceVersion``. A store knows keys and JSON objects, nothing of what they mean.

Contract, held by one test suite over every implementation:

- A write is durable when the call returns. Writes to one key are linear.
- ``list_objects`` returns a consistent cut and its revision; ``watch`` from that revision delivers every later change
  exactly once, in revision order, deletions with the last object.
- A watcher that falls too far behind, or that asks for a revision that was compacted, gets ``Compacted`` and must list
  again; it is never silently given less.
- Objects handed out are the caller's own copies.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from dnsguard.errors import DnsguardError

Object = dict[str, Any]
"""A resource in its JSON shape, ``metadata.resourceVersion`` included."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Where an object lives."""

    plural: str
    """Resource name in paths: ``networksets``, ``tiers``, …"""

    namespace: str
    """Empty for kinds without a namespace."""

    name: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.plural, self.namespace, self.name) if part)


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


class Store(Protocol):
    """See the module's text for what holds."""

    async def create(self, key: Key, value: Object) -> Object:
        """Return the object as stored (resourceVersion set). Raises AlreadyExists, StoreUnavailable."""

    async def update(self, key: Key, value: Object, expected_revision: int | None) -> Object:
        """Replace the object; ``None`` means whatever its revision. Raises NotFound, Conflict, StoreUnavailable.

        A value equal to what is stored (its resourceVersion apart) changes nothing and takes no revision.
        """

    async def delete(self, key: Key, expected_revision: int | None) -> Object:
        """Return the last state. Raises NotFound, Conflict, StoreUnavailable."""

    async def get(self, key: Key) -> Object:
        """Raises NotFound."""

    async def list_objects(self, plural: str | None = None, namespace: str | None = None) -> tuple[list[Object], int]:
        """Objects in key order, and the revision of the cut. ``None`` means all kinds, all namespaces."""

    def watch(
        self, from_revision: int, plural: str | None = None, namespace: str | None = None
    ) -> AsyncIterator[Change]:
        """Changes with a revision greater than ``from_revision``, as they happen, until closed. Raises Compacted."""

    async def close(self) -> None:
        """End all watches and release everything. The store is not used after it."""
