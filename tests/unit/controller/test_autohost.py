"""The automatic host endpoint: what it is, when it changes, whose it is not."""

import asyncio
from datetime import UTC, datetime
from ipaddress import ip_address
from itertools import count
from typing import Any

import pytest

from dnsguard.api.writing.objects import Objects, Target
from dnsguard.controller import autohost
from dnsguard.controller.autohost import AutoHost, automatic
from dnsguard.controller.node import InterfaceAddresses
from dnsguard.resources import kind_of, parse_object
from dnsguard.resources.madeby import HOST_ENDPOINTS, MADE_BY
from dnsguard.store.memory import MemoryStore
from tests.unit.controller.fakes import until
from tests.unit.controller.running import settings

HOSTS = Target(kind_of("HostEndpoint"), "")
ON = settings(auto_host_endpoint="On", node_labels="zone=a,role=gateway")


def interfaces(*more: tuple[str, str]) -> InterfaceAddresses:
    listed = [("eth0", "2001:db8::1"), ("eth0", "192.0.2.1"), ("lo", "127.0.0.1"), ("lo", "198.51.100.1"), *more]
    return tuple((name, (ip_address(text),)) for name, text in listed)


def user_made(name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "projectcalico.org/v3", "kind": "HostEndpoint", "metadata": {"name": name, **metadata},
            "spec": {"node": "here", "interfaceName": "eth0"}}  # fmt: skip


def test_it_is_as_calicos_and_what_is_not_the_hosts_is_left_out() -> None:
    others = ("eth0", "fe80::1"), ("cali1", "10.65.0.1"), ("dgcanary0", "192.0.0.241"), ("eth1", "192.0.2.1")
    made = automatic(ON, interfaces(*others))
    parse_object(made)
    assert made["metadata"] == {
        "name": "here-auto-hep",
        "labels": {"zone": "a", "role": "gateway", "projectcalico.org/created-by": "calico-kube-controllers"},
        "annotations": {MADE_BY: HOST_ENDPOINTS},
    }
    assert made["spec"] == {
        "node": "here",
        "interfaceName": "*",
        "expectedIPs": ["192.0.2.1", "198.51.100.1", "2001:db8::1"],
        "profiles": ["projectcalico-default-allow"],
    }
    assert "expectedIPs" not in automatic(ON, ())["spec"]


class World:
    """A store, and the machine's addresses."""

    def __init__(self) -> None:
        uids = count()
        self.store = MemoryStore()
        self.objects = Objects(self.store, lambda: datetime(2026, 1, 2, tzinfo=UTC), lambda: f"uid-{next(uids)}")
        self.addresses = interfaces()
        self.said: list[tuple[str, int]] = []

    def keeper(self, given: Any = ON) -> AutoHost:
        return AutoHost(given, self.store, lambda text, at: self.said.append((text, at)), seconds=0.001)

    async def hosts(self) -> dict[str, Any]:
        return {each["metadata"]["name"]: each for each in (await self.store.list_objects("hostendpoints"))[0]}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(autohost, "addresses_by_interface", lambda: made.addresses)
    return made


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_follows_the_node_and_goes_when_it_is_switched_off(world: World) -> None:
    await world.objects.create(HOSTS, user_made("mine"))
    task = asyncio.create_task(world.keeper().run())
    await until(lambda: len(world.said) == 1)
    made = (await world.hosts())["here-auto-hep"]
    world.addresses = interfaces(("eth1", "203.0.113.1"))
    await until(lambda: len(world.said) == 2)
    await asyncio.sleep(0.02)
    await ended(task)
    followed = (await world.hosts())["here-auto-hep"]
    assert "203.0.113.1" in followed["spec"]["expectedIPs"]
    assert followed["metadata"]["uid"] == made["metadata"]["uid"]
    revision = (await world.store.list_objects())[1]
    assert world.said[1] == ("automatic host endpoint here-auto-hep: follows the node", revision), "and no more writes"

    task = asyncio.create_task(world.keeper(settings(auto_host_endpoint="On", node_name="renamed")).run())
    await until(lambda: len(world.said) == 4)
    await ended(task)
    assert set(await world.hosts()) == {"mine", "renamed-auto-hep"}
    task = asyncio.create_task(world.keeper(settings()).run())
    await until(lambda: len(world.said) == 5)
    await ended(task)
    assert set(await world.hosts()) == {"mine"}
    assert world.said[-1][0] == "automatic host endpoint renamed-auto-hep: removed"


def configuration(switch: str) -> dict[str, Any]:
    spec = {"controllers": {"node": {"hostEndpoint": {"autoCreate": switch}}}}
    kind = {"apiVersion": "projectcalico.org/v3", "kind": "KubeControllersConfiguration"}
    return {**kind, "metadata": {"name": "default"}, "spec": spec}


async def test_calicos_resource_switches_it_on_and_off_where_no_setting_does(world: World) -> None:
    target = Target(kind_of("KubeControllersConfiguration"), "", "default")
    await world.objects.create(target, configuration("Enabled"))
    off = asyncio.create_task(world.keeper(settings(auto_host_endpoint="Off")).run())
    await asyncio.sleep(0.05)
    await ended(off)
    assert await world.hosts() == {}
    task = asyncio.create_task(world.keeper(settings()).run())
    await until(lambda: len(world.said) == 1)
    assert set(await world.hosts()) == {"here-auto-hep"}
    await world.objects.replace(target, configuration("Disabled"))
    await until(lambda: len(world.said) == 2)
    await ended(task)
    assert await world.hosts() == {}


async def test_one_that_somebody_made_is_left_as_it_is(world: World) -> None:
    labels = {"projectcalico.org/created-by": "calico-kube-controllers"}  # as exported from a Calico cluster
    await world.objects.create(HOSTS, user_made("here-auto-hep", labels=labels))
    keeper = world.keeper()
    task = asyncio.create_task(keeper.run())
    await until(lambda: bool(keeper.problem))
    assert keeper.problem == (
        "hostendpoint here-auto-hep is not of dnsguard's making, so this node has no automatic one:"
        " delete it or give it another name"
    )
    assert world.said == []
    await world.store.delete(Target(HOSTS.kind, "", "here-auto-hep").key, None)
    await until(lambda: bool(world.said))
    await until(lambda: not keeper.problem)
    await ended(task)


async def test_what_fails_is_said_and_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> InterfaceAddresses:
        raise OSError("no netlink")

    monkeypatch.setattr(autohost, "addresses_by_interface", refuse)
    keeper = world.keeper()
    task = asyncio.create_task(keeper.run())
    await until(lambda: keeper.problem == "the automatic host endpoint is not kept right: no netlink")
    monkeypatch.setattr(autohost, "addresses_by_interface", interfaces)
    await until(lambda: bool(world.said) and not keeper.problem)
    await ended(task)
