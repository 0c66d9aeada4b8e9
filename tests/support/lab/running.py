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
    rounds: list[dict[str, Any]]
    healed_seconds: float
    """From the kill until everything said that it was ready again."""

    @property
    def failed_lookups(self) -> int:
        return sum(each["lookup"] != "answered" for each in self.rounds)

    @property
    def blind_seconds(self) -> float:
        """From the start of the first look-up that failed to the end of the last; 0 when none did."""
        failed = [each for each in self.rounds if each["lookup"] != "answered"]
        return failed[-1]["at"] + failed[-1]["lookup_seconds"] - failed[0]["at"] if failed else 0.0

    def lost(self, what: str, expected: str) -> int:
        """Rounds in which ``connection``, ``allowed`` or ``denied`` was not as expected."""
        skipped = {"not tried"} if what == "connection" else set()
        return sum(each[what] not in {expected, *skipped} for each in self.rounds)

    def __str__(self) -> str:
        return (
            f"kill -9 of the {self.role}: {len(self.rounds)} rounds, {self.failed_lookups} look-ups failed over "
            f"{self.blind_seconds:.2f} s, ready again after {self.healed_seconds:.2f} s; connections after an answer "
            f"lost {self.lost('connection', 'answered')}, to open addresses lost {self.lost('allowed', 'answered')}, "
            f"to closed ones let through {self.lost('denied', 'timeout')}"
        )


def kill(lab: Lab, guard: Guard, role: str, rounds: int = 300, interval: float = 0.02) -> Outage:
    """Under steady look-ups and connections kill -9 one of dnsguard's processes, and see it come back by itself."""
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
    os.kill(old, signal.SIGKILL)
    _await(lambda: guard.processes().get(role, old) != old, f"the {role} does not come back")
    guard.await_enforced()
    healed = time.monotonic() - started
    return Outage(role, steady.result(120), healed)


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
