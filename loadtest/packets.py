"""What a packet costs: the first of a connection and those that follow, with few and with many endpoints.

Nodes without rules, with connection tracking alone, with our rules at several sizes, and with a linear layout of a jump
rule for each endpoint forward the same packets in turn. A first packet is allowed by the last of its endpoint's thirty
rules. Ends with status 1 where a packet did not arrive or was not judged as often as it should have been, with 2 where
it cannot run at all.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from loadtest import report
from loadtest.flood import Flood
from loadtest.network import move
from loadtest.samples import quantile
from loadtest.testbed import Testbed
from loadtest.ways import LEASED_VARIANTS, MOST_VARIANTS, Way, all_ways
from tests.support.lab.isolate import IsolationError

SIZES = (10, 1_000, 10_000)
CONNECTIONS = 100
"""Whose packets follow the first ones."""

FACTS = ("classes", "chains", "rules", "kernel sets", "lease sets")


@dataclass(slots=True)
class Cost:
    """One node. Seconds a packet, by round."""

    way: Way
    facts: dict[str, int]
    first: list[float] = field(default_factory=list)
    known: list[float] = field(default_factory=list)
    """Of established connections; empty in the linear layout, whose way for them is the same as ours."""

    lost: int = 0
    """Packets that did not arrive."""

    misjudged: int = 0
    """First packets that no rule counted, and others that one did."""

    def added(self, other: "Cost", kind: str) -> float:
        """Seconds that a packet costs more than on another node: the median of rounds."""
        return median([mine - its for mine, its in zip(self.of(kind), other.of(kind), strict=True)])

    def of(self, kind: str) -> list[float]:
        return self.first if kind == "first" else self.known


@dataclass(slots=True)
class _Node:
    cost: Cost
    testbed: Testbed
    first: Flood
    known: Flood

    def send_first(self) -> float:
        self.testbed.forget()
        return self.first.send()


def measure(ways: Sequence[Way], packets: int, rounds: int, tell: Callable[[str], None] = lambda _: None) -> list[Cost]:
    """A round of each kind to warm up, then `rounds`. The process must be alone in its network."""
    with ExitStack() as stack:
        nodes = [_made(stack, way, packets, tell) for way in ways]
        for turn in range(rounds + 1):
            for node in nodes:
                took = node.send_first()
                if turn:
                    node.cost.first.append(took)
        tell("first packets are done")
        sent = packets * (rounds + 1)
        for node in nodes:
            _check(node, sent, judged=sent)
            node.testbed.forget()
            node.testbed.know(node.cost.way.layers.sources, CONNECTIONS)
        quick = [node for node in nodes if not node.cost.way.is_linear]
        for turn in range(rounds + 1):
            for node in quick:
                took = node.known.send()
                if turn:
                    node.cost.known.append(took)
        for node in quick:
            _check(node, 2 * sent, judged=sent + (min(CONNECTIONS, packets) if node.cost.way.revokes else 0))
        return [node.cost for node in nodes]


def _made(stack: ExitStack, way: Way, packets: int, tell: Callable[[str], None]) -> _Node:
    testbed = way.testbed(stack)
    sources = way.layers.sources
    tell(f"ready: {way.name}")
    return _Node(
        Cost(way, testbed.facts), testbed, testbed.flood(sources, packets), testbed.flood(sources, packets, CONNECTIONS)
    )


def _check(node: _Node, sent: int, judged: int) -> None:
    node.cost.lost += abs(sent - node.testbed.arrived())
    if node.cost.way.has_policy:
        node.cost.misjudged += abs(judged - node.testbed.judged())


def lines(costs: Sequence[Cost]) -> Iterator[str]:
    """The table, nanoseconds, and the ratios that there are goals for."""
    nothing = costs[0]
    titles = ("first", "best", "added", "known", "added", *FACTS)
    yield f"{'ns a packet':<42}" + "".join(f"{title:>12}" for title in titles)
    for cost in costs:
        cells = [_ns(median(cost.first)), _ns(min(cost.first)), _ns(cost.added(nothing, "first"))]
        cells += [_ns(median(cost.known)), _ns(cost.added(nothing, "known"))] if cost.known else ["", ""]
        cells += [str(cost.facts.get(name, "")) for name in FACTS]
        yield f"{cost.way.name:<42}" + "".join(f"{cell:>12}" for cell in cells)
    yield from ratios(costs)
    for cost in costs:
        if cost.lost or cost.misjudged:
            yield f"WRONG: {cost.way.name}: {cost.lost} packets did not arrive, {cost.misjudged} were misjudged"


def ratios(costs: Sequence[Cost]) -> Iterator[str]:
    """The largest node of each layout against the smallest one with the same classes."""
    nothing = costs[0]
    for is_linear, name in (False, "our layout"), (True, "a jump rule each"):
        same = [cost for cost in costs if cost.way.is_plain and cost.way.is_linear == is_linear]
        few, many = same[0], same[-1]
        whole = median(high / low for high, low in zip(many.first, few.first, strict=True))
        added = many.added(nothing, "first") / few.added(nothing, "first")
        sizes = f"{many.way.layers.endpoints} : {few.way.layers.endpoints} endpoints"
        yield f"{name}: first packet at {sizes} = {whole:.3f}; of what the rules add = {added:.3f}"


def _ns(seconds: float) -> str:
    return f"{seconds * 1e9:.0f}"


def main(arguments: Sequence[str]) -> int:
    """The exit status; the report goes to standard output."""
    parser = argparse.ArgumentParser("python -m loadtest.packets", description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add("--endpoints", type=int, nargs="+", default=SIZES, help="sizes, ascending")
    add("--variants", type=int, default=MOST_VARIANTS, help="a tenth of the policies, where classes are many")
    add("--leased", type=int, default=LEASED_VARIANTS, help="a thirtieth of the lease sets, where those are many")
    add("--packets", type=int, default=10_000, help="in each flood")
    add("--rounds", type=int, default=30)
    add("--json", type=Path, metavar="FILE", help="write the figures there, too")
    given = parser.parse_args(arguments)
    if min(given.packets, given.rounds, given.variants, given.leased, *given.endpoints) < 1:
        parser.error("sizes, packets and rounds are at least 1")
    conditions = report.machine()
    try:
        move("loadtest.packets", arguments)
        ways = all_ways(sorted(given.endpoints), given.variants, given.leased)
        costs = measure(ways, given.packets, given.rounds, lambda text: print(text, file=sys.stderr, flush=True))
    except (IsolationError, OSError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    print(report.listed(conditions), f"{given.packets} packets x {given.rounds} rounds, in turn", sep="\n")
    for line in lines(costs):
        print(line)
    if given.json is not None:
        found = {"conditions": conditions, "nodes": [_as_json(each) for each in costs]}
        given.json.write_text(json.dumps(found) + "\n")
    return 1 if any(cost.lost or cost.misjudged for cost in costs) else 0


def _as_json(cost: Cost) -> dict[str, object]:
    found: dict[str, object] = {"name": cost.way.name, "facts": cost.facts}
    for kind in "first", "known":
        seconds = cost.of(kind)
        if seconds:
            found[f"{kind}_ns"] = {name: 1e9 * quantile(seconds, share) for name, share in _SHARES.items()}
    return found | {"lost": cost.lost, "misjudged": cost.misjudged}


_SHARES = {"best": 0.0, "p50": 0.5, "p99": 0.99}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
