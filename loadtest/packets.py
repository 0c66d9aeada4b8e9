"""What the first packet of a connection costs with few and with many endpoints of the same classes.

Three nodes, one without rules, one with few endpoints and one with many, forward the same flood in turn. Every packet
opens a connection, which the last of its endpoint's thirty rules allows. Ends with status 1 where a packet did not
arrive, with 2 where it cannot run at all.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from loadtest import report
from loadtest.network import move
from loadtest.samples import quantile
from loadtest.testbed import CLASSES, Testbed
from tests.support.lab.isolate import IsolationError

NO_RULES, FEW, MANY = "no rules", "few endpoints", "many endpoints"


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds a packet, by node and round, and packets that did not arrive."""

    seconds: dict[str, list[float]]
    lost: dict[str, int]
    facts: dict[str, dict[str, int]]

    @property
    def ratio(self) -> float:
        """Many endpoints against few: the median of rounds, in each of which both were measured."""
        return median(many / few for many, few in zip(self.seconds[MANY], self.seconds[FEW], strict=True))

    @property
    def added_ratio(self) -> float:
        """The same without what a packet costs where there are no rules."""
        nothing = median(self.seconds[NO_RULES])
        return (median(self.seconds[MANY]) - nothing) / (median(self.seconds[FEW]) - nothing)


def measure(endpoints: int, packets: int, rounds: int) -> Figures:
    """One round to warm up, then `rounds`. The process must be alone in its network."""
    seconds: dict[str, list[float]] = {NO_RULES: [], FEW: [], MANY: []}
    with ExitStack() as stack:
        testbeds = {
            NO_RULES: Testbed(stack, endpoints, packets, has_rules=False),
            FEW: Testbed(stack, CLASSES, packets),
            MANY: Testbed(stack, endpoints, packets),
        }
        for turn in range(rounds + 1):
            for name, testbed in testbeds.items():
                took = testbed.send()
                if turn:
                    seconds[name].append(took)
        lost = {name: packets * (rounds + 1) - testbed.arrived() for name, testbed in testbeds.items()}
        return Figures(seconds, lost, {name: testbed.facts for name, testbed in testbeds.items()})


def main(arguments: Sequence[str]) -> int:
    """The exit status; the report goes to standard output."""
    parser = argparse.ArgumentParser("python -m loadtest.packets", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--endpoints", type=int, default=10_000)
    parser.add_argument("--packets", type=int, default=10_000, help="in each flood")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    given = parser.parse_args(arguments)
    if min(given.packets, given.rounds) < 1 or given.endpoints < CLASSES:
        parser.error(f"at least {CLASSES} endpoints, one packet and one round")
    conditions = report.machine()
    try:
        move("loadtest.packets", arguments)
        figures = measure(given.endpoints, given.packets, given.rounds)
    except (IsolationError, OSError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    print(report.listed(conditions), f"{given.packets} packets x {given.rounds} rounds, in turn", sep="\n")
    for name, found in figures.seconds.items():
        times = [1e9 * quantile(found, share) for share in (0.0, 0.5, 0.99)]
        print(
            f"{name:<15} best {times[0]:5.0f} ns/packet, p50 {times[1]:5.0f}, p99 {times[2]:5.0f}"
            f"{'; ' if figures.facts[name] else ''}{report.listed(figures.facts[name])}"
        )
    print(f"many : few = {figures.ratio:.3f}; of what the rules add = {figures.added_ratio:.3f}")
    lost = {name: count for name, count in figures.lost.items() if count}
    if lost:
        print(f"NOT MEASURED: packets that did not arrive: {report.listed(lost)}")
    if given.json is not None:
        report_of_run = {
            "conditions": conditions,
            "ratio": figures.ratio,
            "added_ratio": figures.added_ratio,
            "lost": figures.lost,
            "seconds_a_packet": figures.seconds,
        }
        given.json.write_text(json.dumps(report_of_run, indent=1) + "\n")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
