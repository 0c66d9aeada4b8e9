"""A million leases: kernel memory and time for them, and what a restart of the forwarder costs that has them.

First in the kernel alone, pairs of IPv4 and of IPv6. Then in the whole program, with ten thousand endpoints, a
thousand policies and a hundred thousand patterns: clients look names up until there are so many leases, then the
forwarder is told to end, and later killed, while look-ups go on. Ends with status 1 where leases are lost or a look-up
got no answer, with 2 where it cannot run at all.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from loadtest import kernel, report
from loadtest.adoption import CLIENTS, Options, Program, measure
from loadtest.dns import names
from loadtest.dns.dnsperf import LoadError
from loadtest.dns.query import NotStarted
from loadtest.kernel import Held
from loadtest.network import move
from tests.support.lab.isolate import IsolationError


def lines(pairs: Sequence[Held], program: Program, options: Options) -> Iterator[str]:
    """The report."""
    for each in pairs:
        per = each.megabytes * (1 << 20) / each.elements
        yield (
            f"{each.elements} of {each.kind}: {each.megabytes:.0f} MB of the kernel's ({per:.0f} bytes each), "
            f"written in {each.written:.2f} s ({each.written / each.elements * 1e6:.2f} µs each), "
            f"listed in {each.listed:.2f} s, deleted in {each.deleted:.2f} s"
        )
        if each.is_wrong:
            yield f"WRONG: {each.found} of {each.elements} are in the list"
    yield (
        f"the whole program, {report.listed(asdict(options))}: {program.elements} leases in {program.filled:.0f} s, "
        f"{program.kernel_megabytes:.0f} MB more in the kernel"
    )
    yield report.listed(program.facts)
    yield f"resident: {', '.join(f'{name} {each:.0f} MB' for name, each in program.megabytes.items())}"
    if program.elements < program.leases or program.unanswered:
        yield f"WRONG: of {program.leases} leases {program.elements}; {program.unanswered} look-ups without an answer"
    for restart in program.restarts:
        yield (
            f"{restart.kind}: ended after {restart.ended:.2f} s, longest silence {restart.silence:.2f} s, all adopted "
            f"after {restart.adopted:.1f} s; answers meanwhile p99 {restart.p99 * 1e3:.1f} ms, slowest "
            f"{restart.slowest:.2f} s; of {restart.asked} look-ups {restart.unanswered} unanswered; "
            f"resident then {restart.megabytes:.0f} MB"
        )
        if restart.is_wrong(program.leases):
            yield (
                f"WRONG: of {restart.asked} look-ups {restart.unanswered} unanswered, {restart.failed} failed; "
                f"{restart.elements} leases in the kernel"
            )


def main(arguments: Sequence[str]) -> int:
    """The exit status; the report goes to standard output."""
    parser = argparse.ArgumentParser("python -m loadtest.leases", description=(__doc__ or "").split("\n\n")[0])
    add, usual = parser.add_argument, Options()
    add("--leases", type=int, default=usual.leases)
    add("--endpoints", type=int, default=usual.endpoints)
    add("--policies", type=int, default=usual.policies)
    add("--groups", type=int, default=usual.groups, help="tiers and namespaces together")
    add("--patterns", type=int, default=usual.patterns)
    add("--sets", type=int, default=usual.sets, help="of patterns")
    add("--rate", type=float, default=usual.rate, help="look-ups a second, until there are so many leases")
    add("--probes", type=float, default=usual.probes, help="look-ups a second, during a restart")
    add("--json", type=Path, metavar="FILE", help="write the figures there, too")
    given = vars(parser.parse_args(arguments))
    file = given.pop("json")
    options = Options(**given)
    if min(asdict(options).values()) <= 0 or options.leases > CLIENTS * names.MOST_NAMES:
        parser.error(f"everything is above 0, and leases are at most {CLIENTS * names.MOST_NAMES}")
    conditions = report.machine()
    try:
        move("loadtest.leases", arguments)
        pairs = kernel.measure(options.leases)
        program = measure(options, lambda text: print(text, file=sys.stderr, flush=True))
    except (IsolationError, NotStarted, LoadError, OSError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    print(report.listed(conditions))
    for line in lines(pairs, program, options):
        print(line)
    if file is not None:
        found = {"conditions": conditions, "kernel": [asdict(each) for each in pairs], "program": asdict(program)}
        file.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if program.is_wrong or any(each.is_wrong for each in pairs) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
