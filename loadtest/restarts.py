"""What a client notices when the forwarder ends and comes back: SIGTERM and kill -9 in turn, under steady look-ups.

The whole program runs in the lab with the examples in force. A thousand look-ups a second go on at their times whatever
happens; half of them are never repeated, half once after a second, as stubs do. Beside them a program resolves and
connects, to addresses that are open and to one that is closed. Ends with status 1 where a look-up or a connection was
lost, or a denied one came through, with 2 or 3 where it cannot run.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

from dnsguard.backoff import SETTLED_AFTER
from loadtest import report
from loadtest.dns import openloop
from loadtest.dns.openloop import PATIENCE, Found, Plan
from loadtest.dns.usage import resident_megabytes
from tests.support.lab import topology
from tests.support.lab.enclosure import INSIDE, enclosed
from tests.support.lab.guard import Guard, GuardError
from tests.support.lab.lab import Lab
from tests.support.lab.process import inside
from tests.support.lab.running import CLIENT, CLOSED_ADDRESS, OPEN_ADDRESS, OPEN_NAME, PORT, running, tell_everything

RESTARTS, RATE = 100, 1_000
INTERVAL = SETTLED_AFTER + 1
"""Seconds from one to the next: the supervisor waits longer for a child that dies young, which is another matter."""

SIGNALS = (signal.SIGTERM, signal.SIGKILL)
_NAMES = 10_000
"""Over and over: below what dnsguard lets one client make it learn."""

_ROUND = 0.05
"""Seconds between two rounds of the program that connects."""

_UNDER_WAY = 0.25
"""Seconds for which a look-up may be under way when the signal comes, and be lost by it."""

_LONGEST = 6 * 3600
_BACK = 60.0
_BILLION = 1_000_000_000


@dataclass(slots=True)
class Kind:
    """What happened after one kind of signal, all times together."""

    count: int = 0
    asked: int = 0
    lost_at_once: int = 0
    """Of look-ups that were not repeated: unanswered in 5 s."""

    lost_by_stubs: int = 0
    """Of look-ups that were repeated after a second: unanswered in 5 s all the same."""

    refused: int = 0
    """Answered with an error."""

    slowest: float = 0.0
    """Seconds that an answer took."""

    silence: float = 0.0
    """The longest time without an answer, in seconds."""

    back: list[float] = field(default_factory=list)
    """Seconds until another process ran and everything was in force."""

    connections: int = 0
    lost: int = 0
    """Connections to an address that an answer had just led to, or that was open already."""

    held_lost: int = 0
    """Connections that were open before."""

    let_through: int = 0
    """Connections to a closed address."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """All of a run."""

    kinds: dict[str, Kind]
    megabytes: float
    """Resident memory of the last forwarder, at the end."""

    @property
    def is_wrong(self) -> bool:
        return any(
            kind.lost_at_once + kind.lost_by_stubs + kind.refused + kind.lost + kind.held_lost + kind.let_through
            for kind in self.kinds.values()
        )


def measure(restarts: int, rate: float, interval: float, tell: Callable[[str], None]) -> Outcome:
    """The process must be in namespaces of its own. Raises GuardError."""
    kinds = {each.name: Kind() for each in SIGNALS}
    with running() as (lab, guard):
        tell_everything(lab, guard)
        source = lab.workloads[CLIENT].address()
        names = f"n-198-18-{{1}}-{{2}}.{topology.BULK_DOMAIN}"
        plan = Plan(topology.LISTEN_ADDRESSES[0], source, 0, rate, int(rate * _LONGEST), names, _NAMES, retry_after=1.0)
        load = subprocess.Popen(
            inside(CLIENT, openloop.command(plan)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert load.stdout is not None
        try:
            moments = []
            _until(lambda: lab.lookup(CLIENT, topology.bulk_name(60_000), wait=0.5) is not None, "no query is answered")
            for turn in range(restarts):
                which = SIGNALS[turn % len(SIGNALS)]
                moments.append(_restart(lab, guard, which, kinds[which.name], interval))
                tell(f"{turn + 1}: {which.name}, back after {kinds[which.name].back[-1]:.2f} s")
            moments.append(time.time_ns())
            megabytes = resident_megabytes([guard.processes()["forwarder"]])
            load.terminate()
            text, _ = load.communicate(timeout=60 + PATIENCE)
        finally:
            load.kill()
            load.wait()
            load.stdout.close()
    sort(openloop.found_in(text), plan, moments, kinds)
    return Outcome(kinds, megabytes)


def _restart(lab: Lab, guard: Guard, which: signal.Signals, kind: Kind, interval: float) -> int:
    """One restart, from well to well; when its signal was sent, on the clock of `time.time_ns`."""
    agent = lab.agent(CLIENT)
    began = time.monotonic()
    agent.call("resolve", name=OPEN_NAME, family=4)
    held = agent.call("hold", name="held", address=OPEN_ADDRESS, port=PORT)["outcome"] == "answered"
    rounds = max(int(interval / 2 / _ROUND), 10)
    names = [topology.bulk_name(_NAMES + (kind.count * rounds + number) % 1_000) for number in range(rounds)]
    steady = agent.submit(
        "steady", names=names, port=PORT, allowed=OPEN_ADDRESS, denied=CLOSED_ADDRESS, rounds=rounds, interval=_ROUND
    )
    old = guard.processes()["forwarder"]
    moment, signalled = time.time_ns(), time.monotonic()
    os.kill(old, which)
    _until(lambda: guard.processes().get("forwarder", old) != old, "the forwarder does not come back")
    guard.await_enforced(_BACK)
    kind.count += 1
    kind.back.append(time.monotonic() - signalled)
    for each in steady.result(_BACK + interval):
        tried = [each["allowed"], *([each["connection"]] if each["connection"] != "not tried" else [])]
        kind.connections += len(tried)
        kind.lost += sum(outcome != "answered" for outcome in tried)
        kind.let_through += each["denied"] != "timeout"
    kind.held_lost += not held or agent.call("use", name="held") != "answered"
    if held:
        agent.call("release", name="held")
    time.sleep(max(0.0, began + interval - time.monotonic()))
    return moment


def sort(found: Found, plan: Plan, moments: Sequence[int], kinds: dict[str, Kind]) -> None:
    """Each look-up to the signal that came last before it was due, or came while it waited."""
    step = _BILLION / plan.rate
    margin = int(_UNDER_WAY * plan.rate)
    order = [kinds[SIGNALS[turn % len(SIGNALS)].name] for turn in range(len(moments) - 1)]
    for kind, (start, end) in zip(order, pairwise(moments), strict=True):
        first, last = (max(int((moment - found.first) / step) - margin, 0) for moment in (start, end))
        mine = found.answered[first:last]
        kind.asked += len(mine)
        for number, took in enumerate(mine, first):
            if took < 0:
                kind.refused += 1
            elif not took and number % 2:
                kind.lost_by_stubs += 1
            elif not took:
                kind.lost_at_once += 1
        kind.slowest = max([kind.slowest, *(took / _BILLION for took in mine)])
        arrivals = sorted(found.first + number * step + took for number, took in enumerate(mine, first) if took > 0)
        kind.silence = max([kind.silence, *((after - before) / _BILLION for before, after in pairwise(arrivals))])


def _until(condition: Callable[[], bool], problem: str) -> None:
    give_up = time.monotonic() + _BACK
    while not condition():
        if time.monotonic() > give_up:
            raise GuardError(problem)
        time.sleep(0.01)


def lines(outcome: Outcome) -> Iterator[str]:
    """The report."""
    for name, kind in outcome.kinds.items():
        if not kind.count:
            continue
        yield f"{kind.count} times {name}:"
        yield (
            f"  of {kind.asked} look-ups LOST {kind.lost_at_once} that were not repeated, {kind.lost_by_stubs} of "
            f"stubs that ask again after 1 s; {kind.refused} answered with an error"
        )
        yield (
            f"  longest silence {kind.silence:.3f} s, slowest answer {kind.slowest:.3f} s; well again after "
            f"{sum(kind.back) / len(kind.back):.2f} s on average, {max(kind.back):.2f} s at most"
        )
        yield (
            f"  of {kind.connections} connections LOST {kind.lost}, of {kind.count} held open {kind.held_lost}; "
            f"denied ones let through {kind.let_through}"
        )
    yield f"resident memory of the forwarder at the end: {outcome.megabytes:.0f} MB"


def main(arguments: Sequence[str]) -> int:
    """The exit status; the report goes to standard output. Runs inside of namespaces that `enclosed` made."""
    parser = _parser()
    given = parser.parse_args(arguments)
    conditions = report.machine()
    outcome = measure(given.restarts, given.rate, given.interval, lambda text: print(text, file=sys.stderr, flush=True))
    print(report.listed(conditions), f"{given.rate:g} look-ups a second", sep="\n")
    for line in lines(outcome):
        print(line)
    if given.json is not None:
        given.json.write_text(json.dumps({"conditions": conditions} | asdict(outcome), indent=1) + "\n")
    return 1 if outcome.is_wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m loadtest.restarts", description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add("--restarts", type=int, default=RESTARTS)
    add("--rate", type=float, default=RATE, help="look-ups a second")
    add("--interval", type=float, default=INTERVAL, help="seconds from one restart to the next")
    add("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser


if __name__ == "__main__":
    own = [word for word in sys.argv[1:] if word != INSIDE]
    checked = _parser().parse_args(own)
    if checked.restarts < 1 or checked.rate <= 0 or checked.interval < 0:
        _parser().error("at least one restart, at a rate above 0")
    sys.exit(enclosed("loadtest.restarts", lambda: main(own)))
