"""Where the canary is, and where it is not."""

from dnsguard.calc.compiled import Compiled
from dnsguard.dataplane.canary import ALLOWED_IN, ALLOWED_OUT, DENIED_IN, DENIED_OUT, CanaryPolicy
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.rulenames import RuleNames
from dnsguard.dataplane.rules import Count, Log
from dnsguard.dataplane.sets import LeaseSet, VerdictMap
from dnsguard.dataplane.settings import Settings
from tests.unit.dataplane.samples import CANARY, NODE, SAMPLES, domains


def test_policy_beside_it_stays_the_same_objects() -> None:
    compiled, part = domains(), CanaryPolicy(CANARY)
    both, again = part.beside(compiled), part.beside(compiled)
    for name in ("endpoints", "policies", "lease_sets"):
        mine, theirs = getattr(both, name), getattr(compiled, name)
        assert len(mine) == len(theirs) + 1
        assert all(mine[key] is value for key, value in theirs.items())
        assert all(getattr(again, name)[key] is value for key, value in mine.items())
    assert both.member_sets is compiled.member_sets


def test_without_the_canary_nothing_in_a_plan_speaks_of_it() -> None:
    for make, settings in SAMPLES.values():
        found = "canary" in repr(build_plan(make(), settings))
        assert found is (settings.canary is not None)


def test_it_goes_through_the_maps_that_judge_workloads() -> None:
    plan = build_plan(Compiled(), Settings(canary=CANARY))
    assert {ALLOWED_OUT, ALLOWED_IN, DENIED_OUT, DENIED_IN} <= set(plan.counters)
    maps = {item.name: len(item.entries) for item in plan.sets if isinstance(item, VerdictMap)}
    assert maps == {f"workload-{direction}-{family}": 2 for direction in ("egress", "ingress") for family in (4, 6)}
    assert [item.name for item in plan.sets if isinstance(item, LeaseSet)] == ["d4-_canary", "d6-_canary"]


def test_its_own_denials_are_not_written_down_and_those_of_others_are() -> None:
    make, settings = SAMPLES["canary"]
    rules = [rule for chain in build_plan(make(), settings).chains for rule in chain.rules]
    logged = {part.prefix for rule in rules for part in rule.parts if isinstance(part, Log)}
    counted = {part.counter for rule in rules for part in rule.parts if isinstance(part, Count)}
    assert {DENIED_IN, DENIED_OUT} <= counted
    assert DENIED_OUT not in logged
    assert DENIED_IN in logged
    assert str(RuleNames()(DENIED_IN)) == "end of tier _canary"


def test_addresses_of_one_family_are_enough() -> None:
    _, settings = SAMPLES["canary-alone"]
    plan = build_plan(Compiled(), settings)
    assert {item.name for item in plan.sets if isinstance(item, VerdictMap)} == {
        "workload-egress-4",
        "workload-ingress-4",
    }
    assert settings.node == NODE.node
