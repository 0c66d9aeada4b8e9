"""The installation of the load test is always the same, valid, and of the shape that it says."""

from collections import Counter
from dataclasses import replace

import pytest

from dnsguard.calc.compile import compile_policy
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Settings
from dnsguard.resources import parse_object
from loadtest.changes import SCENARIOS, Scenario, arrivals, departures
from loadtest.cluster import HOSTS, Size, manifests
from loadtest.report import shape

SMALL = Size(endpoints=120, policies=40, groups=20, nets=30)


def test_same_seed_same_objects() -> None:
    assert list(manifests(SMALL)) == list(manifests(SMALL))
    assert list(manifests(SMALL)) != list(manifests(SMALL, seed=2))


def test_has_the_size_that_was_asked_for() -> None:
    kinds = Counter(parse_object(each).kind for each in manifests(SMALL))
    assert kinds["WorkloadEndpoint"] == 120
    assert kinds["HostEndpoint"] == HOSTS
    assert kinds["NetworkPolicy"] + kinds["GlobalNetworkPolicy"] == 40
    assert kinds["Tier"] + kinds["Namespace"] == 20
    assert max(len(each.get("spec", {}).get("nets", ())) for each in manifests(SMALL)) == 30


def test_more_endpoints_are_no_more_classes() -> None:
    found = []
    for size in SMALL, replace(SMALL, endpoints=360):
        compiled = compile_policy([parse_object(each) for each in manifests(size)])
        found.append(shape(compiled, build_plan(compiled, Settings()))["classes"])
        assert not compiled.warnings
    assert found[0] == found[1] > 20


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.rows[-1])
def test_changes_are_valid_objects(scenario: Scenario) -> None:
    for turn in range(3):
        for _, make in scenario.steps:
            step = make(SMALL, turn)
            assert [parse_object(each).name for each in (*step.put, *step.gone)]


def test_what_arrives_departs() -> None:
    came = [each for step in arrivals(SMALL, 5) for each in step.put]
    assert came == [each for step in departures(SMALL, 5) for each in step.gone]
    assert len({each["metadata"]["name"] for each in came}) == 5
