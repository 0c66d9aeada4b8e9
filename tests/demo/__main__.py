"""``python -m tests.demo``: real connections in a lab of network namespaces, against what policy says.

Needs root or user namespaces; touches nothing outside the namespaces it makes, which vanish with it, however it ends.
"""

import sys
import time

from tests.demo import table
from tests.demo.play import Outcome, Play
from tests.demo.script import SCRIPT
from tests.support.lab import world
from tests.support.lab.enclosure import enclosed
from tests.support.lab.guard import Guard
from tests.support.lab.lab import Lab
from tests.support.lab.running import NODE_NAME, tell_everything


def say(text: str) -> None:
    print(text, flush=True)


def inside() -> int:
    """The demo proper, in namespaces of its own. Returns the exit status."""
    started = time.monotonic()
    say("building the lab: workloads, a node, name servers, an internet")
    with Lab(world.WORKLOADS, world.RECORDS, world.LIES, [world.GATEWAY]) as lab:
        say(f"  {len(lab.agents)} namespaces in {time.monotonic() - started:.1f} s")
        guard = Guard(lab, ["--node-name", NODE_NAME])
        say(f"starting {' '.join(['dnsguard', *guard.command[1:]])}")
        with guard:
            say(f"  ready after {time.monotonic() - started:.1f} s")
            tell_everything(lab, guard, say)
            outcomes = perform(lab, guard)
    say("\n" + table.summary(outcomes, time.monotonic() - started))
    return 1 if any(outcome.problems for outcome in outcomes) else 0


def perform(lab: Lab, guard: Guard) -> list[Outcome]:
    """Play the script and print the table."""
    play = Play(lab, guard, lambda text: say(f"     … {text}"))
    play.prepare()
    say("\nevery row: one real attempt, its counter in the kernel before and after, and dnsguard's own explanation\n")
    say(table.heading())
    numbers = table.numbers_of(SCRIPT)
    outcomes: list[Outcome] = []
    for act in SCRIPT:
        outcome = play.perform(act)
        if outcome is not None:
            outcomes.append(outcome)
            say(table.line(outcome, numbers))
    return outcomes


if __name__ == "__main__":
    sys.exit(enclosed("tests.demo", inside))
