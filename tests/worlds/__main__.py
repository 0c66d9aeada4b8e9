"""``python -m tests.worlds --worlds 500 --packets 40``: the long run. ``--seed`` starts where an earlier one did;
``--revoke``: connections end when a world does not allow them."""

import argparse
import sys
import time

from dnsguard.calc.compiled import Action
from tests.support.lab.enclosure import INSIDE, enclosed
from tests.worlds.bench import bench
from tests.worlds.report import told
from tests.worlds.tally import LEAST_SHARE, Tally
from tests.worlds.world import world_of

MOST_TOLD = 3
ENOUGH = 200
"""Worlds after which what decides seldom is no accident."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.worlds", description=__doc__)
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--packets", type=int, default=40, help="in each world")
    parser.add_argument("--seed", type=int, default=None, help="of the first world; each next one is one more")
    parser.add_argument("--revoke", action="store_true", help="end connections that a world does not allow")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def table(tally: Tally, seconds: float) -> str:
    """The figures of a run."""
    denied = sum(count for (action, _), count in tally.deciders.items() if action is Action.DENY)
    lines = [
        f"worlds      {tally.worlds:7}",
        f"packets     {tally.packets:7}",
        f"  allowed   {tally.packets - denied:7}",
        f"  denied    {denied:7}",
        f"followed    {tally.followed:7}  connections into the next world",
        f"  cut       {tally.cut:7}  there",
        f"mismatches  {tally.mismatches:7}",
        f"seconds     {seconds:7.1f}",
        *(
            f"  {count / tally.packets:6.1%}  {action.value if action else 'leave'}: {kind.value if kind else 'nobody'}"
            for (action, kind), count in tally.deciders.most_common()
        ),
    ]
    return "\n".join(lines)


def inside() -> int:
    """The run proper. Returns the exit status."""
    arguments = _arguments()
    first = time.time_ns() // 1_000_000 if arguments.seed is None else arguments.seed
    print(f"seeds from {first} on", flush=True)
    started = time.monotonic()
    untold = MOST_TOLD
    with bench(revokes=arguments.revoke) as tried:
        for seed in range(first, first + arguments.worlds):
            for mismatch in tried.run(world_of(seed), arguments.packets)[:1]:
                if untold > 0:
                    print(told(tried, mismatch), flush=True)
                else:
                    print(f"seed {seed}: {mismatch.text}", flush=True)
                untold -= 1
    print(table(tried.tally, time.monotonic() - started), flush=True)
    rare = tried.tally.rare() if arguments.worlds >= ENOUGH else []
    if rare:
        print(f"decided less than {LEAST_SHARE:.1%}: {', '.join(rare)}", flush=True)
    return 1 if tried.tally.mismatches or rare else 0


if __name__ == "__main__":
    sys.exit(enclosed("tests.worlds", inside))
