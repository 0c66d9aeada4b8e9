"""Keeping one maker's objects as it wants them."""

import pytest

from dnsguard.discovery.mirror import Mirror, Written
from dnsguard.resources import InvalidResource
from dnsguard.resources.madeby import DOCKER, HOST_ENDPOINTS, MADE_BY
from dnsguard.store.interface import Key, Object
from dnsguard.store.memory import MemoryStore

COLLECTION = "workloadendpoints"


def endpoint(name: str, made_by: str = DOCKER, interface: str = "veth0", **labels: str) -> Object:
    metadata = {"name": name, "namespace": "docker", "labels": labels, "annotations": {MADE_BY: made_by}}
    spec = {"interfaceName": interface, "ipNetworks": ["172.17.0.2/32"]}
    return {"apiVersion": "projectcalico.org/v3", "kind": "WorkloadEndpoint", "metadata": metadata, "spec": spec}


def at(name: str) -> Key:
    return Key(COLLECTION, "docker", name)


class Mirrored:
    """A mirror, its store, and what was recorded."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.told: list[Written] = []
        self.mirror = Mirror(self.store, DOCKER, self._record)

    async def _record(self, written: Written) -> None:
        self.told.append(written)

    async def put(self, value: Object) -> bool:
        key = at(value["metadata"]["name"])
        return await self.mirror.put(key, value, (await self.mirror.held(COLLECTION)).get(key))


async def test_what_is_wanted_is_made_changed_and_removed() -> None:
    made = Mirrored()
    assert await made.put(endpoint("a"))
    first = await made.store.get(at("a"))
    assert await made.put(endpoint("a", role="web"))
    second = await made.store.get(at("a"))
    assert await made.put(endpoint("a", interface="veth1", role="web"))
    third = await made.store.get(at("a"))
    assert [each["metadata"]["generation"] for each in (first, second, third)] == [1, 1, 2]
    assert {each["metadata"]["uid"] for each in (second, third)} == {first["metadata"]["uid"]}
    assert third["spec"]["interfaceName"] == "veth1"
    await made.mirror.remove(at("a"), third)
    assert await made.mirror.held(COLLECTION) == {}
    assert [(each.before, each.after) for each in made.told] == [
        (None, first), (first, second), (second, third), (third, None),
    ]  # fmt: skip
    assert [each.revision for each in made.told] == [1, 2, 3, 4]


async def test_what_is_right_takes_no_revision() -> None:
    made = Mirrored()
    assert await made.put(endpoint("a"))
    assert await made.put(endpoint("a"))
    assert (await made.store.list_objects())[1] == len(made.told) == 1


async def test_objects_of_others_stay() -> None:
    made = Mirrored()
    for name, made_by in (("user", ""), ("host", HOST_ENDPOINTS)):
        await made.store.create(at(name), endpoint(name, made_by))
    before = await made.store.list_objects()
    assert await made.mirror.held(COLLECTION) == {}
    assert not await made.put(endpoint("user"))
    assert await made.store.list_objects() == before


async def test_one_that_is_gone_already_is_no_trouble() -> None:
    made = Mirrored()
    await made.put(endpoint("a"))
    held = (await made.mirror.held(COLLECTION))[at("a")]
    await made.store.delete(at("a"), None)
    await made.mirror.remove(at("a"), held)
    assert not await made.mirror.put(at("a"), endpoint("a", role="web"), held)


async def test_what_is_invalid_is_not_stored() -> None:
    made = Mirrored()
    with pytest.raises(InvalidResource):
        await made.put(endpoint("a", interface="no name"))
    assert made.told == []
