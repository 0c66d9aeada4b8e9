"""The load test of policy at a small size: every figure is there, and a wrong end does not go by unseen."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dnsguard.controller.desired import Desired
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.rules import Plan
from dnsguard.netlink import nftables
from dnsguard.netlink.nftables import Element
from loadtest import report
from loadtest.agreement import differences, kernel_differences
from loadtest.changes import SCENARIOS
from loadtest.cluster import Size, manifests
from loadtest.installation import Installation, NotMeasured
from loadtest.network import table_socket
from loadtest.parsing import CASES
from loadtest.policy import main
from loadtest.run import CREATED, DELETED, FROM_NOTHING, LATER_LOOK, LOOK, Options, Run
from loadtest.samples import Outcome

pytestmark = pytest.mark.xdist_group("loadtest policy")

SMALL = Size(endpoints=40, policies=20, groups=10, nets=20)
ROWS = [FROM_NOTHING, *(name for each in SCENARIOS for name in each.rows), LOOK, LATER_LOOK, CREATED, DELETED, *CASES]


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    run = Run(Options(SMALL, repeats=1, burst=20))
    asyncio.run(run.measure())
    return run.outcome


@pytest.fixture(scope="module")
def desired() -> Desired[Plan]:
    async def computed() -> Desired[Plan]:
        async with Installation() as node:
            await node.start(manifests(SMALL))
            assert node.enforcer.enforced is not None
            return node.enforcer.enforced

    return asyncio.run(computed())


def test_every_row_is_measured(outcome: Outcome) -> None:
    assert [row.name for row in outcome.rows] == ROWS
    assert [row.problem for row in outcome.rows if row.problem] == []
    assert all(row.samples for row in outcome.rows)


def test_the_end_is_what_a_start_from_nothing_gives(outcome: Outcome) -> None:
    assert outcome.disagreements == []
    assert not outcome.failed


def test_the_report_has_conditions_and_every_row(outcome: Outcome) -> None:
    text = "\n".join(report.lines(report.machine(), outcome))
    for expected in (*ROWS, "cores", "classes", "chains", "kernel sets", "MB", "growth"):
        assert expected in text
    assert json.loads(json.dumps(report.as_json({}, outcome)))["rows"][1]["wall_ms"]["p50"] > 0


def test_changes_reach_the_kernel(outcome: Outcome) -> None:
    sent = {row.name: row.samples[0].messages for row in outcome.rows}
    assert sent["object written again, unchanged"] == 0
    for name in "endpoint created", "policy: rules edited", "large network set: all CIDRs replaced":
        assert sent[name] > 0


def _without_an_endpoint(desired: Desired[Plan]) -> Desired[Plan]:
    first, *others = desired.compiled.endpoints
    assert first not in others
    return replace(
        desired, compiled=replace(desired.compiled, endpoints={k: desired.compiled.endpoints[k] for k in others})
    )


ALTERED: dict[str, Any] = {
    "compiled endpoints": _without_an_endpoint,
    "compiled policies": lambda desired: replace(desired, compiled=replace(desired.compiled, policies={})),
    "plan chains": lambda desired: replace(desired, plan=replace(desired.plan, chains=desired.plan.chains[1:])),
    "plan sets": lambda desired: replace(desired, plan=replace(desired.plan, sets=desired.plan.sets[1:])),
    "snapshot identities": lambda desired: replace(desired, snapshot=replace(desired.snapshot, identities=())),
}


@pytest.mark.parametrize("part", ALTERED)
def test_a_difference_is_found(desired: Desired[Plan], part: str) -> None:
    assert list(differences(desired, desired)) == []
    assert [line.split(":")[0] for line in differences(ALTERED[part](desired), desired)] == [part]


def test_a_difference_in_the_kernel_is_found(desired: Desired[Plan]) -> None:
    with table_socket() as socket:
        foundation = replace(desired.plan, sets=(), counters=(), chains=())
        Driver(socket, foundation).apply(desired.plan)
        assert list(kernel_differences(socket, desired.plan, foundation)) == []
        chain = next(each for each in desired.plan.chains if each.hook is None and each.rules)
        element = Element(bytes((192, 0, 2, 1)))
        socket.transact(
            [
                nftables.flush_chain(desired.plan.table, chain.name),
                *nftables.add_elements(desired.plan.table, "local-workloads-4", [element]),
            ]
        )
        found = [line.split(":")[0] for line in kernel_differences(socket, desired.plan, foundation)]
    assert found == ["kernel rules", "kernel sets"]


def test_what_is_not_enforced_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise NotMeasured("no room")

    async def started() -> None:
        async with Installation() as node:
            monkeypatch.setattr(node.enforcer._kernel, "prepare", refused)
            await node.start(manifests(SMALL))

    with pytest.raises(NotMeasured, match="no room"):
        asyncio.run(started())


def test_an_invalid_object_is_said() -> None:
    async def started() -> None:
        async with Installation() as node:
            await node.start([{"kind": "Tier"}])

    with pytest.raises(NotMeasured, match="1 objects are invalid"):
        asyncio.run(started())


def test_sizes_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--endpoints", "0", "--json", str(tmp_path / "x")])
    assert "at least 1" in capsys.readouterr().err
