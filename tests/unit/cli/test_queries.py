"""`dnsguard status`."""

import json

import pytest

from dnsguard.cli.status import summary
from tests.unit.cli.conftest import Api, Run


@pytest.mark.usefixtures("api")
def test_status(run: Run) -> None:
    code, out, _ = run("status")
    assert code == 0
    assert out.startswith("dnsguard 1.2.3: ready\n")
    assert json.loads(run("status", "-o", "json")[1])["storeRevision"] == 7


@pytest.mark.parametrize(
    ("ready", "problems", "said", "code", "strict"),
    [
        (True, (), "ready", 0, 0),
        (True, ("p",), "ready, with 1 problem", 0, 3),
        (True, ("p", "q"), "ready, with 2 problems", 0, 3),
        (False, ("p",), "NOT READY", 1, 1),
    ],
)
def test_problems_of_one_that_is_ready(
    run: Run, api: Api, ready: bool, problems: tuple[str, ...], said: str, code: int, strict: int
) -> None:
    api.world.status_report = api.world.status_report.model_copy(update={"ready": ready, "problems": problems})
    for flags, wanted in ((), code), (("--exit-code",), strict):
        found, out, _ = run("status", *flags)
        assert (found, out.splitlines()[0]) == (wanted, f"dnsguard 1.2.3: {said}")


def test_proof_comes_in_the_place_of_a_word(run: Run, api: Api) -> None:
    said = "enforcing, proven 2 s ago by canary (veth), IPv4"
    api.world.status_report = api.world.status_report.model_copy(update={"enforcing": said})
    assert run("status")[1].splitlines()[0] == f"dnsguard 1.2.3: {said}"
    api.world.status_report = api.world.status_report.model_copy(update={"problems": ("p",)})
    assert run("status")[1].splitlines()[0] == f"dnsguard 1.2.3: {said}, with 1 problem"
    api.world.status_report = api.world.status_report.model_copy(update={"ready": False})
    assert run("status")[1].splitlines()[0] == "dnsguard 1.2.3: NOT READY"


def test_a_status_for_people_says_problems_first() -> None:
    report = {
        "version": "1",
        "ready": False,
        "problems": ["no forwarder"],
        "warnings": ["w"],
        "objects": {"tiers": 3, "networksets": 1},
        "dataplane": {"table": "dnsguard", "inSync": False, "chains": 2, "sets": 5, "problem": "refused"},
        "forwarders": [
            {
                "id": "f1",
                "connected": False,
                "listen": ["127.0.0.1#53", "::1#53"],
                "upstreams": {"192.0.2.53#53": "timed out"},
            }
        ],
    }
    assert summary(report) == [
        "dnsguard 1: NOT READY",
        "  problem: no forwarder",
        "  warning: w",
        "policy: revision 0, enforced 0",
        "objects: 1 networksets, 3 tiers",
        "table inet dnsguard: NOT IN SYNC, 2 chains, 5 sets, refused",
        "forwarder f1: NOT CONNECTED, revision 0, answers on 127.0.0.1:53, [::1]:53",
        "  upstream 192.0.2.53#53: timed out",
    ]


@pytest.mark.parametrize(
    ("counters", "said"),
    [
        ({}, []),
        ({"queries": 7, "refused": 0, "failed": 0, "leases_refused": 0}, ["  look-ups: 7 since it started"]),
        (
            {"queries": 70, "refused": 12, "failed": 3, "leases_refused": 1},
            [
                "  look-ups: 70 since it started, 12 refused by policy, 3 failed,"
                " 1 held back, since a limit of leases is reached"
            ],
        ),
    ],
)
def test_a_status_says_what_became_of_look_ups(counters: dict[str, int], said: list[str]) -> None:
    report = {"version": "1", "ready": True, "forwarders": [{"id": "f1", "connected": True, "counters": counters}]}
    lines = summary(report)
    behind = next(place for place, line in enumerate(lines, 1) if line.startswith("forwarder f1: connected"))
    assert lines[behind:] == said
