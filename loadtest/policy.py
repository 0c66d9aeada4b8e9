"""How long a change of policy takes in a large installation, where that time goes, and whether it leads to the same.

Everything runs through the product's own path: events of a store, the enforcement loop, the compiler, the plan,
nf_tables in a network of its own, the snapshot for forwarders. Ends with status 1 where something could not be measured
or the end is not what a calculation from scratch gives, with 2 where it cannot run at all.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtest import report
from loadtest.cluster import Size
from loadtest.installation import NotMeasured
from loadtest.network import move
from loadtest.probes import STEPS, ProbeError
from loadtest.run import Options, Run
from tests.support.lab.isolate import IsolationError

_PROFILED = 25
"""Lines of a profile."""


def main(arguments: Sequence[str]) -> int:
    """The exit status; the report goes to standard output."""
    parser = _parser()
    given = parser.parse_args(arguments)
    size = Size(given.endpoints, given.policies, given.groups, given.nets)
    if min(size.endpoints, size.policies, size.groups, size.nets, given.repeats, given.burst) < 1:
        parser.error("sizes and repeats are at least 1")
    options = Options(size, given.repeats, given.seconds, given.burst, given.only, given.compare, given.profile or "")
    run = Run(options, lambda line: print(line, file=sys.stderr, flush=True))
    conditions = report.machine()
    try:
        move("loadtest.policy", arguments)
        asyncio.run(run.measure())
    except (IsolationError, ProbeError, NotMeasured) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    for line in report.lines(conditions, run.outcome):
        print(line)
    if run.profile is not None:
        run.profile.sort_stats("cumulative").print_stats(_PROFILED)
    if given.json is not None:
        given.json.write_text(json.dumps(report.as_json(conditions, run.outcome), indent=1) + "\n")
    return 1 if run.outcome.failed else 0


def _parser() -> argparse.ArgumentParser:
    size = Size()
    options = Options(size)
    parser = argparse.ArgumentParser("python -m loadtest.policy", description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add("--endpoints", type=int, default=size.endpoints)
    add("--policies", type=int, default=size.policies)
    add("--groups", type=int, default=size.groups, help="tiers and namespaces together")
    add("--nets", type=int, default=size.nets, help="CIDRs of the largest network set")
    add("--repeats", type=int, default=options.repeats, help="of each change")
    add("--seconds", type=float, default=options.seconds, help="after which a change is not repeated any more")
    add("--burst", type=int, default=options.burst, help="endpoint changes in a row")
    add("--only", default="", metavar="TEXT", help="only rows whose names contain this")
    add("--no-compare", dest="compare", action="store_false", help="leave the tenth of the endpoints out")
    add("--profile", choices=STEPS, help=f"the {_PROFILED} dearest functions of one step")
    add("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
