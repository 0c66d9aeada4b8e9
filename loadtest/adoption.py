"""The whole program with very many leases, and restarts of the forwarder that has them, under look-ups."""

import os
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Compiled
from dnsguard.dataplane.naming import lease_set_names
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Settings as PlanSettings
from dnsguard.netlink.socket import NetfilterSocket, NetlinkError
from dnsguard.resources import parse_object
from loadtest import kernel, report
from loadtest.cluster import NODE, Manifest, Size, manifest, manifests
from loadtest.dns import names, openloop, steady, usage
from loadtest.dns.contender import count_elements
from loadtest.dns.names import Kind
from loadtest.dns.openloop import Plan
from loadtest.dns.product import PORT, Product, client_policy
from loadtest.dns.query import NotStarted, tail
from loadtest.dns.site import FIRST_PORT, LISTEN, Site, client, site, spread
from loadtest.dns.upstream import upstream
from loadtest.samples import quantile

CLIENTS = 64
SIGNALS = (signal.SIGTERM, signal.SIGKILL)
POLICIES_OF_PATTERNS = 10
_HEALTH = "127.0.0.1:9153"
_PATIENCE = 300.0
_SETTLED = 2.0
"""Seconds of look-ups before a signal, and after all is well again."""

_NAMES = names.name(Kind.PLAIN, 0).replace("0", "{0}", 1)
_METRIC = re.compile(r"^(\w+) ([\d.e+]+)$", re.MULTILINE)
_ELEMENTS, _RECORDS = "dnsguard_forwarder_elements", "dnsguard_forwarder_learned_records"


@dataclass(frozen=True, slots=True)
class Options:
    """How much of everything."""

    leases: int = 1_000_000
    endpoints: int = 10_000
    policies: int = 1_000
    groups: int = 100
    patterns: int = 100_000
    sets: int = 1_000
    rate: float = 10_000
    """Look-ups a second, until there are so many leases."""

    probes: float = 200
    """Look-ups a second, during a restart."""


@dataclass(frozen=True, slots=True)
class Restart:
    """One. Seconds."""

    kind: str
    ended: float
    """Until the process had ended."""

    silence: float
    """The longest time without an answer."""

    adopted: float
    """From the signal until the next process knew all records and elements again."""

    slowest: float
    """Answer."""

    p99: float
    """Of answers from the signal until everything was adopted."""

    asked: int
    unanswered: int
    failed: int
    elements: int
    """In the kernel, afterwards."""

    megabytes: float

    def is_wrong(self, leases: int) -> bool:
        """Whether more was lost than may be of so many leases: what a killed process was just answering."""
        lost = self.failed if self.kind == "SIGKILL" else self.unanswered + self.failed
        return lost > 0 or self.elements < leases


@dataclass(slots=True)
class Program:
    """The whole program with its leases."""

    leases: int
    facts: dict[str, int] = field(default_factory=dict)
    elements: int = 0
    """In the kernel, by its own list."""

    filled: float = 0.0
    """Seconds."""

    unanswered: int = 0
    megabytes: dict[str, float] = field(default_factory=dict)
    kernel_megabytes: float = 0.0
    """That the kernel's memory grew by meanwhile."""

    restarts: list[Restart] = field(default_factory=list)

    @property
    def is_wrong(self) -> bool:
        return (
            self.elements < self.leases
            or self.unanswered > 0
            or any(each.is_wrong(self.leases) for each in self.restarts)
        )


def measure(options: Options, tell: Callable[[str], None]) -> Program:
    """The process must be alone in its network. Raises NotStarted, LoadError."""
    each = -(-options.leases // CLIENTS)
    distinct = each + 1 - each % 2  # odd: so every client asks for every name
    found = Program(distinct * CLIENTS)
    settings = {
        "node-name": NODE,
        "workload-interfaces": "w,cali",
        "leases-in-total": str(2 * found.leases),
        "leases-per-client": str(2 * distinct),
        "dns-extra-ttl": "1800",
        "health-listen": _HEALTH,
    }
    objects = [
        *manifests(Size(options.endpoints, options.policies, options.groups)),
        *patterns(options.patterns, options.sets),
    ]
    compiled = compile_policy([parse_object(each) for each in (*objects, *client_policy(CLIENTS))])
    found.facts = report.shape(compiled, build_plan(compiled, PlanSettings(node=NODE)))
    with (
        tempfile.TemporaryDirectory(prefix="leases-") as directory,
        site(Path(directory), CLIENTS) as place,
        upstream(place, distinct),
        spread(place, CLIENTS),
        Product(place, CLIENTS, others=objects, settings=settings) as product,
    ):
        with place.node.entered():
            socket = NetfilterSocket()
        with closing(socket):
            node = _Node(place, product, socket, _lease_set(compiled), distinct)
            _fill(options, node, found)
            found.elements = _elements(socket, node.lease_set)
            tell(f"{found.elements} leases after {found.filled:.0f} s")
            for which in SIGNALS:
                found.restarts.append(_restart(options, node, which, found.leases))
                tell(f"{which.name}: {found.restarts[-1]}")
    return found


def patterns(count: int, sets: int) -> Iterator[Manifest]:
    """Sets of domains that nobody asks for, and policies by which the clients may go there."""
    for number in range(sets):
        domains = [f"*.site-{each}.example.org" for each in range(number, count, sets)]
        name = f"patterns-{number}"
        yield manifest("GlobalNetworkSet", name, {"allowedEgressDomains": domains}, labels={"list": name})
    for number in range(min(POLICIES_OF_PATTERNS, sets)):
        rules = [
            {
                "action": "Allow",
                "protocol": "TCP",
                "destination": {"selector": f"list == 'patterns-{each}'", "ports": [PORT]},
            }
            for each in range(number, sets, POLICIES_OF_PATTERNS)
        ]
        spec = {"selector": "app == 'client'", "types": ["Egress"], "egress": rules, "order": 1.0}
        yield manifest("GlobalNetworkPolicy", f"patterns-{number}", spec)


def _fill(options: Options, node: "_Node", found: Program) -> None:
    plan = Plan(LISTEN, client(), FIRST_PORT, options.rate, found.leases, _NAMES, node.distinct, sockets=CLIENTS)
    before, began = kernel.kernel_megabytes(), time.monotonic()
    answered = openloop.asked(node.place.clients, plan).answered
    found.unanswered = sum(each <= 0 for each in answered)
    found.filled = time.monotonic() - began
    found.kernel_megabytes = kernel.kernel_megabytes() - before
    found.megabytes = {name: usage.resident_megabytes([pid]) for name, pid in _processes(node.product).items()}


def _processes(product: Product) -> dict[str, int]:
    found = product.processes()
    return {name: found[name] for name in ("controller", "forwarder") if name in found}


def _elements(socket: NetfilterSocket, lease_set: str) -> int:
    try:
        return count_elements(socket, PlanSettings().table, lease_set)
    except NetlinkError as error:
        raise NotStarted(f"the leases cannot be listed: {error}") from None


def _lease_set(compiled: Compiled) -> str:
    """The kernel's set of what the names lead to."""
    wanted = names.pattern(Kind.PLAIN)
    found = next(each.id for each in compiled.lease_sets.values() if wanted in map(str, each.patterns))
    return lease_set_names(found)[0]


def _restart(options: Options, node: "_Node", which: signal.Signals, leases: int) -> Restart:
    """From well to well, with look-ups at their times."""
    before = _processes(node.product)["forwarder"]
    # Names that are leased already, asked anew: what is lost is seen, and nothing is added.
    plan = Plan(
        LISTEN,
        client(),
        FIRST_PORT,
        options.probes,
        int(options.probes * _PATIENCE * 3),
        _NAMES,
        node.distinct,
        sockets=CLIENTS,
    )
    with steady.going_on(node.place.clients, plan) as load:
        time.sleep(_SETTLED)
        moment = time.time_ns()
        os.kill(before, which)
        _until(node, lambda: not Path(f"/proc/{before}").exists(), "the forwarder does not end")
        ended = time.time_ns()
        _until(node, lambda: _adopted(node, leases), "not all leases are adopted")
        adopted = time.time_ns()
        time.sleep(_SETTLED)
        found = steady.ended(load)
    megabytes = usage.resident_megabytes([_processes(node.product)["forwarder"]])
    good = [each / 1e9 for each in steady.between(found, options.probes, moment, adopted) if each > 0]
    return Restart(
        which.name,
        (ended - moment) / 1e9,
        found.silence,
        (adopted - moment) / 1e9,
        max(good, default=0.0),
        quantile(good or [0.0], 0.99),
        len(found.answered),
        found.answered.count(0),
        found.answered.count(-1),
        _elements(node.socket, node.lease_set),
        megabytes,
    )


def _adopted(node: "_Node", leases: int) -> bool:
    metrics = node.metrics()
    return min(metrics.get(_ELEMENTS, 0), metrics.get(_RECORDS, 0)) >= leases


def _until(node: "_Node", condition: Callable[[], bool], problem: str) -> None:
    give_up = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > give_up:
            raise NotStarted(f"{problem}: {node.metrics()}; {tail(node.product.log)}")
        time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class _Node:
    """Where the program runs, and what is needed to see what it does."""

    place: Site
    product: Product
    socket: NetfilterSocket
    lease_set: str
    distinct: int

    def metrics(self) -> dict[str, float]:
        """Those of the forwarder that have no labels; none while there is no forwarder."""
        try:
            with self.place.node.entered():
                answer = httpx.get(f"http://{_HEALTH}/metrics", timeout=10, trust_env=False)
        except httpx.HTTPError:
            return {}
        return {name: float(value) for name, value in _METRIC.findall(answer.text)}
