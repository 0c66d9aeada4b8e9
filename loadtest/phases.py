"""What changes while look-ups go on: one phase a row of the table. What each claims is checked on packets."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address
from time import time_ns

from loadtest import worlds
from loadtest.cluster import Manifest
from loadtest.samples import quantile
from loadtest.witness import FIRST_TARGET, NotSeen, Witness
from loadtest.worlds import ALWAYS, SOURCE, World, address_of
from loadtest.writer import Refused, Writer, Written
from tests.support.lab.guard import collection

BILLION = 1_000_000_000
LIVE = 500
"""Endpoints beyond those that are always there, while a thousand a second come and go."""

UNDER_WAY = 200
"""Changes that the API has not taken yet, or of which no packet has come through: a fifth of a second's."""

_FIRST_FREE, _LAST_TARGET = 2, 254
WATCHED = 10
"""Of so many endpoints that come one is waited for on packets: each takes a thousand packets a second."""


@dataclass(slots=True)
class Change:
    """One change that was waited for. Nanoseconds, on one clock."""

    due: int
    sent: int
    answered: int
    seen: int

    @property
    def whole(self) -> float:
        """Seconds from when it was due."""
        return (self.seen - self.due) / BILLION

    @property
    def after_answer(self) -> float:
        """Seconds from the API's answer, which may come later than the change is in force."""
        return max(self.seen - self.answered, 0) / BILLION


@dataclass(slots=True)
class Phase:
    """What came of one."""

    name: str
    changes: list[Change] = field(default_factory=list)
    made: int = 0
    """Changes that the API took."""

    seconds: float = 0.0
    """For all of them."""

    problems: list[str] = field(default_factory=list)

    def whole(self, share: float) -> float:
        return quantile([each.whole for each in self.changes], share)

    def after_answer(self, share: float) -> float:
        return quantile([each.after_answer for each in self.changes], share)


class Changer:
    """Makes changes in a world, and sees when they are in force. Belongs to one event loop."""

    def __init__(self, world: World, writer: Writer, witness: Witness) -> None:
        self._world, self._writer, self._witness = world, writer, witness
        self._turn = 0
        """Of the largest set."""

        self._number = 0
        """Of the next endpoint."""

        self._targets = _FIRST_FREE
        """The last address that a change opened; each change closes what the one before it opened."""

    async def ready(self) -> None:
        """Return once everything that was stored is in force. Raises NotSeen."""
        await self._witness.seen(SOURCE, ALWAYS, 300.0)

    async def nothing(self, name: str, seconds: float) -> Phase:
        """Look-ups alone."""
        await asyncio.sleep(seconds)
        return Phase(name, seconds=seconds)

    async def endpoints_one_by_one(self, name: str, count: int, pause: float) -> Phase:
        """Each comes and goes before the next."""
        phase, gone = Phase(name), []
        began = time_ns()
        for _ in range(count):
            made = self._next()
            await self._awaited(phase, partial(self._put, made, new=True), address_of(made), ALWAYS)
            await self._delete(made)
            gone.append(address_of(made))
            phase.made += 2
            await asyncio.sleep(pause)
        phase.seconds = (time_ns() - began) / BILLION
        await self._check(phase, [], gone)
        return phase

    async def endpoints_at_rate(self, name: str, rate: float, seconds: float) -> Phase:
        """They come and go at their times, however long each takes; while more than `UNDER_WAY` of them wait for the
        API, nothing is asked of it, and all that is to come is due later by as much."""
        phase, tasks = Phase(name), set[asyncio.Task[None]]()
        all_tasks: list[asyncio.Task[None]] = []
        live: list[tuple[Manifest, asyncio.Task[None]]] = []
        gone: list[IPv4Address] = []
        loop = asyncio.get_running_loop()
        start, began, number = loop.time(), time_ns(), 0
        late = 0.0
        while number / rate + late < seconds:
            if (wait := start + late + number / rate - loop.time()) > 0:
                await asyncio.sleep(wait)
            if len(tasks) >= UNDER_WAY:
                stopped = loop.time()
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                late += loop.time() - stopped
                continue
            due = began + int((late + number / rate) * BILLION)
            if len(live) < LIVE or number % 2 == 0:
                made = self._next()
                task = asyncio.create_task(self._come(phase, made, due, is_watched=self._number % WATCHED == 0))
                live.append((made, task))
            else:
                made, came = live.pop(0)
                gone.append(address_of(made))
                task = asyncio.create_task(self._go(phase, made, came))
            all_tasks.append(task)
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
        await asyncio.gather(*all_tasks)
        phase.seconds = (time_ns() - began) / BILLION
        await self._check(phase, [address_of(made) for made, _ in live], gone[-LIVE:])
        for made, _ in live:
            await self._delete(made)
        return phase

    async def policy_edits(self, name: str, which: str, count: int, pause: float) -> Phase:
        """An address more is opened each time; what the policy selects stays."""
        phase = Phase(name)
        began = time_ns()
        for _ in range(count):
            target = self._target()
            await self._awaited(phase, partial(self._put, worlds.policy(which, [target])), SOURCE, target)
            phase.made += 1
            await asyncio.sleep(pause)
        phase.seconds = (time_ns() - began) / BILLION
        await self._put(worlds.policy(which, []))
        return phase

    async def policies_for_all(self, name: str, count: int, pause: float) -> Phase:
        """One that selects every endpoint comes, and goes again: every class is another one then."""
        phase = Phase(name)
        began = time_ns()
        for turn in range(count):
            target = self._target()
            made = worlds.policy("all", [target])
            made = {**made, "metadata": {"name": f"witness-more-{turn}"}}
            await self._awaited(phase, partial(self._put, made, new=True), SOURCE, target)
            await self._delete(made)
            phase.made += 2
            await asyncio.sleep(pause)
        phase.seconds = (time_ns() - began) / BILLION
        return phase

    async def feeds(self, name: str, count: int, pause: float, changed: int | None = None) -> Phase:
        """All CIDRs of the largest set are replaced, or so many."""
        phase = Phase(name)
        began = time_ns()
        for _ in range(count):
            target = self._target()
            self._turn += changed is None
            made = self._world.feed(self._turn, changed, (target,))
            await self._awaited(phase, partial(self._put, made), SOURCE, target)
            phase.made += 1
            await asyncio.sleep(pause)
        phase.seconds = (time_ns() - began) / BILLION
        return phase

    def _next(self) -> Manifest:
        self._number += 1
        return self._world.created(self._number)

    def _target(self) -> IPv4Address:
        """One that nobody may reach yet."""
        self._targets = self._targets + 1 if self._targets < _LAST_TARGET else _FIRST_FREE
        return FIRST_TARGET + self._targets

    async def _come(self, phase: Phase, made: Manifest, due: int, *, is_watched: bool) -> None:
        try:
            if is_watched:
                await self._awaited(phase, partial(self._put, made, new=True), address_of(made), ALWAYS, due)
            else:
                await self._put(made, new=True)
            phase.made += 1
        except Refused as error:
            phase.problems.append(str(error))

    async def _go(self, phase: Phase, made: Manifest, came: asyncio.Task[None]) -> None:
        await came
        try:
            await self._delete(made)
            phase.made += 1
        except Refused as error:
            phase.problems.append(str(error))

    async def _awaited(
        self,
        phase: Phase,
        change: Callable[[], Awaitable[Written]],
        source: IPv4Address,
        target: IPv4Address,
        due: int = 0,
    ) -> None:
        """Make the change, and note when the first packet came through; one before it is a problem, as is none."""
        seeing = asyncio.create_task(self._witness.seen(source, target))
        await asyncio.sleep(0.002)  # it is closed: the first packets have gone out
        try:
            written = await change()
            seen = await seeing
        except NotSeen as error:
            phase.problems.append(str(error))
            return
        finally:
            seeing.cancel()
        if seen < written.sent:
            phase.problems.append(f"a packet from {source} to {target} came through before the change")
        phase.changes.append(Change(due or written.sent, written.sent, written.answered, seen))

    async def _check(self, phase: Phase, opened: list[IPv4Address], closed: list[IPv4Address]) -> None:
        """What should pass does, and what should not does not; a little later, since the last may just have gone."""
        await asyncio.sleep(1.0)
        passed = await self._witness.passed([*opened, *closed], ALWAYS)
        if lost := [str(each) for each in opened if each not in passed]:
            phase.problems.append(f"{len(lost)} endpoints that exist cannot send, as {lost[0]}")
        if through := [str(each) for each in closed if each in passed]:
            phase.problems.append(f"{len(through)} endpoints that are gone still send, as {through[0]}")

    async def _put(self, made: Manifest, *, new: bool = False) -> Written:
        path = collection(made["kind"], made["metadata"].get("namespace", ""))
        if new:
            return await self._writer.tell("POST", path, made)
        return await self._writer.tell("PUT", f"{path}/{made['metadata']['name']}", made)

    async def _delete(self, made: Manifest) -> Written:
        path = collection(made["kind"], made["metadata"].get("namespace", ""))
        return await self._writer.tell("DELETE", f"{path}/{made['metadata']['name']}")
