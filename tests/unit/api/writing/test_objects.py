"""Changes of objects that meet: whatever the order, nothing refers to what is gone, and no change is lost."""

import asyncio
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from dnsguard.api.failures import Failure
from dnsguard.api.writing.objects import Objects, Preconditions, Target
from dnsguard.resources import InvalidResource, kind_of
from dnsguard.store.interface import Conflict, Key, NotFound, Object
from dnsguard.store.memory import MemoryStore
from tests.unit.api.conftest import network_set, policy, tier

SECURITY = Target(kind_of("Tier"), "", "security")
POLICY = Target(kind_of("NetworkPolicy"), "shop", "allow-web")
SET = Target(kind_of("NetworkSet"), "shop", "partners")


class SlowStore(MemoryStore):
    """Lets others run before and after each operation, as one with a disk does."""

    async def create(self, key: Key, value: Object) -> Object:
        await asyncio.sleep(0)
        return await super().create(key, value)

    async def update(self, key: Key, value: Object, expected_revision: int | None) -> Object:
        await asyncio.sleep(0)
        return await super().update(key, value, expected_revision)

    async def delete(self, key: Key, expected_revision: int | None) -> Object:
        await asyncio.sleep(0)
        return await super().delete(key, expected_revision)

    async def list_objects(self, plural: str | None = None, namespace: str | None = None) -> tuple[list[Object], int]:
        listed = await super().list_objects(plural, namespace)
        await asyncio.sleep(0)
        return listed


@pytest.fixture
async def objects() -> Objects:
    uids = count()
    objects = Objects(SlowStore(), lambda: datetime(2026, 1, 2, tzinfo=UTC), lambda: f"uid-{next(uids)}")
    await objects.ensure_builtins()
    return objects


@pytest.mark.parametrize("head_start", range(6))
@pytest.mark.parametrize("policy_first", [True, False])
async def test_a_policy_never_outlives_its_tier(objects: Objects, head_start: int, policy_first: bool) -> None:
    await objects.create(SECURITY, tier())
    making = objects.create(POLICY, policy(tier="security"))
    deleting = objects.delete(SECURITY, Preconditions())
    first, second = (making, deleting) if policy_first else (deleting, making)
    started = asyncio.ensure_future(first)
    for _ in range(head_start):
        await asyncio.sleep(0)
    results = await asyncio.gather(started, second, return_exceptions=True)
    failed = [result for result in results if isinstance(result, BaseException)]
    assert [type(error) for error in failed] in ([Failure], [InvalidResource])


async def test_changes_of_one_object_that_meet_are_all_made(objects: Objects) -> None:
    await objects.create(SET, network_set())

    def labelled(number: int) -> Any:
        def change(value: Object) -> Object:
            value["metadata"]["labels"][f"n{number}"] = "x"
            return value

        return change

    written = await asyncio.gather(*(objects.patch(SET, labelled(number)) for number in range(3)))
    newest = max(written, key=lambda one: int(one.object["metadata"]["resourceVersion"]))
    assert set(newest.object["metadata"]["labels"]) == {"role", "n0", "n1", "n2"}


async def test_a_change_that_names_a_revision_is_not_made_again(objects: Objects) -> None:
    stale = (await objects.create(SET, network_set())).object
    changes = (objects.replace(SET, {**stale, "spec": {"nets": [f"192.0.2.{number}"]}}) for number in range(3))
    results = await asyncio.gather(*changes, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Conflict", "Written"]


async def test_a_deletion_that_names_a_revision_takes_no_other(objects: Objects) -> None:
    made = (await objects.create(SET, network_set())).object
    await objects.replace(SET, network_set(nets=[]))
    with pytest.raises(Conflict):
        await objects.delete(SET, Preconditions(resource_version=made["metadata"]["resourceVersion"]))
    replacing, deleting = await asyncio.gather(
        objects.replace(SET, network_set(nets=["192.0.2.9"])),
        objects.delete(SET, Preconditions()),
        return_exceptions=True,
    )
    assert not isinstance(deleting, BaseException)
    assert isinstance(replacing, NotFound) or not isinstance(replacing, BaseException)


async def test_labels_and_annotations_that_hold_nothing_are_not_there(objects: Objects) -> None:
    before = (await objects.create(SET, network_set())).object

    def emptied(value: Object) -> Object:
        return {**value, "metadata": {**value["metadata"], "annotations": {}}}

    assert (await objects.patch(SET, emptied)).object == before
