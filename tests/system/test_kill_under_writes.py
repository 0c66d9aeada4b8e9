"""A controller that is killed while many write: what it acknowledged is there, and whoever watches misses nothing."""

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from dnsguard.controller.auditing.chain import verified
from tests.support.netns import namespace
from tests.system.controller import Controller

pytestmark = [pytest.mark.xdist_group("kill under writes"), pytest.mark.timeout(600)]

SETS = "/apis/projectcalico.org/v3/namespaces/shop/networksets"
WRITERS = 8
ROUNDS, SOAK_ROUNDS = 1, 25
ACKNOWLEDGED = 100
"""About so many a round, before the kill."""


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with namespace() as node, node.entered():
        made = Controller(node, tmp_path)
        try:
            yield made
        finally:
            made.close()


def spec(number: int) -> dict[str, Any]:
    """A number, twice: half of a write would show."""
    return {"nets": [f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}/32"]}


def manifest(name: str, number: int) -> dict[str, Any]:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "NetworkSet",
        "metadata": {"name": name, "labels": {"number": str(number)}},
        "spec": spec(number),
    }


@dataclass
class Told:
    """What clients were told."""

    acknowledged: dict[int, tuple[str, str, int]] = field(default_factory=dict)
    """Revision → what was done, to which object, and its number."""

    events: dict[int, tuple[str, str, int]] = field(default_factory=dict)
    """The same, as a watch told it."""

    lost: list[str] = field(default_factory=list)


def number_of(value: dict[str, Any]) -> int:
    """Of an object that is whole."""
    number = int(value["metadata"]["labels"]["number"])
    assert value["spec"] == spec(number), value
    return number


class Writer:
    """Has objects of its own, and knows what it was told of them."""

    def __init__(self, client: httpx.AsyncClient, told: Told, name: str, seed: int) -> None:
        self.client = client
        self._told = told
        self._name = name
        self._random = Random(seed)
        self._number = 0
        """Of the object; 0 while there is none."""

        self._revision = 0
        self._next = 0
        self._asked = ""
        """What was asked for and not answered."""

    async def run(self) -> None:
        """Until the server is gone."""
        with suppress(httpx.TransportError):
            while True:
                await self._write()

    async def compare(self) -> None:
        """The object is as it was acknowledged, or as it was asked to be when the server was killed."""
        answer = await self.client.get(f"{SETS}/{self._name}")
        if answer.status_code == 404:
            if self._number and self._asked != "DELETED":
                self._told.lost.append(f"{self._name} {self._number} at {self._revision}")
            self._number = 0
        else:
            number, revision = number_of(answer.json()), int(answer.json()["metadata"]["resourceVersion"])
            kept = (number, revision) == (self._number, self._revision)
            asked = self._asked not in ("", "DELETED") and number == self._next and revision > self._revision
            if not (kept or asked):
                self._told.lost.append(f"{self._name} {self._number} at {self._revision}, found {number} at {revision}")
            self._number, self._revision = number, revision
        self._asked = ""

    async def _write(self) -> None:
        self._next += 1
        body, place = manifest(self._name, self._next), f"{SETS}/{self._name}"
        if not self._number:
            await self._ask("ADDED", "POST", SETS, json=body)
            return
        match self._random.randrange(5):
            case 0:
                await self._ask("DELETED", "DELETE", place)
            case 1:
                await self._ask("MODIFIED", "PUT", place, json=body)
            case 2:
                change = {"metadata": {"labels": {"number": str(self._next)}}, "spec": spec(self._next)}
                await self._ask("MODIFIED", "PATCH", place, content=json.dumps(change), headers=MERGE)
            case 3:
                steps = [
                    {"op": "replace", "path": "/metadata/labels/number", "value": str(self._next)},
                    {"op": "replace", "path": "/spec", "value": spec(self._next)},
                ]
                await self._ask("MODIFIED", "PATCH", place, content=json.dumps(steps), headers=STEPS)
            case _:
                asked = f"{place}?fieldManager=tests&force=true"
                await self._ask("MODIFIED", "PATCH", asked, content=json.dumps(body), headers=APPLY)

    async def _ask(self, change: str, method: str, path: str, **sent: Any) -> None:
        self._asked = change
        answer = await self.client.request(method, path, **sent)
        assert answer.is_success, answer.text
        self._asked = ""
        if change == "DELETED":
            self._told.acknowledged[-len(self._told.acknowledged) - 1] = (change, self._name, self._number)
            self._number = 0
            return
        self._number = number_of(answer.json())
        self._revision = int(answer.json()["metadata"]["resourceVersion"])
        self._told.acknowledged[self._revision] = (change, self._name, self._number)


MERGE = {"Content-Type": "application/merge-patch+json"}
STEPS = {"Content-Type": "application/json-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


async def watch(client: httpx.AsyncClient, told: Told, revision: int) -> int:
    """Follow from a revision on until the server is gone; the revision to resume from."""
    asked = {"watch": "true", "resourceVersion": str(revision), "allowWatchBookmarks": "true"}
    with suppress(httpx.TransportError):
        async with client.stream("GET", SETS, params=asked, timeout=None) as stream:
            assert stream.status_code == 200
            async for line in stream.aiter_lines():
                event = json.loads(line)
                value, at = event["object"], int(event["object"]["metadata"]["resourceVersion"])
                revision = max(revision, at)
                if event["type"] == "BOOKMARK":
                    continue
                assert event["type"] in ("ADDED", "MODIFIED", "DELETED"), event
                if event["type"] == "MODIFIED" and at in told.events:
                    continue  # its status is another, which takes no revision
                assert at not in told.events
                told.events[at] = (event["type"], value["metadata"]["name"], number_of(value))
    return revision


async def test_nothing_acknowledged_is_lost_and_watches_have_no_gap(
    controller: Controller, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = SOAK_ROUNDS if request.config.getoption("--soak") else ROUNDS
    told, random = Told(), Random(7)
    writers: list[Writer] = []
    first = seen = 0
    for round_ in range(rounds + 1):
        controller.start()
        await asyncio.to_thread(controller.until_in_sync)
        async with controller.async_client() as client:
            if not writers:
                writers = [Writer(client, told, f"set-{number}", number) for number in range(WRITERS)]
                first = seen = int((await client.get(SETS)).json()["metadata"]["resourceVersion"])
            for writer in writers:
                writer.client = client
            watching = asyncio.create_task(watch(client, told, seen))
            await asyncio.gather(*(writer.compare() for writer in writers))
            assert told.lost == []
            newest = int((await client.get(SETS)).json()["metadata"]["resourceVersion"])
            assert newest >= max(told.acknowledged, default=0)
            if round_ == rounds:
                await until_told(told.events, newest)
                watching.cancel()
                break
            tasks = [asyncio.create_task(writer.run()) for writer in writers]
            enough = len(told.acknowledged) + random.randint(ACKNOWLEDGED // 2, ACKNOWLEDGED * 3 // 2)
            while len(told.acknowledged) < enough:
                done, _ = await asyncio.wait(tasks, timeout=0.01)
                assert not done, "the server is gone by itself"
            assert await asyncio.to_thread(controller.stop, signal.SIGKILL) == -signal.SIGKILL
            await asyncio.gather(*tasks)
            seen = await watching
    assert sorted(told.events) == list(range(first + 1, newest + 1)), (
        "every revision was seen once, across all restarts"
    )
    for revision, change in told.acknowledged.items():
        if revision > 0:
            assert told.events[revision] == change
    state = controller.directory / "state"
    audited = [json.loads(line) for line in (state / "audit.jsonl").read_text().splitlines()]
    recorded = {
        int(each["responseObject"]["metadata"]["resourceVersion"]) for each in audited if "responseObject" in each
    }
    assert {revision for revision in told.acknowledged if revision > 0} <= recorded
    deleted = sum(revision < 0 for revision in told.acknowledged)
    assert sum(each["verb"] == "delete" and each["responseStatus"]["code"] == 200 for each in audited) >= deleted
    assert verified(state / "audit.jsonl").faults == ()
    assert "Traceback" not in controller.log
    with capsys.disabled():
        print(
            f"\n{rounds} x kill -9 under {WRITERS} writers: {len(told.acknowledged)} acknowledged, {deleted} of them"
            f" deletions, 0 lost; {len(told.events)} events watched over {rounds} restarts, no gap, none twice"
        )


async def until_told(events: dict[int, tuple[str, str, int]], revision: int) -> None:
    """A watch has come so far."""
    looking = asyncio.Event()
    async with asyncio.timeout(60):
        while max(events) < revision:
            with suppress(TimeoutError):
                await asyncio.wait_for(looking.wait(), 0.01)
