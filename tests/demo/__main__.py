"""``python -m tests.demo``: real connections in a lab of network namespaces, against what policy says.

Needs root or user namespaces; touches nothing outside the namespaces it makes, which vanish with it, however it ends.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from tests.demo import table
from tests.demo.play import Outcome, Play
from tests.demo.script import SCRIPT
from tests.support.lab import isolate, topology, world
from tests.support.lab.guard import Guard, GuardError, manifests
from tests.support.lab.lab import Lab

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
NODE_NAME = "lab-node"
INSIDE = "--inside"


def say(text: str) -> None:
    print(text, flush=True)


def inside() -> int:
    """The demo proper, in namespaces of its own. Returns the exit status."""
    isolate.prepare()
    started = time.monotonic()
    say("building the lab: workloads, a node, name servers, an internet")
    with Lab(world.WORKLOADS, world.RECORDS, world.LIES, [world.GATEWAY]) as lab:
        say(f"  {len(lab.agents)} namespaces in {time.monotonic() - started:.1f} s")
        guard = Guard(lab, ["--node-name", NODE_NAME])
        say(f"starting {' '.join(['dnsguard', *guard.command[1:]])}")
        with guard:
            say(f"  ready after {time.monotonic() - started:.1f} s")
            return perform(lab, guard, started)


def perform(lab: Lab, guard: Guard, started: float) -> int:
    """Apply the examples, play the script, print the table."""
    files = sorted(EXAMPLES.glob("*.yaml"), key=lambda file: (file.stem != "tiers", file.name))
    known = [workload for workload in world.WORKLOADS if workload.known]
    endpoints = [topology.workload_endpoint(workload) for workload in known]
    endpoints += [topology.host_endpoint(host, NODE_NAME) for host in lab.hosts.values()]
    guard.apply([*topology.namespaces(known), *endpoints])
    say(f"told it of {len(known)} workloads and {len(lab.hosts)} host interface")
    for file in files:
        objects = manifests(file)
        guard.apply(objects)
        say(f"applied deploy/examples/{file.name}: {len(objects)} objects, enforced")
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
    say("\n" + table.summary(outcomes, time.monotonic() - started))
    return 1 if any(outcome.problems for outcome in outcomes) else 0


def outside() -> int:
    """Start the demo in namespaces of its own; whatever ends us ends it."""
    try:
        isolate.check()
    except isolate.IsolationError as problem:
        say(str(problem))
        return 3
    command = isolate.isolating([sys.executable, "-m", "tests.demo", INSIDE])
    child = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command])

    def end(number: int, _: FrameType | None) -> None:
        child.kill()
        child.wait()
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)
    try:
        return child.wait()
    except KeyboardInterrupt:
        end(signal.SIGINT, None)
        raise


def main() -> int:
    if INSIDE not in sys.argv:
        return outside()
    if os.getpid() != 1:
        say(f"{INSIDE} is for the demo's own use")
        return 2
    try:
        return inside()
    except GuardError as problem:
        say(f"dnsguard failed: {problem}")
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
