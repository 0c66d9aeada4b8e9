"""What stands in a plan, and what is left out."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from dnsguard.calc.compiled import Compiled, CompiledEndpoint, Direction, Stage
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.settings import Settings
from tests.support.compiled import compiled, host, policy_class, workload
from tests.unit.dataplane.samples import SAMPLES


def asked(plan: Plan) -> set[str]:
    """The sets and maps that rules look into."""
    parts = [part for chain in plan.chains for rule in chain.rules for part in rule.parts]
    names = {getattr(part, field, None) for part in parts for field in ("set_name", "map_name")}
    return {name for name in names if name is not None}


@pytest.mark.parametrize("sample", SAMPLES)
def test_rules_ask_only_what_the_plan_has(sample: str) -> None:
    make, settings = SAMPLES[sample]
    plan = build_plan(make(), settings)
    assert asked(plan) <= {item.name for item in plan.sets}


V4_ONLY = {"workload-egress-4", "workload-ingress-4", "local-workloads-4"}
SOURCES = {"workload-interfaces", "workload-sources-4"}


@pytest.mark.parametrize(
    ("endpoints", "sets"),
    [
        pytest.param([], set(), id="nobody"),
        pytest.param([workload("a", "10.65.0.2")], V4_ONLY, id="IPv4 only"),
        pytest.param([workload("a", "10.65.0.2", interface="cali-a")], V4_ONLY | SOURCES, id="behind an interface"),
        pytest.param(
            [workload("a", "10.65.0.2"), workload("b", "10.65.0.3", interface="cali-b")],
            V4_ONLY | SOURCES | {"unlocated-workloads-4"},
            id="one behind an interface, one anywhere",
        ),
        pytest.param([workload("a", "10.65.0.2", node="elsewhere")], {"remote-workloads-4"}, id="of another node"),
    ],
)
def test_maps_and_sets_of_endpoints_are_there_when_they_hold_something(
    endpoints: list[CompiledEndpoint], sets: set[str]
) -> None:
    settings = Settings(node="here")
    base = {item.name for item in build_plan(Compiled(), settings).sets}
    plan = build_plan(compiled(endpoints=endpoints), settings)
    assert {item.name for item in plan.sets} - base == sets
    assert not {name for name in base if "workload-cidrs" not in name}
    assert asked(plan) == sets - {"remote-workloads-4"}


def test_whoever_names_no_interface_is_named() -> None:
    plan = build_plan(
        compiled(endpoints=[workload("a", "10.65.0.2"), workload("b", "10.65.0.3", interface="x")]), Settings()
    )
    assert plan.warnings == ("app/a: names no interface, so whoever sends with its address is taken for it",)


@pytest.mark.parametrize(("known", "ends"), [(True, True), (False, False)])
def test_before_endpoints_are_known_no_connection_is_that_of_a_deleted_one(known: bool, ends: bool) -> None:
    plan = build_plan(Compiled(), Settings(endpoints_known=known))
    comments = {rule.comment for chain in plan.chains for rule in chain.rules}
    assert ("its endpoint is gone" in comments) is ends
    assert "a workload's interface, but no endpoint" in comments


def test_interfaces_of_workloads_and_loopback_have_no_host_endpoint_of_their_own() -> None:
    settings = Settings(interface_addresses=(("cali9", (ip_address("192.0.2.1"),)), ("lo", (ip_address("192.0.2.2"),))))
    untracked = policy_class(Direction.INGRESS, stage=Stage.UNTRACKED)
    named = [host("a", "cali9", untracked), host("b", "lo", untracked)]
    plan = build_plan(compiled(endpoints=[*named, host("c", "", addresses=("192.0.2.1", "192.0.2.2"))]), settings)
    assert plan == replace(build_plan(Compiled(), settings), warnings=plan.warnings)
    assert plan.warnings == (
        "a: cali9 is for workloads; not enforced there",
        "b: lo is for the node's talk to itself; not enforced there",
        "c: cali9 is for workloads; not enforced there",
        "c: lo is for the node's talk to itself; not enforced there",
    )
