"""A large set that is replaced is filled under another name before a rule asks it; one that changes a little stays."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from dnsguard.calc.compiled import Action, Compiled, CompiledRule, Direction, EntityMatch, Stage
from dnsguard.dataplane import delta
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.planner import Planner
from dnsguard.dataplane.policysets import LARGE, variant
from dnsguard.dataplane.rules import AddressIn, Plan
from dnsguard.dataplane.settings import Settings
from dnsguard.netlink import nftables
from tests.support.compiled import compiled, member_set, policy, policy_class, tier, workload
from tests.unit.dataplane.kernelmodel import KernelModel

HERE = Settings(node="here")
POLICY = policy("feed", [CompiledRule(0, Action.DENY, destination=EntityMatch(members="s:feed"))])
OTHER = policy("other", [CompiledRule(0, Action.DENY, destination=EntityMatch(members="s:small"))])
CLASSES = {
    (Stage.NORMAL, Direction.EGRESS): policy_class(Direction.EGRESS, tier("application", POLICY, OTHER)),
    (Stage.NORMAL, Direction.INGRESS): policy_class(Direction.INGRESS),
}
ENDPOINT = replace(workload("web", "10.65.0.2"), classes=CLASSES)
SMALL = member_set("s:small", "192.0.2.1/32")


def feed(offset: int, count: int = LARGE) -> list[str]:
    return [f"100.{64 + number // 256}.{number % 256}.{offset}/32" for number in range(count)]


def holding(networks: Sequence[str]) -> Compiled:
    members = [member_set("s:feed", *networks), SMALL]
    return compiled(endpoints=[ENDPOINT], policies=[POLICY, OTHER], members=members)


def of_feed(plan: Plan) -> list[str]:
    return [item.name for item in plan.sets if item.name.startswith("n4-feed")]


def asked(plan: Plan) -> set[str]:
    return {
        part.set_name
        for chain in plan.chains
        for rule in chain.rules
        for part in rule.parts
        if isinstance(part, AddressIn) and part.set_name.startswith("n4-")
    }


def changed(before: Sequence[str], now: Sequence[str]) -> tuple[Plan, Plan, list[nftables.Message], Driver]:
    """The plans before and after, and what is sent to put the second in force."""
    planner, driver = Planner(), Driver(cast("Any", KernelModel()), build_plan(Compiled(), HERE))
    first = planner.plan(holding(before), HERE)
    driver.apply(first)
    second = planner.plan(holding(now), HERE)
    assert second == build_plan(holding(now), HERE)
    driver.prepare(second)
    messages = list(delta.switch(second, driver._known()))
    driver.switch(second)
    driver.sweep(second)
    return first, second, messages, driver


def test_all_replaced_is_another_set_and_the_switch_only_exchanges_rules() -> None:
    first, second, switched, driver = changed(feed(1), feed(2))
    assert of_feed(first) != of_feed(second)
    assert asked(second) == {*of_feed(second), "n4-small"}
    kinds = {message.kind for message in switched}
    assert kinds == {nftables.DELETE_RULE, nftables.NEW_RULE}
    assert {message.subject.split()[0] for message in switched} == {"np-app.feed-egress"}
    assert driver.prepared.messages > 1  # the set, and what is in it
    assert driver.swept.messages == 1  # the one of before goes


def test_one_that_is_replaced_in_a_large_set_is_one_range_less_and_one_more() -> None:
    first, second, switched, driver = changed(feed(1), [*feed(1)[1:], "203.0.113.7/32"])
    assert of_feed(first) == of_feed(second)
    assert [message.kind for message in switched] == [nftables.DELETE_ELEMENT, nftables.NEW_ELEMENT]
    assert (driver.prepared.messages, driver.swept.messages) == (0, 0)


def test_a_small_set_keeps_its_name_whatever_is_in_it() -> None:
    first, second, switched, _ = changed(feed(1, 50), feed(2, 50))
    assert of_feed(first) == of_feed(second) == ["n4-feed"]
    assert {message.kind for message in switched} == {nftables.DELETE_ELEMENT, nftables.NEW_ELEMENT}


def test_a_name_changes_as_likely_as_a_range_does() -> None:
    ranges = tuple((number * 16, number * 16 + 7) for number in range(LARGE))
    renamed = 0
    for place in range(0, LARGE, 20):
        others = ranges[:place], ((ranges[place][0] + 8, ranges[place][0] + 9),), ranges[place + 1 :]
        renamed += variant((*others[0], *others[1], *others[2])) != variant(ranges)
    assert renamed <= 2
    assert variant(tuple((first + 8, last + 8) for first, last in ranges)) != variant(ranges)
    assert variant(ranges[1:]) == ""
