"""Keeps the objects that one maker has in the store equal to what it wants; no others are touched."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from dnsguard.resources import parse_object, to_dict
from dnsguard.resources.madeby import maker
from dnsguard.store.interface import AlreadyExists, Key, NotFound, Object, Store


@dataclass(frozen=True, slots=True)
class Written:
    """A change that was made."""

    key: Key
    before: Object | None
    after: Object | None
    revision: int


Recorded = Callable[[Written], Awaitable[None]]
"""Told of each change, once it is made."""


class Mirror:
    """For one task. Methods raise StoreUnavailable, and then what was done stays done: they may be repeated."""

    def __init__(self, store: Store, made_by: str, recorded: Recorded) -> None:
        self._store = store
        self._made_by = made_by
        self._recorded = recorded

    async def held(self, collection: str) -> dict[Key, Object]:
        """The objects of the maker."""
        objects, _ = await self._store.list_objects(collection)
        return {
            Key(collection, value["metadata"].get("namespace", ""), value["metadata"]["name"]): value
            for value in objects
            if maker(value) == self._made_by
        }

    async def put(self, key: Key, wanted: Object, held: Object | None) -> bool:
        """Make the object, or make it what is wanted; whether that could be: a user's own object stays. Raises
        InvalidResource."""
        if held is not None and _said(wanted) == _said(held):
            return True  # as nearly all are, each time: to read them takes longest
        value = to_dict(parse_object(wanted))
        if held is None:
            stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            value["metadata"] |= {"uid": str(uuid4()), "generation": 1, "creationTimestamp": stamp}
            try:
                after = await self._store.create(key, value)
            except AlreadyExists:
                return False
            await self._recorded(Written(key, None, after, _revision(after)))
            return True
        kept = held["metadata"]
        for field in "uid", "generation", "creationTimestamp":
            if field in kept:
                value["metadata"][field] = kept[field]
        if value.get("spec") != held.get("spec"):
            value["metadata"]["generation"] = int(kept.get("generation", 0)) + 1
        if _content(value) != _content(held):
            try:
                after = await self._store.update(key, value, int(kept["resourceVersion"]))
            except NotFound:
                return False
            await self._recorded(Written(key, held, after, _revision(after)))
        return True

    async def remove(self, key: Key, held: Object) -> None:
        """Nothing where it is gone already."""
        try:
            gone = await self._store.delete(key, int(held["metadata"]["resourceVersion"]))
        except NotFound:
            return
        await self._recorded(Written(key, held, None, _revision(gone)))


def _said(value: Object) -> tuple[object, ...]:
    """What a maker says of an object."""
    metadata = value["metadata"]
    return metadata.get("labels"), metadata.get("annotations"), value.get("spec")


def _revision(value: Object) -> int:
    return int(value["metadata"]["resourceVersion"])


def _content(value: Object) -> Object:
    metadata: Mapping[str, object] = value["metadata"]
    return {**value, "metadata": {field: each for field, each in metadata.items() if field != "resourceVersion"}}
