"""How long changes of a large installation take, and what look-ups notice of them: the whole program, seen on packets.

Ten thousand endpoints and a thousand policies are in force. Endpoints come and go, policies are edited, the largest set
of CIDRs is replaced, all through the API, while look-ups of ever new names go on at a fixed rate. A change counts from
when it was due until the first packet comes through that it allows. Ends with status 1 where something was not in force
as it should have been or a look-up failed, with 2 where it cannot run at all.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import time_ns

from dnsguard.calc.compile import compile_policy
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Settings
from dnsguard.resources import parse_object
from loadtest import report
from loadtest.cluster import NODE, Size
from loadtest.dns import names, steady, usage
from loadtest.dns.dnsperf import LoadError
from loadtest.dns.openloop import Plan
from loadtest.dns.product import Product, client_policy
from loadtest.dns.query import NotStarted, tail
from loadtest.dns.scenario import CLIENTS
from loadtest.dns.site import FIRST_PORT, LISTEN, Site, client, site, spread
from loadtest.dns.upstream import upstream
from loadtest.network import move
from loadtest.phases import Changer, Phase
from loadtest.samples import quantile
from loadtest.witness import NotSeen, Witness
from loadtest.worlds import World, cluster_world, distinct_world
from loadtest.writer import Refused, Writer
from tests.support.lab.isolate import IsolationError

_SETTINGS = {
    "node-name": NODE,
    "workload-interfaces": "w,cali",
    "leases-per-client": "60000",
    "leases-in-total": "2000000",
}
_NAMES = names.name(names.Kind.PLAIN, 0).replace("0", "{0}", 1)
_DISTINCT = 31_249
"""Names, odd: each time around each is asked by another one of the clients, and so is leased anew."""

SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
_LONGEST = 3600
ALONE, ALONE_AGAIN = "look-ups alone", "look-ups alone, again"


@dataclass(frozen=True, slots=True)
class Options:
    """How much of everything."""

    rate: float = 5_000
    """Look-ups a second."""

    changes: float = 1_000
    """Of endpoints, a second."""

    seconds: float = 60.0
    """For so long."""

    repeats: int = 10
    """Of what is changed one by one."""

    pause: float = 0.5
    """Seconds between two of those."""


@dataclass(frozen=True, slots=True)
class Row:
    """A phase, and the look-ups meanwhile."""

    phase: Phase
    lookups: list[float]
    """Seconds, of those that were answered."""

    unanswered: int
    failed: int
    cpu: dict[str, float]
    """Process → share of a processor."""

    megabytes: dict[str, float]

    @property
    def is_wrong(self) -> bool:
        return bool(self.phase.problems or self.unanswered + self.failed or not self.lookups)


@dataclass(frozen=True, slots=True)
class Outcome:
    """All of one world."""

    world: str
    facts: dict[str, int]
    rows: list[Row]


def measure(world: World, options: Options, tell: Callable[[str], None]) -> Outcome:
    """All phases in turn. The process must be alone in its network. Raises NotStarted, NotSeen, Refused, LoadError."""
    objects = list(world.all_objects())
    compiled = compile_policy([parse_object(each) for each in (*objects, *client_policy(CLIENTS))])
    facts = report.shape(compiled, build_plan(compiled, Settings(node=NODE)))
    with (
        tempfile.TemporaryDirectory(prefix="churn-") as directory,
        site(Path(directory), CLIENTS) as place,
        upstream(place, _DISTINCT),
        spread(place, CLIENTS),
        Product(place, CLIENTS, others=objects, settings=_SETTINGS) as product,
    ):
        return Outcome(world.name, facts, asyncio.run(_phases(world, options, place, product, tell)))


async def _phases(
    world: World, options: Options, place: Site, product: Product, tell: Callable[[str], None]
) -> list[Row]:
    witness = Witness(place)
    writer = Writer(product.socket)
    changer = Changer(world, writer, witness)
    load = _LookUps(place, options.rate)
    rows: list[Row] = []
    count, pause = options.repeats, options.pause
    few, alone = max(count // 2, 1), max(count * pause, 0.2)
    try:
        await changer.ready()
        for phase in (
            lambda: changer.nothing(ALONE, alone),
            lambda: changer.endpoints_one_by_one("an endpoint comes", 10 * count, pause / 10),
            lambda: changer.endpoints_at_rate(
                f"{options.changes:g} endpoints a second come and go", options.changes, options.seconds
            ),
            lambda: changer.policy_edits("policy of one endpoint edited", "one", count, pause),
            lambda: changer.policy_edits("policy of all endpoints edited", "all", count, pause),
            lambda: changer.policies_for_all("policy for all endpoints comes", few, 2 * pause),
            lambda: changer.feeds(f"{world.nets} CIDRs replaced", few, 2 * pause),
            lambda: changer.feeds(f"one of {world.nets} CIDRs replaced", count, pause, changed=1),
            lambda: changer.nothing(ALONE_AGAIN, alone),
        ):
            rows.append(await _row(product, load, phase))
            tell(f"{world.name}, {rows[-1].phase.name}: {' '.join(_cells(rows[-1]))}")
    except NotSeen as error:
        raise NotSeen(f"{error}; {tail(product.log)}") from None
    finally:
        await writer.close()
        await witness.close()
    return rows


async def _row(product: Product, load: "_LookUps", phase: Callable[[], Awaitable[Phase]]) -> Row:
    processes = product.processes()
    with load.going_on() as running:
        before, began = {name: usage.cpu_seconds([pid]) for name, pid in processes.items()}, time_ns()
        done = await phase()
        ended = time_ns()
        used = {name: usage.cpu_seconds([pid]) - before[name] for name, pid in processes.items()}
        answered = await asyncio.to_thread(load.ended, running, began, ended)
    seconds = (ended - began) / 1e9
    return Row(
        done,
        [each / 1e9 for each in answered if each > 0],
        answered.count(0),
        answered.count(-1),
        {name: each / seconds for name, each in used.items() if name in _MEASURED},
        {name: usage.resident_megabytes([processes[name]]) for name in _MEASURED},
    )


_MEASURED = ("controller", "forwarder")


class _LookUps:
    """Questions that go on, each name once for each client."""

    def __init__(self, place: Site, rate: float) -> None:
        self._place, self._rate = place, rate
        self._start = 0

    def going_on(self) -> AbstractContextManager[subprocess.Popen[str]]:
        count = int(self._rate * _LONGEST)
        return steady.going_on(
            self._place.clients,
            Plan(
                LISTEN,
                client(),
                FIRST_PORT,
                self._rate,
                count,
                _NAMES,
                _DISTINCT,
                sockets=CLIENTS,
                start=self._start,
            ),
        )

    def ended(self, running: subprocess.Popen[str], began: int, until: int) -> list[int]:
        """What came of those that were due in this time; those who ask next go on from there. Raises LoadError."""
        found = steady.ended(running)
        self._start += -(-len(found.answered) // CLIENTS) * CLIENTS
        return steady.between(found, self._rate, began, until)


def lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The tables, milliseconds."""
    for outcome in outcomes:
        yield f"\n{outcome.world}: {report.listed(outcome.facts)}"
        yield f"  {'':<42}" + "".join(f"{title:>10}" for title in _TITLES)
        for row in outcome.rows:
            cells = _cells(row)
            yield f"  {row.phase.name:<42}" + "".join(f"{cell:>10}" for cell in cells)
        for row in outcome.rows:
            shown = row.phase.problems[:_SHOWN]
            yield from (f"  WRONG: {row.phase.name}: {problem}" for problem in shown)
            if len(row.phase.problems) > _SHOWN:
                yield f"  WRONG: {row.phase.name}: and {len(row.phase.problems) - _SHOWN} more like these"
            if row.unanswered + row.failed or not row.lookups:
                yield f"  WRONG: {row.phase.name}: look-ups: {row.unanswered} unanswered, {row.failed} failed"
    yield ""
    yield LEGEND


_SHOWN = 5
_TITLES = (
    "seen", "p50", "p99", "max", "+p50", "+p99", "made/s", "look-ups", *SHARES, "lost", "failed", "contr. %", "forw. %",
    "contr. MB", "forw. MB",
)  # fmt: skip
LEGEND = (
    "ms. seen: changes that were waited for on packets; p50, p99, max: from when the change was due (or sent, one by\n"
    "one) until a packet came through, +: from the API's answer on. look-ups: of names that are new to who asks, from\n"
    "when a question was due until the answer arrived. %: of a processor. Every transaction walks all chains,\n"
    "those of look-ups too: beyond 2 000 that shows."
)


def _cells(row: Row) -> list[str]:
    phase, changes = row.phase, row.phase.changes
    cells = [str(len(changes)) if changes else ""]
    cells += [_ms(phase.whole(share)) if changes else "" for share in (0.5, 0.99, 1.0)]
    cells += [_ms(phase.after_answer(share)) if changes else "" for share in (0.5, 0.99)]
    cells += [f"{phase.made / phase.seconds:.1f}" if phase.made else "", str(len(row.lookups))]
    cells += [_ms(quantile(row.lookups, share)) if row.lookups else "" for share in SHARES.values()]
    cells += [str(row.unanswered), str(row.failed)]
    cells += [f"{100 * row.cpu[name]:.0f}" for name in _MEASURED]
    return cells + [f"{row.megabytes[name]:.0f}" for name in _MEASURED]


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f}"


def _as_json(outcome: Outcome) -> dict[str, object]:
    rows = []
    for row in outcome.rows:
        found = dict(zip(_TITLES, _cells(row), strict=True))
        rows.append({"name": row.phase.name, "problems": row.phase.problems, "made": row.phase.made} | found)
    return {"world": outcome.world, "facts": outcome.facts, "rows": rows}


def main(arguments: Sequence[str]) -> int:
    """The exit status; the report goes to standard output."""
    parser = argparse.ArgumentParser("python -m loadtest.churn", description=(__doc__ or "").split("\n\n")[0])
    add, usual = parser.add_argument, Options()
    add("--endpoints", type=int, default=10_000)
    add("--policies", type=int, default=1_000)
    add("--groups", type=int, default=100, help="tiers and namespaces together")
    add("--nets", type=int, default=100_000, help="CIDRs of the largest network set")
    add("--worlds", choices=WORLDS, nargs="+", default=WORLDS, help="as people have them; and no two classes alike")
    add("--rate", type=float, default=usual.rate, help="look-ups a second")
    add("--changes", type=float, default=usual.changes, help="of endpoints, a second")
    add("--seconds", type=float, default=usual.seconds, help="for so long")
    add("--repeats", type=int, default=usual.repeats, help="of what is changed one by one")
    add("--pause", type=float, default=usual.pause, help="seconds between two of those")
    add("--json", type=Path, metavar="FILE", help="write the figures there, too")
    given = parser.parse_args(arguments)
    sizes = given.endpoints, given.groups, given.nets, given.rate, given.changes, given.seconds, given.repeats
    if min(sizes) <= 0 or given.policies < 10 or given.pause < 0:
        parser.error("sizes, rates, seconds and repeats are above 0, policies at least 10")
    options = Options(given.rate, given.changes, given.seconds, given.repeats, given.pause)
    made = {
        "cluster": lambda: cluster_world(Size(given.endpoints, given.policies, given.groups, given.nets)),
        "distinct": lambda: distinct_world(given.endpoints, given.policies // 10, given.nets),
    }
    conditions = report.machine()
    try:
        move("loadtest.churn", arguments)
        tell = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: E731
        outcomes = [measure(made[name](), options, tell) for name in given.worlds]
    except (IsolationError, NotStarted, NotSeen, Refused, LoadError, OSError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    print(report.listed(conditions), report.listed(asdict(options)), sep="\n")
    for line in lines(outcomes):
        print(line)
    if given.json is not None:
        given.json.write_text(
            json.dumps({"conditions": conditions, "worlds": [_as_json(each) for each in outcomes]}) + "\n"
        )
    return 1 if any(row.is_wrong for outcome in outcomes for row in outcome.rows) else 0


WORLDS = ("cluster", "distinct")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
