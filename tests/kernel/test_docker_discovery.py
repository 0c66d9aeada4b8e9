"""Discovery from an engine that says what the test wants, with ports in a real kernel."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from dnsguard.discovery.docker.client import DockerClient
from dnsguard.discovery.docker.discovery import COLLECTION, Discovery
from dnsguard.discovery.mirror import Mirror, Written
from dnsguard.resources.madeby import DOCKER
from dnsguard.store.interface import ChangeType, Key
from dnsguard.store.memory import MemoryStore
from tests.support.netns import Namespace, namespace
from tests.unit.discovery.docker.samples import BRIDGE, NETWORKS, PAY, WEB, container, place

PATIENCE = 20.0


class FakeDocker:
    """Serves what its fields hold; ``broken`` instead, where that is set."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.containers: list[dict[str, Any]] = []
        self.sandboxes: dict[str, str] = {}
        """Container → path of its namespace. One that is not here is asked about in vain."""

        self.broken: bytes | None = None
        """Every answer; empty: none ever comes."""

        self._listeners: list[asyncio.StreamWriter] = []

    def ring(self) -> None:
        for each in self._listeners:
            each.write(b"1\r\n\n\r\n")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        with suppress(ConnectionError):
            if self.broken is not None:
                writer.write(self.broken)
                await (reader.read() if not self.broken else writer.drain())
            elif asked.startswith("/events"):
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                self._listeners.append(writer)
                await reader.read()
                self._listeners.remove(writer)
            elif (body := self._answer(asked)) is None:
                await reader.read()
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()
        writer.close()

    def _answer(self, asked: str) -> bytes | None:
        if asked == "/networks":
            return json.dumps(NETWORKS).encode()
        if asked == "/containers/json":
            return json.dumps(self.containers).encode()
        identity = asked.split("/")[2]
        if identity not in self.sandboxes:
            return None
        value = next(each for each in self.containers if each["Id"] == identity)
        settings = {**value["NetworkSettings"], "SandboxKey": self.sandboxes[identity]}
        return json.dumps({**value, "NetworkSettings": settings}).encode()


class Found:
    """Discovery at work."""

    def __init__(self, docker: FakeDocker, node: Namespace, deadline: float, only: Sequence[str]) -> None:
        self.docker = docker
        self.node = node
        self.store = MemoryStore()
        self.told: list[Written] = []
        self.discovery = Discovery(
            DockerClient(docker.path, deadline=deadline),
            Mirror(self.store, DOCKER, self._record),
            only,
            "docker",
            "here",
            missing_seconds=0.1,
        )

    async def _record(self, written: Written) -> None:
        self.told.append(written)

    def plug(self, place: Namespace, port: str) -> None:
        """Into the bridge; a new one takes the place of the old."""
        self.node.run(f"ip link add {port} type veth peer name in{port} netns {place.pid}")
        self.node.run(f"ip link set {port} master docker0")

    async def ports(self) -> dict[str, str]:
        """Endpoint → its port."""
        objects, _ = await self.store.list_objects(COLLECTION)
        return {each["metadata"]["name"]: each["spec"]["interfaceName"] for each in objects}

    async def until(self, look: Callable[[], Awaitable[Any] | Any]) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = look()
                if await found if isinstance(found, Awaitable) else found:
                    return
                await asyncio.sleep(0.01)

    async def until_ports(self, **expected: str) -> None:
        """By container's name."""
        self.docker.ring()

        async def as_expected() -> bool:
            return {name.partition(".")[0]: port for name, port in (await self.ports()).items()} == expected

        await self.until(as_expected)


@asynccontextmanager
async def discovering(
    directory: Path, deadline: float = 10.0, only: Sequence[str] = ()
) -> AsyncIterator[tuple[Found, Namespace, Namespace]]:
    """Discovery on a node with a bridge, and two places for containers."""
    with namespace() as node, namespace() as first, namespace() as second:
        node.run("ip link add docker0 type bridge")
        docker = FakeDocker(directory / "s")
        async with AsyncExitStack() as stack:
            server = await asyncio.start_unix_server(docker.serve, docker.path)
            stack.callback(server.close)
            found = Found(docker, node, deadline, only)
            # The netlink sockets are made by threads, which begin where this one is.
            stack.enter_context(node.entered())
            task = asyncio.create_task(found.discovery.run())
            try:
                yield found, first, second
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


def says(found: Found, text: str) -> bool:
    """Whether that is what is wrong."""
    return text in found.discovery.problem


def lacks(found: Found, text: str) -> bool:
    """Whether that is said, after a while."""
    return any(text in each for each in found.discovery.problems)


def at(address: str, identity: str = PAY, name: str = "pay", endpoint: str = "e1") -> dict[str, Any]:
    return container(identity, name, bridge=place(BRIDGE, endpoint, address))


async def test_an_address_goes_on_only_once_nobody_has_it(tmp_path: Path) -> None:
    async with discovering(tmp_path) as (found, first, second):
        found.plug(first, "p1")
        found.plug(second, "p2")
        found.docker.containers = [at("172.17.0.2")]
        found.docker.sandboxes = {PAY: f"/proc/{first.pid}/ns/net", WEB: f"/proc/{second.pid}/ns/net"}
        await found.until_ports(pay="p1")
        found.docker.containers = [at("172.17.0.3", endpoint="e2"), at("172.17.0.2", WEB, "web", "e3")]
        await found.until_ports(pay="p1", web="p2")
        changes = found.store.watch(0)
        holders: set[str] = set()
        for event in changes.take(100):
            if event.type is ChangeType.DELETED:
                holders.discard(event.key.name)
            elif '"172.17.0.2/32"' in event.text:
                assert not holders, event
                holders.add(event.key.name)
        assert holders == {"web.bridge.bbbbbbbbbbbb"}
        await changes.aclose()


async def test_a_renamed_container_is_never_without_an_endpoint(tmp_path: Path) -> None:
    async with discovering(tmp_path) as (found, first, _):
        found.plug(first, "p1")
        found.docker.containers = [at("172.17.0.2")]
        found.docker.sandboxes = {PAY: f"/proc/{first.pid}/ns/net"}
        await found.until_ports(pay="p1")
        found.docker.containers = [at("172.17.0.2", name="new")]
        await found.until_ports(new="p1")
        assert [(each.key.name.partition(".")[0], each.after is not None) for each in found.told] == [
            ("pay", True), ("new", True), ("pay", False),
        ]  # fmt: skip


async def test_while_docker_is_not_understood_what_it_told_stays(tmp_path: Path) -> None:
    async with discovering(tmp_path, deadline=0.2) as (found, first, _):
        found.plug(first, "p1")
        found.docker.containers = [at("172.17.0.2")]
        found.docker.sandboxes = {PAY: f"/proc/{first.pid}/ns/net"}
        await found.until_ports(pay="p1")
        before = await found.store.list_objects()
        for broken, said in (
            (b"", "no answer within"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[{", "torn"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "is no list"),
            (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "with 500"),
        ):
            found.docker.broken = broken
            found.docker.ring()
            await found.until(partial(says, found, said))
            assert await found.store.list_objects() == before
            assert "the endpoints that it told of last stay" in next(found.discovery.problems)
        found.docker.broken = None
        found.docker.containers = []
        await found.until_ports()
        assert not found.discovery.problem


async def test_one_container_that_does_not_answer_holds_up_no_other(tmp_path: Path) -> None:
    async with discovering(tmp_path) as (found, first, second):
        found.plug(first, "p1")
        found.plug(second, "p2")
        found.docker.containers = [at("172.17.0.2")]
        found.docker.sandboxes = {PAY: f"/proc/{first.pid}/ns/net"}
        await found.until_ports(pay="p1")
        # Started anew: nothing is known of it, and its port goes for now, for it has another address.
        del found.docker.sandboxes[PAY]
        found.docker.sandboxes[WEB] = f"/proc/{second.pid}/ns/net"
        found.docker.containers = [at("172.17.0.2", endpoint="e8"), at("172.17.0.3", WEB, "web", "e3")]
        await found.until_ports(pay="p1", web="p2")
        found.docker.containers = [at("172.17.0.9", endpoint="e9"), at("172.17.0.3", WEB, "web", "e3")]
        await found.until_ports(web="p2")


async def test_a_port_is_found_once_it_is_there_and_objects_of_users_stay(tmp_path: Path) -> None:
    async with discovering(tmp_path) as (found, first, _):
        name = f"pay.bridge.{PAY[:12]}"
        key = Key(COLLECTION, "docker", name)
        own = {"apiVersion": "projectcalico.org/v3", "kind": "WorkloadEndpoint",
               "metadata": {"name": name, "namespace": "docker"}, "spec": {"interfaceName": "own"}}  # fmt: skip
        await found.store.create(key, own)
        found.docker.containers = [at("172.17.0.2")]
        found.docker.sandboxes = {PAY: f"/proc/{first.pid}/ns/net"}
        found.docker.ring()
        await found.until(partial(lacks, found, "no ports of docker0 lead into it"))
        found.plug(first, "p1")
        await found.until(partial(lacks, found, "is a user's own object"))
        assert await found.ports() == {name: "own"}
        await found.store.delete(key, None)
        await found.until_ports(pay="p1")


async def test_networks_that_are_named_and_not_there_are_said(tmp_path: Path) -> None:
    async with discovering(tmp_path, only=["bridge", "typo"]) as (found, first, _):
        found.plug(first, "p1")
        found.docker.containers = [at("172.17.0.2")]
        found.docker.sandboxes = {PAY: f"/proc/{first.pid}/ns/net"}
        await found.until_ports(pay="p1")
        await found.until(partial(lacks, found, "there is no network 'typo', which docker_networks names"))
