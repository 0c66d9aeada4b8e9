"""How long a look-up takes at fixed rates, and how much of it is the forwarder's: open loop, against asking upstream.

Every question has its time, whatever became of those before it, and its time is what latency counts from; arrivals are
stamped by the kernel. What the generator adds is in every row alike, and is all there is in the row of asking the
upstream directly, besides the upstream. Ends with status 1 where dnsguard left a look-up unanswered at a rate at which
the upstream answered all, with 2 where it cannot run at all.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

from loadtest import report
from loadtest.dns import dnsperf, guard, names, openloop
from loadtest.dns.contender import Contender
from loadtest.dns.names import Kind
from loadtest.dns.openloop import Plan
from loadtest.dns.peers import DNSMASQ_WITH_SETS, PEERS
from loadtest.dns.query import NotStarted
from loadtest.dns.scenario import CLIENTS
from loadtest.dns.site import FIRST_PORT, LISTEN, UPSTREAM, Site, client, site, spread
from loadtest.dns.task import Task
from loadtest.dns.upstream import upstream
from loadtest.network import move
from loadtest.samples import quantile
from tests.support.lab.isolate import IsolationError

RATES = (1_000, 5_000, 10_000, 20_000)
HOT = 1_000
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
_PEER = next(each for each in PEERS if each.name == DNSMASQ_WITH_SETS)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to an answer."""

    name: str
    contender: Contender | None
    """None: the upstream itself."""

    is_cached: bool = False
    churn: bool = False


DIRECT = Way("upstream asked directly", None)
FIRST = Way("dnsguard, first look-up", guard.CONTENDER)
WAYS = (
    DIRECT,
    FIRST,
    Way("dnsguard, cached", guard.CONTENDER, is_cached=True),
    Way("dnsguard, first, under churn", guard.CONTENDER, churn=True),
    Way("dnsmasq --nftset, first look-up", _PEER),
)


@dataclass(slots=True)
class Row:
    """One way at one rate, over all rounds. Nanoseconds."""

    way: str
    rate: int
    latencies: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    asked: int = 0
    unanswered: int = 0
    failed: int = 0
    """Answers that say no."""

    problem: str = ""

    def latency(self, share: float) -> float:
        return quantile(self.latencies, share)


def measure(
    ways: Sequence[Way], rates: Sequence[int], seconds: float, rounds: int, tell: Callable[[str], None]
) -> list[Row]:
    """All ways at all rates, in turn. The process must be alone in its network."""
    rows = {(way.name, rate): Row(way.name, rate) for rate in rates for way in ways}
    most = max(int(max(rates) * seconds), HOT)
    with (
        tempfile.TemporaryDirectory(prefix="latency-") as directory,
        site(Path(directory), CLIENTS) as place,
        upstream(place, min(most, names.MOST_NAMES)),
    ):
        for turn in range(rounds):
            for rate in rates:
                for way in ways:
                    row = rows[way.name, rate]
                    try:
                        _add(place, row, way, int(rate * seconds))
                    except (NotStarted, dnsperf.LoadError, TimeoutError) as error:
                        row.problem = str(error)
                    tell(f"round {turn + 1}: {way.name} at {rate}/s")
    return list(rows.values())


def _add(place: Site, row: Row, way: Way, count: int) -> None:
    directory = place.directory / "run"
    directory.mkdir()
    clients = 1 if way.is_cached else CLIENTS
    distinct = HOT if way.is_cached else names.MOST_NAMES
    task = Task(directory, Kind.PLAIN, 1, True, True, 0, 1, clients, way.churn)
    server = UPSTREAM if way.contender is None else LISTEN
    asked = names.name(Kind.PLAIN, 0).replace("0", "{}", 1)
    plan = Plan(server, client(), FIRST_PORT, row.rate, count, asked, distinct, sockets=CLIENTS)
    try:
        with ExitStack() as stack:
            stack.enter_context(spread(place, clients))
            if way.contender is not None:
                stack.enter_context(way.contender.start(place, task))
            if way.is_cached:
                questions = directory / "questions"
                dnsperf.write_questions(questions, (names.name(Kind.PLAIN, number) for number in range(HOT)))
                dnsperf.load(place.clients, server, questions)
            found = openloop.asked(place.clients, plan)
    finally:
        shutil.rmtree(directory)
    row.asked += count
    row.latencies += [each for each in found.answered if each > 0]
    row.unanswered += found.answered.count(0)
    row.failed += found.answered.count(-1)
    row.late += found.late


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """The table, a part for each rate; microseconds."""
    for rate in dict.fromkeys(row.rate for row in rows):
        mine = [row for row in rows if row.rate == rate]
        direct = next((row for row in mine if row.way == DIRECT.name and row.latencies), None)
        yield f"\nat {rate} look-ups a second, µs"
        titles = [*SHARES, *(f"+{name}" for name in SHARES), "asked", "lost", "failed", "sent late"]
        yield f"  {'':<34}" + "".join(f"{title:>10}" for title in titles)
        for row in mine:
            if not row.latencies:
                yield f"  {row.way:<34} NOT MEASURED: {row.problem or 'nothing was answered'}"
                continue
            times = [row.latency(share) for share in SHARES.values()]
            added = [""] * len(SHARES)
            if direct is not None and row is not direct:
                added = [_us(row.latency(share) - direct.latency(share)) for share in SHARES.values()]
            late = f"{_us(quantile(row.late, 0.5))}/{_us(quantile(row.late, 0.99))}"
            cells = [*map(_us, times), *added, str(row.asked), str(row.unanswered), str(row.failed), late]
            yield f"  {row.way:<34}" + "".join(f"{cell:>10}" for cell in cells)
    yield ""
    yield LEGEND


LEGEND = (
    "From the time a question was due until its answer arrived. +: against the upstream asked directly, over the same\n"
    "way. lost: no answer in 5 s; failed: an answer that says no. sent late: p50/p99 of what the generator adds,\n"
    "which is in every row alike, that of asking directly included."
)


def is_wrong(row: Row, rows: Sequence[Row]) -> bool:
    """dnsguard failed a look-up at a rate at which the upstream, asked directly, answered all."""
    direct = next((each for each in rows if (each.way, each.rate) == (DIRECT.name, row.rate)), None)
    could = direct is None or not direct.unanswered + direct.failed
    return row.way.startswith(guard.NAME) and could and bool(row.problem or row.unanswered + row.failed)


def main(arguments: Sequence[str]) -> int:
    """The exit status; the report goes to standard output."""
    parser = argparse.ArgumentParser("python -m loadtest.latency", description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add("--rates", type=int, nargs="+", default=RATES, help="look-ups a second")
    add("--seconds", type=float, default=5.0, help="at each rate, in each round")
    add("--rounds", type=int, default=3)
    add("--json", type=Path, metavar="FILE", help="write the figures there, too")
    given = parser.parse_args(arguments)
    if min(*given.rates, given.rounds, given.seconds) <= 0:
        parser.error("rates, seconds and rounds are above 0")
    if max(given.rates) * given.seconds > names.MOST_NAMES:
        parser.error(f"rate times seconds is at most {names.MOST_NAMES}: every name is new")
    conditions = report.machine()
    ways = [way for way in WAYS if way.contender is None or which(way.contender.program)]
    try:
        move("loadtest.latency", arguments)
        rows = measure(
            ways, given.rates, given.seconds, given.rounds, lambda text: print(text, file=sys.stderr, flush=True)
        )
    except (IsolationError, NotStarted, OSError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    print(report.listed(conditions), f"{given.seconds:g} s x {given.rounds} rounds, in turn", sep="\n")
    for line in lines(rows):
        print(line)
    if given.json is not None:
        given.json.write_text(json.dumps({"conditions": conditions, "rows": [_as_json(row) for row in rows]}) + "\n")
    return 1 if any(is_wrong(row, rows) for row in rows) else 0


def _as_json(row: Row) -> dict[str, object]:
    found: dict[str, object] = {name: getattr(row, name) for name in ("way", "rate", "asked", "unanswered", "failed")}
    if row.latencies:
        found["microseconds"] = {name: row.latency(share) / 1e3 for name, share in SHARES.items()}
        found["late_microseconds"] = {name: quantile(row.late, share) / 1e3 for name, share in SHARES.items()}
    return found | {"problem": row.problem}


def _us(nanoseconds: float) -> str:
    return f"{nanoseconds / 1e3:.0f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
