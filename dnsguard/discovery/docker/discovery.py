"""Keeps the store's endpoints of containers equal to what Docker says there is. One task.

Docker is asked for everything after each burst of events, after each connection to it, and every few seconds. What goes
is removed before what comes is written: an address that a container took over is never the endpoint of both.
"""

import asyncio
import logging
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final

from dnsguard.discovery.docker.answers import Container, Network, read_containers, read_networks, read_sandbox
from dnsguard.discovery.docker.changes import going
from dnsguard.discovery.docker.client import DockerClient
from dnsguard.discovery.docker.endpoints import Known, Wanted, wanted
from dnsguard.discovery.docker.errors import ContainerGone, DockerUnavailable
from dnsguard.discovery.mirror import Mirror
from dnsguard.errors import DnsguardError
from dnsguard.netlink.peers import NotANamespace, ports_into
from dnsguard.observe.exposition import Metric, number
from dnsguard.resources import InvalidResource, kind_of
from dnsguard.store.interface import Key, Object

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
"""Between two looks where nothing happens: an engine that hangs says nothing either."""

INSPECT_SECONDS: Final = 0.05
"""What a look waits for containers that it must ask about one by one: one that is just starting or stopping answers
late, and all others are not to wait for it."""

INSPECTIONS: Final = 8
"""Asked about at a time."""

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
"""Seconds before Docker is asked again where it does not answer, or a port is not there yet; doubled in between."""

MISSING_SECONDS: Final = 3.0
"""For how long a container may be without a port before that is called a problem: each one is when it starts."""

COLLECTION: Final = kind_of("WorkloadEndpoint").collection


@dataclass(frozen=True, slots=True)
class Seen:
    """What the last whole look found."""

    at: float
    """By the loop's clock."""

    containers: int
    endpoints: int
    labels_left_out: int
    settled: bool
    """Nothing is missing that may come by itself."""


class Discovery:
    """``run`` is one task; the rest may be called from the same event loop at any time."""

    def __init__(
        self,
        client: DockerClient,
        mirror: Mirror,
        networks: Sequence[str],
        namespace: str,
        node: str,
        missing_seconds: float = MISSING_SECONDS,
    ) -> None:
        """``networks``: names or ids of those that count; all bridges where there are none. ``namespace``: where the
        endpoints are; ``node``: what they call this machine."""
        self._missing_seconds = missing_seconds
        self._client = client
        self._mirror = mirror
        self._only = tuple(networks)
        self._namespace = namespace
        self._node = node
        self._wake = asyncio.Event()
        self._networks: Mapping[str, Network] = {}
        self._sandboxes: dict[tuple[str, ...], str] = {}
        self._asking: dict[tuple[str, ...], asyncio.Task[None]] = {}
        self._inspections = asyncio.Semaphore(INSPECTIONS)
        self._missing: dict[str, float] = {}
        self._looks = self._events = 0
        self._deaf = ""
        self.problem = ""
        """Why what is in force may not be what Docker has now; empty when all is well."""

        self.seen: Seen | None = None

    @property
    def problems(self) -> Iterator[str]:
        """For people."""
        if self.problem:
            yield f"docker: {self.problem}; the endpoints that it told of last stay"
        elif self._deaf:
            yield f"docker: it tells of no events, and is asked every {LOOK_SECONDS:g} s: {self._deaf}"
        now = asyncio.get_running_loop().time()
        lasting = [text for text, since in self._missing.items() if now - since >= self._missing_seconds]
        for text in lasting[:5]:
            yield f"docker: {text}"
        if len(lasting) > 5:
            yield f"docker: and {len(lasting) - 5} more of this kind"

    @property
    def seconds_ago(self) -> float | None:
        """Since the last whole look; None where there was none."""
        return None if self.seen is None else asyncio.get_running_loop().time() - self.seen.at

    def metrics(self) -> Iterator[Metric]:
        """Families for a scrape."""
        seen = self.seen
        yield number("dnsguard_docker_up", "gauge", "Whether Docker answers, and all it says is stored: 1 or 0.",
                     int(seen is not None and not self.problem))  # fmt: skip
        yield number(
            "dnsguard_docker_looks_total", "counter", "Times that Docker was asked for all it has.", self._looks
        )
        yield number("dnsguard_docker_events_total", "counter", "Events that Docker told.", self._events)
        if seen is not None and (ago := self.seconds_ago) is not None:
            yield number("dnsguard_docker_seen_seconds", "gauge", "Since it last answered for all it has.", ago)
            yield number("dnsguard_docker_containers", "gauge", "Containers that run.", seen.containers)
            yield number("dnsguard_docker_endpoints", "gauge", "Endpoints that they are.", seen.endpoints)
            yield number("dnsguard_docker_missing", "gauge", "Places in networks that have no endpoint for now.",
                         len(self._missing))  # fmt: skip
            yield number("dnsguard_docker_labels_left_out", "gauge", "Labels of containers that are none here.",
                         seen.labels_left_out)  # fmt: skip

    async def run(self) -> None:
        """Until cancelled. Nothing that goes wrong ends it: what is in force stays, and it tries again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="docker events")
            await self._keep_looking(tasks)

    async def _listen(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                async with aclosing(self._client.events()) as events:
                    async for lines in events:
                        self._deaf, pause = "", FIRST_PAUSE
                        self._events += lines
                        self._wake.set()
                self._deaf = "it ended the connection"
            except DockerUnavailable as error:
                self._deaf = str(error)
            self._wake.set()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _keep_looking(self, tasks: asyncio.TaskGroup) -> None:
        pause = FIRST_PAUSE
        while True:
            self._wake.clear()
            try:
                self.seen = await self._look(tasks)
            except DnsguardError as error:
                self._say(str(error))
            except Exception as error:
                # A mistake of ours must not end enforcement of what is known.
                log.exception("discovery failed")
                self._say(f"internal error: {error!r}")
            else:
                self._say("")
            done = not self.problem and self.seen is not None and self.seen.settled
            pause = FIRST_PAUSE if done else min(pause * 2, LONGEST_PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS if done else pause):
                    await self._wake.wait()

    def _say(self, problem: str) -> None:
        if problem and not self.problem:
            log.error("docker: %s; the endpoints that it told of last stay", problem)
        elif self.problem and not problem:
            log.info("docker answers again")
        self.problem = problem

    async def _look(self, tasks: asyncio.TaskGroup) -> Seen:
        at = asyncio.get_running_loop().time()
        self._looks += 1
        containers = await asyncio.to_thread(read_containers, await self._client.containers())
        await self._learn_networks(containers)
        await self._learn_sandboxes(containers, tasks)
        held = await self._mirror.held(COLLECTION)
        found = await asyncio.to_thread(self._wanted, containers)
        refused = await self._apply(found, held)
        missing = (*found.missing, *refused, *self._unknown_networks())
        self._missing = {text: self._missing.get(text, at) for text in missing}
        return Seen(at, len(containers), len(found.objects), found.labels_left_out,
                    settled=not missing and not found.unsettled)  # fmt: skip

    async def _learn_networks(self, containers: Sequence[Container]) -> None:
        """A network never changes, so only one that is not known yet is asked for."""
        used = {each.network for container in containers for each in container.attachments}
        if used - self._networks.keys() or any(self._unknown_networks()):
            self._networks = read_networks(await self._client.networks())

    def _unknown_networks(self) -> Iterator[str]:
        known = {text for each in self._networks.values() for text in (each.id, each.name)}
        for name in self._only:
            if name not in known:
                yield f"there is no network {name!r}, which docker_networks names"

    async def _learn_sandboxes(self, containers: Sequence[Container], tasks: asyncio.TaskGroup) -> None:
        present = {container.run: container for container in containers if container.attachments}
        self._sandboxes = {run: path for run, path in self._sandboxes.items() if run in present}
        for run in self._asking.keys() - present.keys():
            self._asking.pop(run).cancel()
        for run, container in present.items():
            if run not in self._sandboxes and run not in self._asking:
                self._asking[run] = tasks.create_task(self._inspect(container), name=f"docker {container.id[:12]}")
        if self._asking:
            await asyncio.wait(self._asking.values(), timeout=INSPECT_SECONDS)

    async def _inspect(self, container: Container) -> None:
        try:
            async with self._inspections:
                run, path = read_sandbox(await self._client.container(container.id))
        except (DockerUnavailable, ContainerGone) as error:
            log.debug("docker: container %s: %s", container.id[:12], error)
        else:
            if run == container.run:  # else it was started anew meanwhile, and comes with the next look
                self._sandboxes[run] = path
        finally:
            self._asking.pop(container.run, None)
            self._wake.set()

    def _wanted(self, containers: Sequence[Container]) -> Wanted:
        """Blocks for moments. Raises DockerUnavailable where the kernel says nothing of its links."""
        try:
            ports, failed = ports_into(path for path in self._sandboxes.values() if path)
        except OSError as error:
            raise DockerUnavailable(f"ports of bridges cannot be listed: {error.strerror or error}") from error
        known = Known(
            containers, self._networks, dict(self._sandboxes), ports,
            {path: _reason(path, error) for path, error in failed.items()},
        )  # fmt: skip
        return wanted(known, self._only, self._node, self._namespace)

    async def _apply(self, found: Wanted, held: Mapping[Key, Object]) -> list[str]:
        """What could not be stored, for people. Raises StoreUnavailable."""
        objects = {Key(COLLECTION, self._namespace, name): value for name, value in found.objects.items()}
        first, last = going(objects, held, found.unsettled)
        refused: list[str] = []

        async def put(key: Key, value: Object) -> None:
            try:
                if not await self._mirror.put(key, value, None if key in first else held.get(key)):
                    refused.append(f"{key} is a user's own object: delete it")
            except InvalidResource as error:
                refused.append(f"{key}: {error}")

        await _all(self._mirror.remove(key, held[key]) for key in first)
        await _all(put(key, value) for key, value in objects.items())
        await _all(self._mirror.remove(key, held[key]) for key in last)
        return refused


async def _all(work: Iterator[Awaitable[None]]) -> None:
    """Does all of it, then raises what went wrong first."""
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def _reason(path: str, error: OSError | NotANamespace) -> str:
    match error:
        case NotANamespace():
            return f"{path} is no namespace here: mount its folder with the propagation rslave"
        case FileNotFoundError():
            return f"{path} is not here: is its folder mounted?"
        case _:
            return f"{path}: {error.strerror or error}"
