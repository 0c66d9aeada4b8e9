"""``python -m tests.demo.soak``: thousands of look-ups, each followed at once by a connection; none may be lost.

First every name is new, then the same names again, answered from the cache. At the end each process is killed under
load.
"""

import sys
from typing import Any

from tests.support.lab import topology
from tests.support.lab.enclosure import enclosed
from tests.support.lab.lab import Lab
from tests.support.lab.running import kill, running, tell_everything

LOOKUPS = 10_000
WORKLOAD = "roll1"
PATIENCE = 600.0
SHOWN = 10


def storm(lab: Lab, count: int) -> dict[str, Any]:
    """Look up that many different names, connect to each; what came of it."""
    names = [topology.bulk_name(number) for number in range(count)]
    result: dict[str, Any] = lab.agent(WORKLOAD).call("storm", patience=PATIENCE, names=names, port=443)
    return result


def report(title: str, result: dict[str, Any]) -> str:
    """Two or more lines for people."""
    failed = result["failed"]
    lost = sum(failure["step"] == "connection" for failure in failed)
    lines = [
        f"{title}: {result['done']} look-ups in {result['seconds']:.1f} s, {lost} connections lost, "
        f"{len(failed) - lost} look-ups failed, slowest look-up {result['slowest_lookup'] * 1000:.0f} ms"
    ]
    lines += [f"  {failure['name']}: {failure['step']} {failure['outcome']}" for failure in failed[:SHOWN]]
    return "\n".join(lines)


def inside() -> int:
    """The run proper. Returns the exit status."""
    with running() as (lab, guard):
        tell_everything(lab, guard, lambda text: print(text, flush=True))
        results = []
        for title in ("every name new", "the same names again, from the cache"):
            results.append(storm(lab, LOOKUPS))
            print(report(title, results[-1]), flush=True)
        outages = []
        for role in ("controller", "forwarder"):
            outages.append(kill(lab, guard, role))
            print(outages[-1], flush=True)
    lost = any(result["failed"] for result in results) or any(outage.failed_lookups for outage in outages)
    leaked = any(outage.lost("denied", "timeout") or outage.lost("connection", "answered") for outage in outages)
    return 1 if lost or leaked else 0


if __name__ == "__main__":
    sys.exit(enclosed("tests.demo.soak", inside))
