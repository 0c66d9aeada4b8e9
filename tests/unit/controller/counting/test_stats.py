from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from dnsguard.api.services import ReadModelUnavailable, StatsQuestion
from dnsguard.api.views.counted import Count
from dnsguard.controller.counting.book import CounterBook, Counting
from dnsguard.controller.counting.stats import StatsModel
from dnsguard.dataplane.counted import Counted
from dnsguard.dataplane.rules import Plan
from tests.unit.controller.counting.fakes import FakeCounters
from tests.unit.controller.running import SHOP, InForce

NAMES = "np-shop.names-egress"
COUNTS = {
    f"{NAMES}-0": Counted(4, 240),
    f"{NAMES}-1": Counted(2, 100),
    f"{NAMES}-2": Counted(0, 0),
    f"{NAMES}-3": Counted(1, 60),
    "tier-default-egress-end": Counted(9, 540),
    "unknown-workload-egress": Counted(5, 300),
    "of-another-plan": Counted(1, 1),
}


@pytest.fixture
def counts() -> dict[str, Counted]:
    return dict(COUNTS)


@pytest.fixture
def in_force() -> InForce:
    return InForce(SHOP)


@pytest.fixture
def stats(counts: dict[str, Counted], in_force: InForce) -> Iterator[StatsModel]:
    with ThreadPoolExecutor(1) as worker:
        yield StatsModel(Counting(in_force.enforcer, CounterBook(FakeCounters(counts), fresh_seconds=0), worker))


async def test_what_a_policy_did_by_action_and_how_much_of_it_never_matched(stats: StatsModel) -> None:
    report = await stats(StatsQuestion(rules=True))
    (policy,) = report.policies
    assert (policy.kind, policy.namespace, policy.name, policy.tier) == ("NetworkPolicy", "shop", "names", "default")
    assert (policy.rule_count, policy.unmatched) == (4, 1)
    assert (policy.allowed, policy.denied) == (Count(packets=5, bytes=300), Count(packets=2, bytes=100))
    assert [(each.direction, each.rule, each.action, each.packets) for each in policy.rules] == [
        ("egress", 0, "Allow", 4),
        ("egress", 1, "Deny", 2),
        ("egress", 2, "Allow", 0),
        ("egress", 3, "Allow", 1),
    ]
    (tier,) = report.tiers
    assert (tier.name, tier.policies, tier.allowed.packets) == ("default", 1, 5)
    assert (tier.end_of_ingress, tier.end_of_egress) == (None, Count(packets=9, bytes=540))
    assert report.base == {"unknown-workload-egress": Count(packets=5, bytes=300)}


async def test_what_the_table_for_bridges_counts_is_of_the_base(
    stats: StatsModel, counts: dict[str, Counted], in_force: InForce
) -> None:
    assert in_force.enforcer.enforced is not None
    plan = in_force.enforcer.enforced.plan
    beside = Plan(plan.table, (), ("unchecked-port", "unknown-workload-egress"), (), family="bridge")
    in_force.enforcer.enforced = replace(in_force.enforcer.enforced, plan=replace(plan, beside=beside))
    counts["unchecked-port"] = Counted(3, 180)
    assert (await stats(StatsQuestion())).base == {
        "unknown-workload-egress": Count(packets=5, bytes=300),
        "unchecked-port": Count(packets=3, bytes=180),
    }


@pytest.mark.parametrize(
    ("question", "policies", "tiers"),
    [
        (StatsQuestion("NetworkPolicy"), 1, 0),
        (StatsQuestion("NetworkPolicy", "shop", "names"), 1, 0),
        (StatsQuestion("NetworkPolicy", "shop", "other"), 0, 0),
        (StatsQuestion("NetworkPolicy", "elsewhere"), 0, 0),
        (StatsQuestion("GlobalNetworkPolicy"), 0, 0),
        (StatsQuestion("Tier"), 0, 1),
        (StatsQuestion("Tier", "", "default"), 0, 1),
        (StatsQuestion("Tier", "", "other"), 0, 0),
    ],
)
async def test_only_what_is_asked_for(stats: StatsModel, question: StatsQuestion, policies: int, tiers: int) -> None:
    report = await stats(question)
    assert (len(report.policies), len(report.tiers), report.base) == (policies, tiers, {})
    assert all(not each.rules for each in report.policies)


async def test_rules_that_the_kernel_does_not_have_count_nothing(stats: StatsModel, counts: dict[str, Counted]) -> None:
    del counts[f"{NAMES}-2"]
    (policy,) = (await stats(StatsQuestion())).policies
    assert (policy.rule_count, policy.unmatched) == (3, 0)
    counts.clear()
    assert (await stats(StatsQuestion())).policies == ()


async def test_before_the_first_rules_and_without_the_kernel_there_is_nothing_to_say(in_force: InForce) -> None:
    kernel = FakeCounters({})
    kernel.broken = True
    with ThreadPoolExecutor(1) as worker:
        stats = StatsModel(Counting(in_force.enforcer, CounterBook(kernel), worker))
        with pytest.raises(ReadModelUnavailable, match="the kernel does not tell its counters: refused"):
            await stats(StatsQuestion())
        in_force.enforcer.enforced = None
        with pytest.raises(ReadModelUnavailable, match="still runs"):
            await stats(StatsQuestion())
