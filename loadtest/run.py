"""One run of the policy load test: changes in turn, their figures, and whether the end is right."""

import asyncio
import gc
import pstats
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter, process_time

from dnsguard.controller.enforcement import Pace
from loadtest import report
from loadtest.agreement import differences, kernel_differences
from loadtest.changes import SCENARIOS, Scenario, arrivals, departures, left_half_way
from loadtest.cluster import Size, manifests
from loadtest.collector import pauses
from loadtest.installation import Installation, NotMeasured, Step
from loadtest.parsing import CASES, parsed
from loadtest.probes import Recorder, installed
from loadtest.samples import Outcome, Row, Sample

FROM_NOTHING = "from nothing: the store's first list"
CREATED, DELETED = "endpoints created, a thousand a second", "endpoints deleted, a thousand a second"
LOOK, LATER_LOOK = "guard: first look after a change", "guard: later looks"
LATER_LOOKS = 40
"""Some see more than others; this many see everything."""

BURST_SECONDS = 0.001
"""Between two changes of a burst."""

PATIENCE = 60.0
"""Seconds for a burst to be enforced after its last change."""

SCRATCH_RUNS = 3
ENOUGH = 3
"""Repeats that a slow change gets, whatever time they take."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure, and how often."""

    size: Size
    repeats: int = 50
    """Of each change."""

    seconds: float = 20.0
    """After which a change is not repeated any more."""

    burst: int = 1_000
    only: str = ""
    """Rows whose names contain this."""

    small: bool = True
    """Whether to make the same changes with a tenth of the endpoints."""

    profiled: str = ""
    """The step whose profile is wanted."""

    @property
    def tenth(self) -> Size:
        return replace(self.size, endpoints=max(self.size.endpoints // 10, 1))


class Run:
    """To be measured once. The process must be alone in its network."""

    def __init__(self, options: Options, tell: Callable[[str], None] = lambda _: None) -> None:
        """``tell`` hears of each row once it is measured: a run may take minutes."""
        self._options = options
        self._tell = tell
        self._recorder = Recorder()
        self.outcome = Outcome()

    @property
    def profile(self) -> pstats.Stats | None:
        """Of the step that was asked for, over all changes that were measured."""
        return pstats.Stats(self._recorder.profile) if self._options.profiled else None

    async def measure(self) -> None:
        """Fills `outcome`. Raises NotMeasured where not even the start succeeds."""
        with installed(self._recorder):
            await self._one_by_one()
            if self._wanted(CREATED, DELETED):
                await self._bursts()
        for name, case in CASES.items():
            if self._wanted(name):
                self._found([Row(name, await self._parsed(case(self._options.size)))])

    def _found(self, rows: Sequence[Row]) -> None:
        self.outcome.rows += rows
        for row in rows:
            self._tell(f"{row.name}: {f'{row.wall(0.5) * 1e3:.1f} ms' if row.samples else row.problem}")

    def _wanted(self, *names: str) -> bool:
        return any(self._options.only in name for name in names)

    async def _one_by_one(self) -> None:
        async with AsyncExitStack() as stack:
            large = await stack.enter_async_context(Installation())
            await self._start(large)
            seconds = median([(await large.from_scratch())[1] for _ in range(SCRATCH_RUNS)])
            self.outcome.notes["scratch"] = f"{seconds * 1e3:.0f} ms to compute everything anew, without the kernel"
            small = None
            if self._options.small:
                small = await stack.enter_async_context(Installation())
                await small.start(manifests(self._options.tenth))
            before, changes = _used(), 0
            with pauses() as collected:
                for scenario in SCENARIOS:
                    if self._wanted(*scenario.rows):
                        rows = await self._scenario(scenario, large, small, seconds)
                        changes += sum(len(row.samples) + len(row.small) for row in rows)
                        self._found(rows)
            longest = f"longest {max(collected, default=0.0) * 1e3:.0f} ms"
            self.outcome.notes["collector"] = f"{len(collected)} full collections in that time, {longest}"
            self.outcome.notes["growth"] = f"{_growth(before)} over {changes} changes of every kind"
            if self._wanted(LOOK, LATER_LOOK):
                await self._guard(large)
            await self._agreement(large, left_half_way(self._options.size))

    async def _start(self, large: Installation) -> None:
        objects = list(manifests(self._options.size))
        before, _ = report.memory()
        report.forget_peak()
        sample = await self._sample(large.start(objects))
        now, peak = report.memory()
        self._found([Row(FROM_NOTHING, [sample])])
        self.outcome.notes["memory"] = (
            f"{before:.0f} MB with the objects to come, {now:.0f} MB enforced, peak {peak:.0f}"
        )
        if (held := large.enforcer.enforced) is not None:
            self.outcome.notes["installation"] = report.listed(report.shape(held.compiled, held.plan))

    async def _scenario(
        self, scenario: Scenario, large: Installation, small: Installation | None, scratch: float
    ) -> list[Row]:
        """Once to warm up, then as often as there is time for."""
        samples: dict[str, list[Sample]] = {name: [] for name in scenario.rows}
        tenth: dict[str, list[Sample]] = {name: [] for name in scenario.rows}
        problem = ""
        give_up = perf_counter() + self._options.seconds
        try:
            for turn in range(self._options.repeats + 1):
                if turn > ENOUGH and perf_counter() > give_up:
                    break
                for name, make in scenario.steps:
                    is_measured = bool(name and turn)
                    found = await self._sample(large.change(make(self._options.size, turn)), is_measured)
                    if is_measured:
                        samples[name].append(found)
                    if small is not None:
                        found = await self._sample(small.change(make(self._options.tenth, turn)), False)
                        if is_measured:
                            tenth[name].append(found)
        except NotMeasured as error:
            problem = str(error)
        return [Row(name, samples[name], problem, scratch, tenth[name]) for name in scenario.rows]

    async def _guard(self, large: Installation) -> None:
        """What is compared differs from look to look."""
        looks: dict[str, list[Sample]] = {LOOK: [], LATER_LOOK: []}
        for turn in range(ENOUGH):
            await large.change(arrivals(self._options.size, turn + 1)[-1])
            looks[LOOK].append(await self._sample(large.guard()))
        for _ in range(LATER_LOOKS):
            looks[LATER_LOOK].append(await self._sample(large.guard()))
        self._found([Row(name, samples) for name, samples in looks.items()])

    async def _bursts(self) -> None:
        """At the product's own pace, twice: what grows the second time would grow for ever."""
        size, count = self._options.size, self._options.burst
        async with Installation(Pace()) as node:
            await node.start(manifests(size))
            before = _used()
            for turn in range(2):
                before = _used()
                rows = [
                    await self._burst(CREATED, node, arrivals(size, count)),
                    await self._burst(DELETED, node, departures(size, count)),
                ]
                if turn:
                    self._found(rows)
            self.outcome.notes["growth in bursts"] = f"{_growth(before)} over {2 * count} changes, the second time"
            await self._agreement(node, [])

    async def _burst(self, name: str, node: Installation, steps: list[Step]) -> Row:
        """One step after the other at its time, whatever the others take; a sample is one step's way."""
        recorder = self._recorder
        recorder.start()
        cpu, began = process_time(), perf_counter()
        waiting: list[tuple[int, float]] = []
        walls: list[float] = []

        async def look() -> None:
            await asyncio.sleep(BURST_SECONDS / 2)
            revision, since = node.enforced()
            while waiting and waiting[0][0] <= revision:
                walls.append(since - waiting.pop(0)[1])

        for number, step in enumerate(steps):
            due = began + number * BURST_SECONDS
            while perf_counter() < due:
                await look()
            waiting.append((node.tell(step), due))
        give_up = perf_counter() + PATIENCE
        while waiting and perf_counter() < give_up:
            await look()
        took = perf_counter() - began
        self.outcome.notes[name] = f"{len(steps)} in {took:.2f} s, {recorder.transactions} transactions"
        problem = f"{len(waiting)} not enforced: {node.enforcer.problem or 'too slow'}" if waiting else ""
        each = Sample(
            0.0,
            (process_time() - cpu) / len(steps),
            {name: seconds / len(steps) for name, seconds in recorder.seconds.items()},
            *(each / len(steps) for each in (recorder.transactions, recorder.messages, recorder.bytes)),
        )
        return Row(name, [replace(each, wall=wall) for wall in walls], problem)

    async def _agreement(self, node: Installation, steps: list[Step]) -> None:
        """Make these changes, then hold everything against a calculation from scratch."""
        for step in steps:
            await node.change(step)
        held = node.enforcer.enforced
        wanted, _ = await node.from_scratch()
        if held is None:
            raise NotMeasured("nothing is enforced")
        self.outcome.disagreements += differences(held, wanted)
        self.outcome.disagreements += kernel_differences(node.socket, wanted.plan, node.foundation)

    async def _parsed(self, objects: list[dict[str, object]]) -> list[Sample]:
        return [await self._sample(parsed(objects, self._recorder)) for _ in range(ENOUGH)]

    async def _sample(self, change: Awaitable[float], is_measured: bool = True) -> Sample:
        recorder = self._recorder
        recorder.profiled = self._options.profiled if is_measured else ""
        recorder.start()
        cpu = process_time()
        wall = await change
        cpu = process_time() - cpu
        recorder.profiled = ""
        sent = recorder.transactions, recorder.messages, recorder.bytes
        return Sample(wall, cpu, dict(recorder.seconds), *sent)


def _used() -> tuple[float, int]:
    """Resident megabytes, and objects that the collector knows."""
    gc.collect()
    return report.memory()[0], len(gc.get_objects()) + gc.get_freeze_count()


def _growth(before: tuple[float, int]) -> str:
    megabytes, objects = _used()
    return f"{megabytes - before[0]:+.1f} MB and {objects - before[1]:+d} objects"
