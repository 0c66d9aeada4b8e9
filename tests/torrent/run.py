"""One torrent: packets from the beginning to the end, and one disturbance after the other."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.support.lab import topology
from tests.support.lab.guard import PROGRAM, Guard
from tests.support.lab.lab import Lab
from tests.support.lab.process import inside, run
from tests.torrent.engines import Engines, Found
from tests.torrent.foreign import BY_OTHERS, FLUSH_RULESET, Gap, harm
from tests.torrent.scene import bystander, drops, prepare, put_bystander
from tests.torrent.storm import Storm

QUIET = "nothing"
_NAMELESS = "start"
_TRIES = 20
"""Rounds of changes until what is broken must have shown."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done."""

    quiet: float
    """Seconds without any disturbance."""

    edits: int
    verdicts: int
    endpoints: int
    restarts: int
    kills: int
    flushes: int
    pause: float
    """Seconds between two restarts at most."""

    turns: int
    """Windows with source ports of their own."""

    renames: bool = True
    """Lists of names change also while processes are restarted."""

    others: tuple[str, ...] = BY_OTHERS[1:]
    """What else others do, once each."""

    nice: int = 0


LONG = Size(10, 1_000, 200, 10_000, 100, 60, 10, 1.0, 1_024)
SHORT = Size(0.5, 40, 4, 60, 1, 2, 1, 0.2, 128, renames=False, others=("flush table inet dnsguard",), nice=5)


@dataclass(slots=True)
class Outcome:
    """All that was found."""

    phases: dict[str, Found] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    without_room: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    """By anything but rules."""

    bystander_touched: bool = False
    examples: list[str] = field(default_factory=list)
    """Of packets that went wrong."""

    log: str = ""
    """What dnsguard said."""

    @property
    def packets(self) -> int:
        return sum(found.packets for found in self.phases.values())

    @property
    def wrong(self) -> list[str]:
        """What may not be: one line each; empty when all is well."""
        others = {gap.command for gap in self.gaps}
        return [
            *(
                f"{name}: lost {dict(found.lost)}, let through {dict(found.passed)}"
                for name, found in self.phases.items()
                if found.is_wrong and not any(name.startswith(command) for command in others)
            ),
            *(["a table of somebody else's was touched"] if self.bystander_touched else []),
            *([f"{self.without_room} packets found no room in a socket of the rig"] if self.without_room else []),
        ]


def torrent(lab: Lab, guard: Guard, size: Size, say: Callable[[str], None]) -> Outcome:
    """All of it. ``guard`` is ready and was told of nothing."""
    outcome = Outcome()
    own = put_bystander()
    prepare(lab, guard)
    before = drops()
    with Engines(lab, turns=size.turns, nice=size.nice) as engines:
        storm = Storm(lab, guard, engines)
        with storm.asking():
            for name, disturb in _disturbances(storm, size):
                engines.phase(name)
                disturb()
                engines.phase(QUIET)
                say(f"{name}: {engines.found(name)}")
            outcome.bystander_touched = bystander() != own
            commands = [FLUSH_RULESET] * size.flushes + list(size.others)
            for number, command in enumerate(commands):
                outcome.gaps.append(harm(guard, engines, command, f"{command} #{number}"))
                say(str(outcome.gaps[-1]))
                own = put_bystander() if command == FLUSH_RULESET else own
            time.sleep(size.quiet)
            outcome.bystander_touched |= bystander() != own
        engines.stop()
        outcome.phases = {name: engines.found(name) for name in engines.phases if name != _NAMELESS}
        outcome.without_room = engines.without_room
        outcome.examples = [str(each) for told in engines.told.values() for each in told["examples"]]
    outcome.dropped = {name: count - before[name] for name, count in drops().items()}
    outcome.done = storm.done
    outcome.log = guard.tail(1000)
    guard.stop()
    _uninstall(guard)
    outcome.bystander_touched |= bystander() != own
    return outcome


def _disturbances(storm: Storm, size: Size) -> Iterator[tuple[str, Callable[[], None]]]:
    yield QUIET, lambda: time.sleep(size.quiet)
    yield f"{size.edits} edits of policy", lambda: storm.edits(size.edits)
    yield f"{size.verdicts} changes of a verdict", lambda: storm.turns(size.verdicts)
    yield f"{size.endpoints} changes of endpoints", lambda: storm.churn(size.endpoints)
    for count, number, what in (
        (size.restarts, signal.SIGTERM, "restarts"),
        (size.kills, signal.SIGKILL, "times kill -9"),
    ):
        yield (
            f"{count} {what}, policy and endpoints changing",
            lambda count=count, number=number: storm.restarts(count, number, size.pause, renames=size.renames),  # type: ignore[misc]
        )


def _uninstall(guard: Guard) -> None:
    command = [str(PROGRAM), "uninstall", "--state-dir", str(guard.state)]
    subprocess.run(inside(topology.NODE, command), check=True, capture_output=True)


def proved(lab: Lab, guard: Guard, size: Size) -> Found:
    """What is found of a dnsguard that is broken: edits that decide nothing, and changes of a verdict."""
    prepare(lab, guard)
    with Engines(lab, turns=size.turns, nice=size.nice) as engines:
        storm = Storm(lab, guard, engines)
        for _ in range(_TRIES):
            engines.phase(QUIET)
            storm.edits(size.edits)
            storm.turns(size.verdicts)
            engines.phase(_NAMELESS)
            if engines.found(QUIET).is_wrong:
                break
        engines.stop()
        found = engines.found(QUIET)
    guard.stop()
    _uninstall(guard)
    return found


def left_open(lab: Lab, guard: Guard, size: Size) -> Found:
    """What is found where nobody is there to restore what others flushed."""
    prepare(lab, guard)
    with Engines(lab, turns=size.turns, nice=size.nice) as engines:
        controller = guard.processes()["controller"]
        os.kill(controller, signal.SIGSTOP)
        try:
            run(topology.NODE, "nft flush ruleset")
            engines.phase(QUIET)
            engines.stop()
        finally:
            os.kill(controller, signal.SIGCONT)
        found = engines.found(QUIET)
    guard.await_enforced()
    guard.stop()
    _uninstall(guard)
    return found
