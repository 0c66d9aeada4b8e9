"""How much one TCP connection carries through a node without rules, with connection tracking alone, and under policy.

Several nodes carry it in turn, between the same two programs (iperf3); what counts is the ratio to the node without
rules in the same round. Ends with status 1 where policy did not judge the connection, or judged its packets one by one,
with 2 where it cannot run at all.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from shutil import which
from statistics import median

from loadtest import report
from loadtest.flood import PORT
from loadtest.layers import TARGET, Layers
from loadtest.network import move
from loadtest.packets import FACTS, SIZES
from loadtest.testbed import Testbed
from loadtest.ways import MOST_VARIANTS, Way, connections_only, no_rules, ours
from tests.support.lab.isolate import IsolationError

PROGRAM = "iperf3"
_FIRST_PACKETS = 2
"""Of one run: iperf3 opens one connection to agree on what to do, and one to do it."""

_PATIENCE = 10.0


class NotCarried(Exception):
    """iperf3 did not do its work; the text has its words."""


@dataclass(slots=True)
class Carried:
    """What one node carried. Bits a second, by round."""

    name: str
    facts: dict[str, int]
    rates: list[float] = field(default_factory=list)
    misjudged: int = 0
    """How far the number of packets that policy judged is from that of connections."""

    def share(self, other: "Carried") -> float:
        """Of what another node carried in the same round: the median."""
        return median(mine / its for mine, its in zip(self.rates, other.rates, strict=True))


def ways(sizes: Sequence[int], variants: int = MOST_VARIANTS) -> list[Way]:
    """The nodes to compare."""
    plain = [Layers(each, protocol="TCP") for each in sizes]
    largest = plain[-1]
    distinct = replace(largest, variants=variants, classes=min(largest.endpoints, variants * variants))
    return [
        no_rules(largest),
        connections_only(largest),
        *map(ours, plain),
        Way(f"{largest.endpoints} endpoints, all classes distinct", distinct),
    ]


def measure(
    compared: Sequence[Way], seconds: int, rounds: int, tell: Callable[[str], None] = lambda _: None
) -> list[Carried]:
    """Every node in each round. The process must be alone in its network. Raises NotCarried."""
    with ExitStack() as stack:
        testbeds = [way.testbed(stack) for way in compared]
        found = [Carried(way.name, testbed.facts) for way, testbed in zip(compared, testbeds, strict=True)]
        for testbed in testbeds:
            stack.enter_context(_serving(testbed))
        for turn in range(rounds):
            for carried, way, testbed in zip(found, compared, testbeds, strict=True):
                before = testbed.judged()
                carried.rates.append(_carried(testbed, seconds))
                if way.has_policy:
                    carried.misjudged += abs(testbed.judged() - before - _FIRST_PACKETS)
                tell(f"round {turn + 1}: {carried.name}: {carried.rates[-1] / 1e9:.1f} Gbit/s")
        return found


def _serving(testbed: Testbed) -> subprocess.Popen[bytes]:
    words = ["setpriv", "--pdeathsig", "KILL", PROGRAM, "-s", "-B", str(TARGET), "-p", str(PORT)]
    with testbed.sink.entered():
        return _Server(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class _Server(subprocess.Popen[bytes]):
    """Ends with its context."""

    def __exit__(self, *error: object) -> None:
        self.kill()
        self.wait()


def _carried(testbed: Testbed, seconds: int) -> float:
    words = [PROGRAM, "-c", str(TARGET), "-p", str(PORT), "-t", str(seconds), "-J", "--connect-timeout", "2000"]
    give_up = time.monotonic() + _PATIENCE
    while True:
        with testbed.client.entered():
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        said = json.loads(done.stdout or "{}")
        problem = str(said.get("error", done.stderr))  # with -J the status is 0 all the same
        if not problem and not done.returncode:
            return float(said["end"]["sum_received"]["bits_per_second"])
        if time.monotonic() > give_up or "refused" not in problem:  # it may not listen yet
            raise NotCarried(f"{PROGRAM}: {problem}")
        time.sleep(0.05)


def lines(found: Sequence[Carried]) -> Iterator[str]:
    """The table."""
    yield f"{'one TCP connection':<42}" + "".join(f"{title:>12}" for title in ("Gbit/s", "of none's", *FACTS))
    for each in found:
        cells = [f"{median(each.rates) / 1e9:.1f}", f"{each.share(found[0]):.3f}"]
        cells += [str(each.facts.get(name, "")) for name in FACTS]
        yield f"{each.name:<42}" + "".join(f"{cell:>12}" for cell in cells)
        if each.misjudged:
            yield f"WRONG: {each.name}: policy judged {each.misjudged} packets more, or less, than connections began"


def main(arguments: Sequence[str]) -> int:
    """The exit status; the report goes to standard output."""
    parser = argparse.ArgumentParser("python -m loadtest.throughput", description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add("--endpoints", type=int, nargs="+", default=SIZES, help="sizes")
    add("--variants", type=int, default=MOST_VARIANTS, help="a tenth of the policies, where classes are many")
    add("--seconds", type=int, default=3, help="of each run")
    add("--rounds", type=int, default=5)
    add("--json", type=Path, metavar="FILE", help="write the figures there, too")
    given = parser.parse_args(arguments)
    if min(given.seconds, given.rounds, given.variants, *given.endpoints) <= 0:
        parser.error("sizes, seconds and rounds are above 0")
    if which(PROGRAM) is None:
        print(f"loadtest: {PROGRAM} is not installed; deploy/setup --peers brings it", file=sys.stderr)
        return 2
    conditions = report.machine()
    try:
        move("loadtest.throughput", arguments)
        compared = ways(sorted(given.endpoints), given.variants)
        found = measure(compared, given.seconds, given.rounds, lambda text: print(text, file=sys.stderr, flush=True))
    except (IsolationError, NotCarried, OSError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    print(report.listed(conditions), f"{given.seconds} s x {given.rounds} rounds, in turn", sep="\n")
    for line in lines(found):
        print(line)
    if given.json is not None:
        given.json.write_text(json.dumps({"conditions": conditions, "nodes": [asdict(each) for each in found]}) + "\n")
    return 1 if any(each.misjudged for each in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
