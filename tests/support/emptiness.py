"""Objects in which something is empty, and what a plain reading of each lets through.

One workload, ``w``, sends probes. A row is one object with one place in it that may be filled or empty, the objects
that it needs beside it, and the probes that pass once that place is empty. `emptyrows` lists them.
"""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import product
from typing import Any

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Address, Compiled, Direction, EndpointId
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.matching import LeaseLookup
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.domains import wire_name
from dnsguard.resources import Resource, parse_object

Manifest = dict[str, Any]
Path = tuple[str | int, ...]

CALICO = "projectcalico.org/v3"
KUBERNETES = "networking.k8s.io/v1"
W = EndpointId("WorkloadEndpoint", "shop", "w")
W_ADDRESSES = ("10.0.0.1", "fd00::1")

PLACES = {
    "peer": "10.0.0.2",  # a workload of the same namespace
    "far": "10.0.0.3",  # one of another
    "few": "192.0.2.9",  # in a network set
    "learned": "198.51.100.20",  # where a.example leads
    "out": "203.0.113.5",
    "out6": "2001:db8::5",
}
FLOWS = {"tcp 443": (6, 443), "tcp 8080": (6, 8080), "udp 53": (17, 53), "icmp": (1, None)}
LEARNED = {"198.51.100.20": wire_name("a.example")}


@dataclass(frozen=True, slots=True)
class Probe:
    """One packet from ``w``, or to it."""

    place: str
    flow: str
    direction: Direction

    def packet(self) -> Packet:
        """As it passes ``w``."""
        protocol, port = FLOWS[self.flow]
        there = ip_address(PLACES[self.place])
        here = ip_address(W_ADDRESSES[there.version == 6])
        source, destination = (here, there) if self.direction is Direction.EGRESS else (there, here)
        if port is not None:
            return Packet(source, destination, protocol, source_port=40_000, destination_port=port)
        icmp = (1, 8) if there.version == 4 else (58, 128)
        return Packet(source, destination, icmp[0], icmp_type=icmp[1], icmp_code=0)


PROBES = [Probe(*each) for each in product(PLACES, FLOWS, (Direction.EGRESS, Direction.INGRESS))]

Reading = Callable[[Probe], bool]
"""Whether a plain reading lets a probe through."""


def nothing(_: Probe) -> bool:
    """What an empty list matches."""
    return False


def everything(_: Probe) -> bool:
    """What no condition at all matches."""
    return True


def tcp(probe: Probe) -> bool:
    """The rest of a rule that says ``protocol: TCP``."""
    return probe.flow.startswith("tcp")


def only(*places: str) -> Reading:
    """What is at these places."""
    return lambda probe: probe.place in places


def outgoing(reading: Reading) -> Reading:
    """Of what goes out, what ``reading`` says; what comes in is not restricted."""
    return lambda probe: probe.direction is Direction.INGRESS or reading(probe)


def incoming(reading: Reading) -> Reading:
    """Of what comes in, what ``reading`` says; what goes out is not restricted."""
    return lambda probe: probe.direction is Direction.EGRESS or reading(probe)


@dataclass(frozen=True, slots=True)
class Row:
    """One object, and the place in it that may be empty."""

    name: str
    """Of the object, and of all that stand beside it for its sake."""

    kind: str
    spec: Manifest
    path: Path
    """Of the place, from the object down."""

    filled: Any
    empty: Any
    passes: Reading
    """Once it is empty."""

    beside: tuple[Manifest, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    api_version: str = CALICO

    def written(self, value: Any) -> Manifest:
        """The object with this value in the place."""
        written = manifest(self.kind, self.name, deepcopy(self.spec), dict(self.labels))
        written["apiVersion"] = self.api_version
        inner: Any = written
        for step in self.path[:-1]:
            inner = inner[step]
        inner[self.path[-1]] = deepcopy(value)
        return written


def manifest(
    kind: str, name: str, spec: Manifest | None, labels: Manifest | None = None, namespace: str = "shop"
) -> Manifest:
    """An object; of ``namespace`` where its kind has one."""
    metadata: Manifest = {"name": name}
    if kind in ("NetworkPolicy", "NetworkSet", "WorkloadEndpoint", "StagedNetworkPolicy"):
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = labels
    if kind == "Namespace":
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    return {"apiVersion": CALICO, "kind": kind, "metadata": metadata, **({} if spec is None else {"spec": spec})}


def workload(name: str, namespace: str, addresses: Sequence[str], **more: Any) -> Manifest:
    """One that is labelled by its name."""
    spec = {
        "orchestrator": "k8s",
        "interfaceName": f"cali-{name}"[:15],
        "ipNetworks": list(addresses),
        "profiles": [f"kns.{namespace}"],
    }
    return manifest("WorkloadEndpoint", name, {**spec, **more}, {"app": name}, namespace)


WORLD: tuple[Manifest, ...] = (
    manifest("Namespace", "shop", None),
    manifest("Namespace", "ops", None),
    workload("w", "shop", W_ADDRESSES),
    workload(
        "peer",
        "shop",
        [PLACES["peer"]],
        serviceAccountName="runner",
        ports=[{"name": "web", "protocol": "TCP", "port": 8080}],
    ),
    workload("far", "ops", [PLACES["far"]]),
    manifest("NetworkSet", "few", {"nets": ["192.0.2.0/24"]}, {"role": "few"}),
)
"""What every row has around it."""


def policy(name: str, egress: Any, kind: str = "NetworkPolicy", **spec: Any) -> Manifest:
    """A policy on ``w`` for what it sends."""
    return manifest(kind, name, {"selector": "app == 'w'", "types": ["Egress"], "egress": egress, **spec})


def leases(compiled: Compiled) -> LeaseLookup:
    """Everybody has looked up every name that there is."""

    def leased(lease_set: str, _client: Address, address: Address) -> bool:
        name = LEARNED.get(str(address))
        patterns = compiled.lease_sets[lease_set].patterns
        return name is not None and any(pattern.matches(name) for pattern in patterns)

    return leased


def passing(resources: Iterable[Resource]) -> frozenset[Probe]:
    """The probes that the policies of ``w`` let through."""
    compiled = compile_policy(resources)
    evaluator, leased = Evaluator(compiled), leases(compiled)
    return frozenset(
        probe
        for probe in PROBES
        if str(evaluator.judge(W, probe.direction, probe.packet(), leased).decision.action) == "allow"
    )


def surroundings(row: Row) -> list[Resource]:
    """What stands around a row's object; what it brings replaces what is there already."""
    own = {(each["kind"], each["metadata"]["name"]) for each in row.beside}
    kept = [each for each in WORLD if (each["kind"], each["metadata"]["name"]) not in own]
    return [parse_object(each) for each in (*kept, *row.beside)]


def read_plainly(row: Row) -> frozenset[Probe]:
    """The probes that a plain reading lets through once the row's place is empty."""
    return frozenset(filter(row.passes, PROBES))
