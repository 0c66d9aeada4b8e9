"""One measurement after the other, the contenders in turn."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from statistics import median

from loadtest.dns import dnsperf, usage
from loadtest.dns.contender import Contender
from loadtest.dns.query import NotStarted
from loadtest.dns.scenario import Scenario, Size
from loadtest.dns.site import Site, spread


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement."""

    cpu: float
    """Seconds of a processor for each good answer, of all its processes."""

    rate: float
    """Good answers a second."""

    asked: int
    failed: int
    """Look-ups without a good answer."""

    unleased: int
    """Names that were answered and whose addresses are in no kernel set; 0 where nothing is leased."""

    megabytes: float
    """Resident, after the load."""


@dataclass(slots=True)
class Cell:
    """One contender in one scenario with one number of workers."""

    scenario: str
    contender: str
    workers: int
    samples: list[Sample]
    problem: str = ""

    def typical(self, figure: str) -> float:
        """The median."""
        return median(float(getattr(sample, figure)) for sample in self.samples)

    @property
    def failed(self) -> int:
        return sum(sample.failed for sample in self.samples)

    @property
    def unleased(self) -> int:
        return sum(sample.unleased for sample in self.samples)


@dataclass(frozen=True, slots=True)
class Profiles:
    """Where profiles of the last measurement go."""

    functions: Path | None = None
    """Of dnsguard's functions, by cProfile."""

    stacks: Path | None = None
    """Of everything down into the kernel, by perf."""


NO_PROFILES = Profiles()


def measure(
    place: Site,
    size: Size,
    cells: Sequence[tuple[Scenario, Contender, int]],
    rounds: int,
    seconds: float,
    tell: Callable[[str], None],
    profiles: Profiles = NO_PROFILES,
) -> list[Cell]:
    """All cells, round after round. ``seconds``: the longest that one load goes on."""
    found = [Cell(scenario.name, contender.name, workers, []) for scenario, contender, workers in cells]
    for turn in range(rounds):
        for cell, (scenario, contender, workers) in zip(found, cells, strict=True):
            if cell.problem:
                continue
            try:
                sample = _one(place, size, scenario, contender, workers, seconds, profiles)
            except (NotStarted, dnsperf.LoadError, TimeoutError) as error:
                cell.problem = str(error) or type(error).__name__
                tell(f"{scenario.name}, {contender.name}: {cell.problem}")
                continue
            cell.samples.append(sample)
            tell(
                f"round {turn + 1}: {scenario.name}, {contender.name}, {workers} workers: "
                f"{sample.cpu * 1e6:.1f} µs, {sample.rate:.0f}/s"
            )
    return found


def _one(
    place: Site, size: Size, scenario: Scenario, contender: Contender, workers: int, seconds: float, profiles: Profiles
) -> Sample:
    directory = place.directory / "run"
    directory.mkdir()
    task = scenario.task(size, directory, workers, profiles.functions)
    questions = directory / "questions"
    dnsperf.write_questions(questions, scenario.questions(size))
    try:
        with spread(place, task.clients), contender.start(place, task) as running:
            if scenario.is_hot:
                dnsperf.load(place.clients, running.server, questions, seconds=seconds)
            before = usage.cpu_seconds(running.pids)
            with _perf(running.pids, profiles.stacks):
                load = dnsperf.load(
                    place.clients, running.server, questions, repeats=scenario.repeats(size), seconds=seconds
                )
            cpu = usage.cpu_seconds(running.pids) - before
            megabytes = usage.resident_megabytes(running.pids)
            leases = running.leases() if contender.leases and scenario.leased else load.answered
            unleased = max(min(load.answered, scenario.distinct(size)) - leases, 0)
            return Sample(cpu / max(load.answered, 1), load.rate, load.sent, load.failed, unleased, megabytes)
    finally:
        shutil.rmtree(directory)


@contextmanager
def _perf(pids: Sequence[int], file: Path | None) -> Iterator[None]:
    if file is None:
        yield
        return
    watched = ",".join(str(each) for pid in pids for each in usage.tree(pid))
    words = ["perf", "record", "-q", "-g", "-F", "999", "-o", str(file), "-p", watched]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as perf:
        try:
            yield
        finally:
            perf.send_signal(SIGINT)
