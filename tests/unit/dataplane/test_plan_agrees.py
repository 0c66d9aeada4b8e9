"""The rules of a plan decide as the evaluator does, for whatever policy and packet."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsguard.calc.compiled import (
    Action,
    Compiled,
    CompiledPolicy,
    CompiledProfile,
    CompiledRule,
    Direction,
    EntityMatch,
    IcmpMatch,
    Network,
    PolicyClass,
    PortRange,
)
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.calc.evaluator.trace import Decider, Decision
from dnsguard.dataplane import naming
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Settings
from tests.support.compiled import (
    compiled,
    lease_set,
    member_set,
    policy,
    policy_class,
    port_set,
    rules,
    tier,
    workload,
)
from tests.unit.dataplane.interpreter import Run

ADDRESSES = {
    4: [ip_address(text) for text in ("10.65.0.2", "10.65.0.3", "192.0.2.10", "198.51.100.10")],
    6: [ip_address(text) for text in ("2001:db8:65::2", "2001:db8:65::3", "2001:db8:c::10", "2001:db8:d::10")],
}
NETWORKS = {
    4: [ip_network(text) for text in ("10.65.0.0/31", "10.65.0.3/32", "192.0.2.0/24", "0.0.0.0/0", "192.0.2.8/29")],
    6: [ip_network(text) for text in ("2001:db8:65::/64", "2001:db8:65::3/128", "2001:db8:c::/48", "::/0")],
}
PORTS = (53, 80, 443)
WITH_PORTS = (6, 17, 132)
MEMBERS = ("s:some", "s:none")
LEASES = "s:learned"
NAMED = "s:dns"


Item = TypeVar("Item")


class Dice:
    """Draws policy that is neither all open nor all closed: a rule has few conditions, and packets meet many."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def often(self, chance: float) -> bool:
        return self._random.random() < chance

    def one(self, items: Sequence[Item]) -> Item:
        return self._random.choice(items)

    def ranges(self) -> tuple[PortRange, ...]:
        singles = [PortRange(port, port) for port in PORTS]
        return tuple(self.one([*singles, PortRange(80, 443)]) for _ in range(self.one((0, 1, 1, 2, 6))))

    def networks(self, version: int) -> tuple[Network, ...]:
        return tuple(self.one(NETWORKS[version]) for _ in range(self.one((0, 1, 1, 2, 3))))

    def entity(self, protocol: int | None, version: int | None, *, leases: bool) -> EntityMatch:
        match = EntityMatch()
        for _ in range(self.one((0, 1, 1, 2))):
            changes: list[dict[str, object]] = [{"members": self.one(MEMBERS)}, {"not_members": self.one(MEMBERS)}]
            if version is not None:
                changes += [{"nets": self.networks(version)}, {"not_nets": self.networks(version)}]
            if protocol in WITH_PORTS:
                changes += [{"ports": self.ranges()}, {"not_ports": self.ranges()}]
            if protocol in (None, *WITH_PORTS):
                changes += [{"named_ports": NAMED}, {"not_named_ports": NAMED}]
            if leases:
                changes += [{"leases": LEASES}] * 3
            match = replace(match, **self.one(changes))  # type: ignore[arg-type]
        return match

    def icmp(self) -> IcmpMatch:
        return IcmpMatch(self.one((0, 8)), self.one((None, 0, 1)))

    def rule(self, direction: Direction) -> CompiledRule:
        action = self.one((Action.ALLOW, Action.ALLOW, Action.DENY, Action.PASS, Action.PASS, Action.LOG))
        version, protocol = self.one((None, None, 4, 6)), self.one((None, None, 6, 17, 132, 1, 58, 89))
        return CompiledRule(
            0,
            action,
            ip_version=version,
            protocol=protocol,
            not_protocol=self.one((6, 17)) if self.often(0.15) else None,
            icmp=self.icmp() if protocol in (1, 58) and self.often(0.7) else None,
            not_icmp=self.icmp() if self.often(0.2) else None,
            source=self.entity(protocol, version, leases=False) if self.often(0.3) else EntityMatch(),
            destination=self.entity(protocol, version, leases=direction is Direction.EGRESS and action is Action.ALLOW),
        )

    def rules(self, direction: Direction) -> tuple[CompiledRule, ...]:
        return rules(*(self.rule(direction) for _ in range(self.one((0, 1, 2, 3, 4, 5)))))

    def both(self) -> tuple[tuple[CompiledRule, ...], tuple[CompiledRule, ...]]:
        return self.rules(Direction.INGRESS), self.rules(Direction.EGRESS)

    def policies(self, tier_name: str) -> list[CompiledPolicy]:
        made = []
        for number in range(self.one((1, 2, 3))):
            ingress, egress = self.both()
            made.append(policy(f"{tier_name}.p{number}", egress, ingress, tier=tier_name))
        return made

    def judged(self, by_tier: dict[str, list[CompiledPolicy]], direction: Direction) -> PolicyClass:
        slices = []
        for name, policies in by_tier.items():
            mine = [item for item in policies if self.often(0.7)]
            if mine:
                slices.append(tier(name, *mine, default=self.one((Action.DENY, Action.PASS, Action.PASS))))
        return policy_class(direction, *slices, profiles=self.one(((), ("open",), ("own", "open"), ("own",))))

    def state(self) -> Compiled:
        by_tier = {name: self.policies(name) for name in ("first", "second", "third")}
        everything = rules(CompiledRule(0, Action.ALLOW))
        return compiled(
            endpoints=[
                workload(
                    name,
                    *(str(ADDRESSES[version][position]) for version in (4, 6)),
                    egress=self.judged(by_tier, Direction.EGRESS),
                    ingress=self.judged(by_tier, Direction.INGRESS),
                )
                for position, name in enumerate(("a", "b"))
            ],
            policies=[item for policies in by_tier.values() for item in policies],
            profiles=[CompiledProfile("own", *self.both()), CompiledProfile("open", everything, everything)],
            members=[
                member_set("s:some", "10.65.0.3/32", "192.0.2.0/24", "2001:db8:c::/64", "2001:db8:65::2/128"),
                member_set("s:none"),
            ],
            leases=[lease_set(LEASES, "example.org")],
            named_ports=[port_set(NAMED, ("10.65.0.3", 17, 53), ("2001:db8:65::3", 6, 443), ("192.0.2.10", 6, 80))],
        )

    def packet(self) -> Packet:
        version = self.one((4, 6))
        source, destination = self.one(ADDRESSES[version]), self.one(ADDRESSES[version])
        protocol = self.one((6, 6, 17, 132, 1, 58, 89))
        if protocol in WITH_PORTS:
            return Packet(source, destination, protocol, self.one(PORTS), self.one(PORTS))
        if protocol in (1, 58):
            return Packet(source, destination, protocol, None, None, self.one((0, 8)), self.one((0, 1)))
        return Packet(source, destination, protocol)


def counter_of(decision: Decision, direction: Direction) -> str:
    index = decision.rule_index or 0
    if decision.decider is Decider.RULE:
        assert decision.policy is not None
        return naming.counter_of(decision.policy, direction, index)
    if decision.decider is Decider.PROFILE:
        return naming.counter_of_profile(decision.profile, direction, index)
    if decision.decider is Decider.END_OF_TIER:
        return naming.counter_of_tier(decision.tier, direction)
    return naming.counter_of_no_profile(direction)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**64))
def test_rules_decide_as_the_evaluator_does(seed: int) -> None:
    dice = Dice(seed)
    state = dice.state()
    plan = build_plan(state, Settings())
    pairs = {(source, target) for version in (4, 6) for source in ADDRESSES[version] for target in ADDRESSES[version]}
    held = {pair for pair in sorted(pairs, key=str) if dice.often(0.5)}
    in_kernel = {source.packed + target.packed for source, target in held}
    for _ in range(20):
        packet = dice.packet()
        verdict = Evaluator(state).evaluate(packet, lambda _name, client, address: (client, address) in held)
        run = Run(plan, packet, lambda _name, pair: pair in in_kernel)
        assert run.through("forward-egress", "forward-ingress") == (verdict.action is not Action.DENY)
        if verdict.decision is not None and verdict.action is Action.DENY:
            direction = next(item.direction for item in verdict.judgements if item.decision is verdict.decision)
            assert run.counted[-1] == counter_of(verdict.decision, direction)
        assert len(run.counted) == len(set(run.counted))


UDP_BY_BOTH = EntityMatch(members="s:all", ports=(PortRange(50, 60), PortRange(53, 53)), named_ports=NAMED)
MANY_PORTS = tuple(PortRange(port, port + 10) for port in range(45, 54))


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(CompiledRule(0, Action.LOG, protocol=17, destination=UDP_BY_BOTH), id="number or name"),
        pytest.param(CompiledRule(0, Action.LOG, protocol=17, source=UDP_BY_BOTH), id="number or name of the source"),
        pytest.param(
            CompiledRule(0, Action.LOG, protocol=17, source=UDP_BY_BOTH, destination=UDP_BY_BOTH), id="both ends"
        ),
        pytest.param(
            CompiledRule(0, Action.LOG, protocol=17, destination=replace(UDP_BY_BOTH, ports=MANY_PORTS)),
            id="many ports",
        ),
        pytest.param(
            CompiledRule(0, Action.LOG, protocol=17, destination=replace(UDP_BY_BOTH, named_ports=None)),
            id="ranges that overlap",
        ),
        pytest.param(
            CompiledRule(0, Action.LOG, destination=EntityMatch(members="s:all", named_ports=NAMED)), id="name only"
        ),
    ],
)
def test_a_packet_that_meets_several_alternatives_counts_once(rule: CompiledRule, action: Action) -> None:
    """The count stands before the log statement in the same kernel rule, so it is logged once, too."""
    judging = policy("first.p", [replace(rule, action=action)], tier="first")
    state = compiled(
        endpoints=[workload("a", "10.65.0.2", egress=policy_class(Direction.EGRESS, tier("first", judging)))],
        policies=[judging],
        members=[member_set("s:all", "10.65.0.0/16")],
        named_ports=[port_set(NAMED, ("10.65.0.2", 17, 53), ("10.65.0.3", 17, 53))],
    )
    packet = Packet(ip_address("10.65.0.2"), ip_address("10.65.0.3"), 17, 53, 53)
    run = Run(build_plan(state, Settings()), packet, lambda _name, _pair: False)
    run.through("forward-egress")
    assert run.counted.count(naming.counter_of(judging.id, Direction.EGRESS, 0)) == 1
