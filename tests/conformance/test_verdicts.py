"""The published verdicts, through the compiler and the evaluator."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import pytest
import yaml

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Compiled, Direction, EndpointId, Stage
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.calc.evaluator.trace import Decider, Decision
from dnsguard.calc.staging import View
from dnsguard.resources.manifest import load
from tests.conformance import data_files, events, fixtures, test_modes

EXTRAS = yaml.safe_load((data_files.DATA.parent / "extras.yaml").read_text(encoding="utf-8"))
NOT_EXPRESSIBLE = yaml.safe_load((data_files.DATA.parent / "not_expressible.yaml").read_text(encoding="utf-8")) or {}

PLACES = {
    "ingress": (Stage.NORMAL, Direction.INGRESS),
    "egress": (Stage.NORMAL, Direction.EGRESS),
    "ingress (untracked)": (Stage.UNTRACKED, Direction.INGRESS),
    "ingress (forward)": (Stage.FORWARD, Direction.INGRESS),
    "egress (forward)": (Stage.FORWARD, Direction.EGRESS),
    "egress pending": (Stage.NORMAL, Direction.EGRESS),
}
PROTOCOLS = {"TCP": 6, "UDP": 17}


@dataclass(frozen=True)
class Case:
    """One file: a policy, in both views, and its rows."""

    name: str
    rows: list[dict[str, Any]]
    compiled: Mapping[View, Compiled]


def _case(name: str) -> Case:
    data = data_files.load(name)
    documents = [*load(data["manifests"] or "", name), *load(EXTRAS.get(name, ""), "extras.yaml")]
    resources = [*fixtures.endpoints(), *(each.resource for each in documents)]
    return Case(name, data["rows"], {view: compile_policy(resources, view=view) for view in View})


CASES = [_case(name) for name in data_files.case_files()]
ROWS = [(case, row) for case in CASES for row in case.rows if row.get("direction") in PLACES]


@pytest.mark.parametrize(("case", "row"), ROWS, ids=[f"row {row['id']}" for _, row in ROWS])
def test_a_published_row_has_its_verdict(case: Case, row: dict[str, Any]) -> None:
    compiled = case.compiled[View.PENDING if "pending" in row["direction"] else View.ENFORCED]
    endpoint = next(each for each in compiled.endpoints.values() if each.id.name == row["endpoint"])
    stage, direction = PLACES[row["direction"]]
    packet = _packet(compiled, endpoint.id, direction, row)
    judgement = Evaluator(compiled).judge(endpoint.id, direction, packet, fixtures.leases(compiled), stage)
    assert (_verdict_text(judgement.decision), _decider_text(judgement.decision)) == (row["verdict"], row["decided_by"])


def test_every_row_is_expressed_or_listed_with_its_reason() -> None:
    asked = [row["id"] for _, row in ROWS]
    assert sorted([*asked, *NOT_EXPRESSIBLE]) == list(range(1, 149))
    assert all(NOT_EXPRESSIBLE.values())


def test_tables_without_verdicts_have_tests_of_their_own() -> None:
    tables = {case.name for case in CASES for row in case.rows if "id" not in row}
    assert tables == {events.NAME, test_modes.NAME}


def test_every_case_that_describes_more_objects_has_them() -> None:
    described = {name for name in data_files.case_files() if "Extra object" in (data_files.load(name)["setup"] or "")}
    assert described == set(EXTRAS)


def _packet(compiled: Compiled, endpoint: EndpointId, direction: Direction, row: dict[str, Any]) -> Packet:
    peer = ip_address(row["address"])
    own = next(each for each in compiled.endpoints[endpoint].addresses if each.version == peer.version)
    source, destination = (own, peer) if direction is Direction.EGRESS else (peer, own)
    if row["flow"] == "ICMP":
        return Packet(source, destination, 1 if peer.version == 4 else 58, icmp_type=8 if peer.version == 4 else 128)
    protocol, port = row["flow"].split("/")
    return Packet(source, destination, PROTOCOLS[protocol], source_port=40000, destination_port=int(port))


def _verdict_text(decision: Decision) -> str:
    return decision.action.value.capitalize() if decision.action is not None else "no decision"


def _decider_text(decision: Decision) -> str:
    if decision.decider is Decider.RULE and decision.policy is not None:
        return f"rule {decision.rule_index} of {decision.policy.name}"
    return str(decision)
