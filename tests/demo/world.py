"""What dnsguard is told before anything is shown: the lab's endpoints, then the examples that are deployed with it."""

from collections.abc import Callable
from pathlib import Path

from tests.support.lab import topology
from tests.support.lab.guard import Guard, manifests
from tests.support.lab.lab import Lab

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
NODE_NAME = "lab-node"


def tell_everything(lab: Lab, guard: Guard, say: Callable[[str], None]) -> None:
    """Apply it all through the API; returns once the kernel enforces it."""
    known = [workload for workload in lab.workloads.values() if workload.known]
    endpoints = [topology.workload_endpoint(workload) for workload in known]
    endpoints += [topology.host_endpoint(host, NODE_NAME) for host in lab.hosts.values()]
    guard.apply([*topology.namespaces(known), *endpoints])
    say(f"told it of {len(known)} workloads and {len(lab.hosts)} host interface")
    for file in sorted(EXAMPLES.glob("*.yaml"), key=lambda file: (file.stem != "tiers", file.name)):
        objects = manifests(file)
        guard.apply(objects)
        say(f"applied deploy/examples/{file.name}: {len(objects)} objects, enforced")
