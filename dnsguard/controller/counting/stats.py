"""What people are shown of counters."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from typing import Final

from dnsguard.api.services import StatsQuestion
from dnsguard.api.views.counted import Count, PolicyCounts, RuleCount, StatsReport, TierCounts
from dnsguard.calc.compiled import Action, Direction
from dnsguard.controller.counting.book import Counting
from dnsguard.controller.counting.catalogue import CountedPolicy, CountedRule, Counters
from dnsguard.controller.counting.ledger import NOTHING, added
from dnsguard.controller.counting.page import Page
from dnsguard.dataplane.counted import Counted

TIER: Final = "Tier"
_FIELDS: Final = {Action.ALLOW: "allowed", Action.DENY: "denied", Action.PASS: "passed", Action.LOG: "logged"}


class StatsModel:
    """``dnsguard.api.services.Stats``."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting

    async def __call__(self, question: StatsQuestion) -> StatsReport:
        page = await self._counting.page()
        return await asyncio.to_thread(report, page, question)


def report(page: Page, question: StatsQuestion) -> StatsReport:
    """What was asked for, of a page."""
    counters, counts = page.counters, page.counts
    wanted = [each for each in counters.policies if _is_wanted(each, question)]
    found = (_of_policy(each, counts, with_rules=question.rules) for each in wanted)
    of_tiers = question.kind in ("", TIER) and not question.namespace
    everything = not (question.kind or question.namespace or question.name)
    return StatsReport(
        read_at=page.at,
        policies=tuple(each for each in found if each is not None),
        tiers=tuple(_of_tiers(counters, counts, question.name)) if of_tiers else (),
        base={each: _count(counts[each]) for each in counters.base if each in counts} if everything else {},
    )


def _is_wanted(policy: CountedPolicy, question: StatsQuestion) -> bool:
    return (
        question.kind in ("", policy.id.kind)
        and question.namespace in ("", policy.id.namespace)
        and question.name in ("", policy.id.name)
    )


def _of_policy(policy: CountedPolicy, counts: Mapping[str, Counted], *, with_rules: bool) -> PolicyCounts | None:
    """None where no rule of it is in force."""
    rules = list(_in_force(policy, counts))
    if not rules:
        return None
    shown = (
        RuleCount(
            direction=rule.direction,
            rule=rule.place,
            action=rule.action.capitalize(),
            packets=count.packets,
            bytes=count.bytes,
        )
        for rule, count in rules
    )
    return PolicyCounts(
        kind=policy.id.kind,
        namespace=policy.id.namespace,
        name=policy.id.name,
        tier=policy.tier,
        rule_count=len(rules),
        unmatched=sum(not count.packets for _, count in rules),
        rules=tuple(shown) if with_rules else (),
        **_sums(rules),
    )


def _of_tiers(counters: Counters, counts: Mapping[str, Counted], name: str) -> Iterator[TierCounts]:
    policies: dict[str, list[list[tuple[CountedRule, Counted]]]] = {}
    for policy in counters.policies:
        if policy.tier and name in ("", policy.tier) and (rules := list(_in_force(policy, counts))):
            policies.setdefault(policy.tier, []).append(rules)
    ends = {(each.tier, each.direction): counts.get(each.counter) for each in counters.tiers}
    for tier, of_tier in sorted(policies.items()):
        yield TierCounts(
            name=tier,
            policies=len(of_tier),
            end_of_ingress=_end(ends.get((tier, Direction.INGRESS))),
            end_of_egress=_end(ends.get((tier, Direction.EGRESS))),
            **_sums(each for rules in of_tier for each in rules),
        )


def _in_force(policy: CountedPolicy, counts: Mapping[str, Counted]) -> Iterator[tuple[CountedRule, Counted]]:
    for rule in policy.rules:
        if rule.counter in counts:
            yield rule, counts[rule.counter]


def _sums(rules: Iterable[tuple[CountedRule, Counted]]) -> dict[str, Count]:
    """The fields of ``Sums``."""
    found: dict[Action, list[Counted]] = {}
    for rule, count in rules:
        found.setdefault(rule.action, []).append(count)
    return {_FIELDS[action]: _count(reduce(added, each, NOTHING)) for action, each in found.items()}


def _end(count: Counted | None) -> Count | None:
    return None if count is None else _count(count)


def _count(count: Counted) -> Count:
    return Count(packets=count.packets, bytes=count.bytes)
