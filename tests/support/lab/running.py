"""dnsguard in its lab with the examples in force, and what happens there when one of its processes is killed."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.lab import topology, world
from tests.support.lab.guard import Guard, GuardError, manifests
from tests.support.lab.lab import Lab

NODE_NAME = "lab-node"
CLIENT = "roll1"
PORT = 443
OPEN_NAME = "bob.example.com"
OPEN_ADDRESS = "198.51.100.7"
CLOSED_ADDRESS = "198.51.100.99"


def nothing_said(_: str) -> None:
    """Where nobody listens."""


def tell_everything(lab: Lab, guard: Guard, say: Callable[[str], None] = nothing_said) -> None:
    """Apply the lab's endpoints and the deployed examples through the API; return once the kernel enforces them."""
    known = [workload for workload in lab.workloads.values() if workload.known]
    endpoints = [topology.workload_endpoint(workload) for workload in known]
    endpoints += [topology.host_endpoint(host, NODE_NAME) for host in lab.hosts.values()]
    guard.apply([*topology.namespaces(known), *endpoints])
    say(f"told it of {len(known)} workloads and {len(lab.hosts)} host interface")
    for file in world.example_files():
        objects = manifests(file)
        guard.apply(objects)
        say(f"applied deploy/examples/{file.name}: {len(objects)} objects, enforced")


@contextlib.contextmanager
def running(arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Iterator[tuple[Lab, Guard]]:
    """The lab, and dnsguard ready in it; told of nothing yet."""
    with (
        Lab(world.WORKLOADS, world.RECORDS, world.LIES, [world.GATEWAY]) as lab,
        Guard(lab, ["--node-name", NODE_NAME, *arguments], environment) as guard,
    ):
        yield lab, guard


@dataclass(frozen=True, slots=True)
class Outage:
    """What a client saw while a process was killed and came back."""

    role: str
    number: signal.Signals
    rounds: list[dict[str, Any]]
    unanswered_seconds: float
    """From the kill until dnsguard answered a query again."""

    healed_seconds: float
    """From the kill until it said that it was ready again."""

    @property
    def failed_lookups(self) -> int:
        return sum(each["lookup"] != "answered" for each in self.rounds)

    @property
    def slowest_lookup(self) -> float:
        """In seconds; programs ask again when no answer comes."""
        return max(float(each["lookup_seconds"]) for each in self.rounds)

    def lost(self, what: str, expected: str) -> int:
        """Rounds in which ``connection``, ``allowed`` or ``denied`` was not as expected."""
        skipped = {"not tried"} if what == "connection" else set()
        return sum(each[what] not in {expected, *skipped} for each in self.rounds)

    def __str__(self) -> str:
        lost, refused = self.lost("connection", "answered"), self.lost("allowed", "answered")
        return (
            f"{self.number.name} to the {self.role}: no answer for {self.unanswered_seconds:.2f} s, ready again "
            f"after {self.healed_seconds:.2f} s; {len(self.rounds)} look-ups, {self.failed_lookups} failed, slowest "
            f"{self.slowest_lookup:.2f} s; connections lost after an answer {lost}, to open addresses {refused}, "
            f"let through to closed ones {self.lost('denied', 'timeout')}"
        )


def kill(
    lab: Lab,
    guard: Guard,
    role: str,
    number: signal.Signals = signal.SIGKILL,
    rounds: int = 300,
    interval: float = 0.02,
) -> Outage:
    """Under steady look-ups and connections end one of dnsguard's processes, and see it come back by itself."""
    agent = lab.agent(CLIENT)
    agent.call("resolve", name=OPEN_NAME, family=4)
    old = guard.processes()[role]
    names = [topology.bulk_name(number) for number in range(rounds)]
    steady = agent.submit(
        "steady",
        names=names,
        port=PORT,
        allowed=OPEN_ADDRESS,
        denied=CLOSED_ADDRESS,
        rounds=rounds,
        interval=interval,
    )
    # The load has begun once the first of its names has led somewhere.
    _await(lambda: bool(_arrivals(lab)), "the load does not begin")
    started = time.monotonic()
    os.kill(old, number)
    _await(lambda: guard.processes().get(role, old) != old, f"the {role} does not come back")
    # A name that nobody has asked for yet, and a patience much shorter than that of programs.
    _await(lambda: lab.lookup(CLIENT, topology.bulk_name(60_000), wait=0.1) is not None, "no query is answered")
    answered = time.monotonic() - started
    guard.await_enforced()
    healed = time.monotonic() - started
    return Outage(role, number, steady.result(120), answered, healed)


def _arrivals(lab: Lab) -> list[dict[str, str]]:
    seen: list[dict[str, str]] = lab.agent(topology.INTERNET).call(
        "arrivals", transport="tcp", to=f"{topology.bulk_address(0)}#{PORT}"
    )
    return seen


def _await(condition: Callable[[], bool], problem: str, patience: float = 30.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise GuardError(problem)
        time.sleep(0.01)
