"""What a look-up costs: dnsguard's forwarder beside others, with the same upstream and the same load, in turn.

The figure to trust is the CPU time of all processes of a forwarder for each good answer: client, forwarder and upstream
share the processors, so that answers a second say as much of the others. Ends with status 1 where dnsguard failed a
look-up or gave an answer that was not leased, with 2 where it cannot run at all.
"""

import argparse
import json
import pstats
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from shutil import which

from loadtest import report
from loadtest.dns import guard, names
from loadtest.dns.contender import Contender, Running
from loadtest.dns.measuring import NO_PROFILES, Cell, Profiles, measure
from loadtest.dns.peers import PEERS
from loadtest.dns.query import NotStarted
from loadtest.dns.scenario import CLIENTS, SCENARIOS, Scenario, Size
from loadtest.dns.site import UPSTREAM, Site, site
from loadtest.dns.task import Task
from loadtest.dns.upstream import upstream
from loadtest.network import move
from tests.support.lab.isolate import IsolationError

DIRECT = "no forwarder"
ALL = (guard.CONTENDER, *guard.compiled(), *PEERS)
_PROFILED = 25
"""Lines of a profile."""

_SHOWN = 200
"""Letters of a problem; what is behind it stands at the end of a log."""


def main(arguments: Sequence[str]) -> int:
    """The exit status; the report goes to standard output."""
    parser = _parser()
    given = parser.parse_args(arguments)
    size = Size(given.names, min(given.hot, given.names), given.patterns, given.sets)
    if min(size.names, size.hot, size.patterns, size.sets, given.rounds, *given.workers) < 1:
        parser.error("sizes, rounds and workers are at least 1")
    if size.names > names.MOST_NAMES:
        parser.error(f"at most {names.MOST_NAMES} names")
    scenarios = [each for each in SCENARIOS if not given.only or each.name in given.only]
    profiles = Profiles(given.profile, given.perf)
    is_profiled = bool(given.profile or given.perf)
    if is_profiled and len(scenarios) != 1:
        parser.error("a profile is of one scenario: name it with --only")
    wanted = ALL[:1] if is_profiled else [each for each in ALL if not given.beside or each.name in given.beside]
    conditions = report.machine()
    try:
        move("loadtest.lookups", arguments)
        found = run(
            size,
            scenarios,
            present(wanted),
            given.workers,
            1 if is_profiled else given.rounds,
            given.seconds,
            profiles,
            is_direct=not is_profiled,
        )
    except (IsolationError, NotStarted, OSError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    print(report.listed(conditions))
    print(report.listed(asdict(size) | {"clients": CLIENTS, "rounds": given.rounds}))
    for line in lines(found):
        print(line)
    _print_profiles(profiles)
    if given.json is not None:
        text = json.dumps({"conditions": conditions, "cells": [asdict(cell) for cell in found]}, indent=1)
        given.json.write_text(text + "\n")
    return 1 if any(is_wrong(cell) for cell in found) else 0


def run(
    size: Size,
    scenarios: Sequence[Scenario],
    contenders: Sequence[Contender],
    workers: Sequence[int],
    rounds: int,
    seconds: float,
    profiles: Profiles = NO_PROFILES,
    *,
    is_direct: bool = True,
) -> list[Cell]:
    """All figures. ``is_direct``: also those of asking the upstream. The process must be alone in its network."""
    with (
        tempfile.TemporaryDirectory(prefix="look-ups-") as directory,
        site(Path(directory), CLIENTS) as place,
        upstream(place, size.names) as server,
    ):
        everybody = ([_direct(server)] if is_direct else []) + list(contenders)
        cells = [
            (scenario, contender, count)
            for scenario in scenarios
            for count in workers
            for contender in everybody
            if scenario.takes(contender) and count <= contender.most_workers
        ]
        return measure(
            place, size, cells, rounds, seconds, lambda line: print(line, file=sys.stderr, flush=True), profiles
        )


def present(contenders: Sequence[Contender]) -> list[Contender]:
    """Those whose programs are installed; of the others it says how to get them."""
    missing = sorted({each.package for each in contenders if which(each.program) is None})
    if missing:
        command = f"deploy/setup --peers, or apt-get install --no-install-recommends {' '.join(missing)}"
        print(f"not measured, because not installed: {', '.join(missing)}; to have them: {command}", file=sys.stderr)
    return [each for each in contenders if which(each.program) is not None]


def is_wrong(cell: Cell) -> bool:
    """dnsguard did not do here what it is for."""
    return cell.contender.startswith(guard.NAME) and bool(cell.problem or cell.failed or cell.unleased)


def lines(cells: Sequence[Cell]) -> Iterator[str]:
    """The table, a part for each scenario and number of workers."""
    for scenario in SCENARIOS:
        for workers in sorted({cell.workers for cell in cells}):
            rows = [cell for cell in cells if (cell.scenario, cell.workers) == (scenario.name, workers)]
            if rows:
                yield f"\n{scenario.name}, {workers} worker{'s' * (workers > 1)}: {scenario.meaning}"
                titles = ("µs/answer", "lowest", "highest", "answers/s", "MB", "asked", "failed", "unleased", "CPU ×")
                yield f"  {'':<24}" + "".join(f"{title:>10}" for title in titles)
                yield from _rows(rows)
    few, many = (
        next((cell for cell in cells if (cell.scenario, cell.contender) == (name, guard.NAME) and cell.samples), None)
        for name in ("patterns-few", "patterns")
    )
    if few and many:
        yield f"\n{guard.NAME}, many patterns : few = {many.typical('rate') / few.typical('rate'):.2f} of the answers/s"
    yield ""
    yield LEGEND


LEGEND = (
    "µs/answer: CPU time of all its processes for each good answer, median of rounds; CPU ×: that of dnsguard as a\n"
    f"multiple of this one's. MB: resident after the load. {DIRECT}: the upstream asked directly, its CPU time."
)


def _rows(cells: Sequence[Cell]) -> Iterator[str]:
    ours = next((cell.typical("cpu") for cell in cells if cell.contender == guard.NAME and cell.samples), None)
    for cell in cells:
        if not cell.samples:
            yield f"  {cell.contender:<24} NOT MEASURED: {cell.problem[-_SHOWN:]}"
            continue
        times = [cell.typical("cpu"), *(edge(sample.cpu for sample in cell.samples) for edge in (min, max))]
        values = [f"{1e6 * each:.1f}" for each in times]
        values += [f"{cell.typical(figure):.0f}" for figure in ("rate", "megabytes", "asked")]
        values += [f"{cell.failed}", f"{cell.unleased}"]
        values.append(f"{ours / times[0]:.2f}" if ours and times[0] and cell.contender != DIRECT else "")
        yield f"  {cell.contender:<24}" + "".join(f"{value:>10}" for value in values)


def _direct(server: int) -> Contender:
    @contextmanager
    def start(_: Site, __: Task) -> Iterator[Running]:
        yield Running((server,), lambda: 0, UPSTREAM)

    return Contender(DIRECT, "knotd", "knot", start)


def _print_profiles(profiles: Profiles) -> None:
    if profiles.functions is not None:
        pstats.Stats(str(profiles.functions)).sort_stats("tottime").print_stats(_PROFILED)
    if profiles.stacks is not None:
        words = ["perf", "report", "-i", str(profiles.stacks), "--stdio", "--no-children", "-g", "none"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        shown = [line for line in done.stdout.splitlines() if line and not line.startswith("#")]
        print("\n".join(shown[:_PROFILED]) or done.stderr)


def _parser() -> argparse.ArgumentParser:
    size = Size()
    parser = argparse.ArgumentParser("python -m loadtest.lookups", description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add("--names", type=int, default=size.names)
    add("--hot", type=int, default=size.hot, help="names that are asked over and over")
    add("--patterns", type=int, default=size.patterns)
    add("--sets", type=int, default=size.sets, help="that the patterns are in")
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=20.0, help="the longest that one load goes on")
    add("--workers", type=int, nargs="+", default=[1, 2], help="processes or threads; who has no such setting has one")
    add("--only", nargs="+", choices=[each.name for each in SCENARIOS], help="these scenarios")
    add("--beside", nargs="+", choices=[each.name for each in ALL], metavar="NAME", help="these forwarders")
    add("--profile", type=Path, metavar="FILE", help=f"dnsguard's {_PROFILED} dearest functions (cProfile)")
    add("--perf", type=Path, metavar="FILE", help="the same down into the kernel (perf)")
    add("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
