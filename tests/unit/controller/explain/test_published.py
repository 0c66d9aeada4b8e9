"""Every published verdict, as `explain` tells it: the same verdict, decided by the same rule.

A published row is about one end of a connection. The other end may be an endpoint with policy of its own; where that
one denies what the row allows, both are told and the row is found among the steps. Rows about workloads are asked on
their node, rows about a host on a node that has no workloads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Any

import pytest
import yaml

from dnsguard.api.views.explaining import ExplainOutcome, ExplainQuery, ExplainStep
from dnsguard.calc.compiled import Compiled, CompiledEndpoint
from dnsguard.controller.explain.model import ExplainModel
from dnsguard.controller.explain.routing import InterfaceOf, Pair, Passing
from dnsguard.link.messages import LearnedLease
from dnsguard.resources import to_dict
from tests.conformance import data_files, fixtures
from tests.conformance.test_verdicts import EXTRAS, ROWS, Case
from tests.unit.controller.running import FakeForwarders, InForce

NODE = "node-a"
PLACES = {
    "ingress": ("ingress", "normal"),
    "egress": ("egress", "normal"),
    "ingress (untracked)": ("ingress", "untracked"),
    "ingress (forward)": ("ingress", "forward"),
    "egress (forward)": ("egress", "forward"),
    "egress pending": ("egress", "normal"),
}
FIXTURES = data_files.load("fixtures.yaml")["endpoints"]
ADDRESSES = {ip_address(address): fixture for fixture in FIXTURES for address in fixture["addresses"]}
HOSTS = {fixture["name"]: f"eth-{fixture['name']}" for fixture in FIXTURES if fixture["kind"] == "HEP"}
MACHINE = tuple(
    (interface, tuple(address for address, fixture in ADDRESSES.items() if fixture["name"] == name))
    for name, interface in HOSTS.items()
)
OWN = frozenset(address for _, addresses in MACHINE for address in addresses)
UPLINK = "eth-out"
BEYOND = ip_address("192.0.2.200")
"""Where forwarded packets come from or go to."""


@dataclass(frozen=True)
class Asked:
    """A published row as a question."""

    row: dict[str, Any]
    endpoints: tuple[CompiledEndpoint, ...]

    @property
    def peer(self) -> Any:
        return ip_address(self.row["address"])

    @property
    def own(self) -> Any:
        if "forward" in self.row["direction"]:
            return BEYOND
        mine = next(each for each in self.endpoints if each.id.name == self.row["endpoint"])
        return next(address for address in mine.addresses if address.version == self.peer.version)

    @property
    def query(self) -> ExplainQuery:
        ends = (self.own, self.peer) if self.row["direction"].startswith("egress") else (self.peer, self.own)
        source, destination = map(str, ends)
        if self.row["flow"] == "ICMP":
            protocol = "ICMP" if self.peer.version == 4 else "ICMPv6"
            return ExplainQuery(source=source, destination=destination, protocol=protocol)
        protocol, port = self.row["flow"].split("/")
        return ExplainQuery(
            source=source, destination=destination, protocol=protocol, port=int(port), source_port=40000
        )

    def routing(self, pairs: Sequence[Pair], interface_of: InterfaceOf) -> list[Passing]:
        """A ``Routing``: strangers are behind the interface of the host that the row is about."""

        def passes(address: Any) -> str:
            if address in OWN:
                return ""
            return interface_of(address) or (UPLINK if address == BEYOND else HOSTS.get(self.row["endpoint"], UPLINK))

        return [
            Passing(passes(source), passes(destination), frozenset({source, destination} & OWN))
            for source, destination in pairs
        ]


@cache
def in_force(name: str, about_host: bool) -> InForce:
    endpoints = []
    for value in map(to_dict, fixtures.endpoints()):
        if value["kind"] == "HostEndpoint":
            value["spec"]["interfaceName"] = HOSTS[value["metadata"]["name"]]
        elif about_host:
            value["spec"]["node"] = "node-b"
        endpoints.append(yaml.safe_dump(value))
    texts = [*endpoints, data_files.load(name)["manifests"] or "", EXTRAS.get(name, "")]
    return InForce("\n---\n".join(text for text in texts if text.strip()), node_name=NODE, workload_cidrs=[])


def learned(compiled: Compiled) -> Iterator[LearnedLease]:
    """The fixtures' answers, as if every client had asked."""
    leased = fixtures.leases(compiled)
    for address in {
        record["value"] for record in data_files.load("fixtures.yaml")["dns"] if record["type"] in ("A", "AAAA")
    }:
        sets = tuple(each for each in compiled.lease_sets if leased(each, ip_address(address), ip_address(address)))
        yield LearnedLease("node", "", address, sets, (), 60.0)


async def explained(case: Case, row: dict[str, Any]) -> tuple[ExplainOutcome, list[ExplainStep]]:
    force = in_force(case.name, row["endpoint"] in HOSTS)
    assert force.enforcer.enforced is not None
    forwarders = FakeForwarders(*learned(force.enforcer.enforced.compiled))
    asked = Asked(row, tuple(force.enforcer.enforced.compiled.endpoints.values()))
    model = ExplainModel(force.enforcer, forwarders, dict, force.worker, force.settings, lambda: MACHINE, asked.routing)
    answer = await model(asked.query)
    pending = answer.pending.outcomes if answer.pending is not None else ()
    (outcome,) = pending if "pending" in row["direction"] else answer.outcomes
    direction, stage = PLACES[row["direction"]]
    return outcome, [
        step
        for step in outcome.steps
        if (step.endpoint.rpartition("/")[2], step.direction, step.stage) == (row["endpoint"], direction, stage)
    ]


@pytest.mark.parametrize(("case", "row"), ROWS, ids=[f"row {row['id']}" for _, row in ROWS])
async def test_a_published_row_is_explained_as_it_was_published(case: Case, row: dict[str, Any]) -> None:
    outcome, steps = await explained(case, row)
    if not steps:
        # An untracked policy that allows a packet is the last of that host endpoint to see it.
        assert (outcome.verdict, outcome.decision.stage) == (row["verdict"], "untracked")
        return
    last = steps[-1]
    assert last.matched, "the last step at the end that the row is about is the one that decides there"
    assert (last.action or "no decision") == row["verdict"]
    assert _decider_text(last) == row["decided_by"]
    if row["verdict"] == "Deny":
        assert outcome.verdict == "Deny"
    elif outcome.verdict == "Deny":
        decision = outcome.decision
        assert (decision.endpoint, decision.direction, decision.stage) != (last.endpoint, last.direction, last.stage)


def _decider_text(step: ExplainStep) -> str:
    if step.policy.startswith("Profile/"):
        return f"profile {step.policy.removeprefix('Profile/')}"
    if step.policy:
        return f"rule {step.rule} of {step.policy.rpartition('/')[2]}"
    if step.tier:
        return f"end of tier {step.tier}"
    return SAID[step.reason]


SAID = {
    "since no profile says anything of it": "no profile",
    "by a failsafe port": "failsafe",
    "since no policy there says anything of it": "end of stage",
    "since no policy of the host endpoint is about forwarded packets": "no applyOnForward policy for the direction",
}
