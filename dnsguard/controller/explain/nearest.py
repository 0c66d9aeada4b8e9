"""Of what was denied: the rule that allows and came closest, and those that would have allowed it. Pure.

A rule is taken apart into its single conditions, each of which is a rule of its own, and the evaluator's matching
judges those: so what is said here and what is enforced cannot differ.

The nearest rule is the one with, in this order,

1. the fewest kinds of condition that fail (the address of an end is one kind, its port another, …);
2. the most kinds of condition that are there and hold: what asks for much and nearly gets it was meant;
3. the mildest failure: a port is milder than an ICMP type, that than the protocol, the IP version, the endpoint's own
   address and the address of the other end;
4. the earliest place in the order of evaluation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dnsguard.calc.compiled import (
    ANY,
    Action,
    Compiled,
    CompiledRule,
    Direction,
    EntityMatch,
    PolicyClass,
    PolicyId,
)
from dnsguard.calc.evaluator.matching import LeaseLookup, why_not
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.calc.evaluator.trace import Judgement

_MILD_TO_GRAVE = ("port", "ICMP type", "protocol", "IP version", "own", "peer")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule that allows, against one packet."""

    tier: str
    """Empty for a profile's."""

    policy: PolicyId | None
    profile: str
    rule: CompiledRule
    matching: tuple[str, ...]
    """Kinds of condition that are there and hold."""

    failing: tuple[tuple[str, str], ...]
    """(kind, reason) of each condition that fails, in the order in which they are tried."""

    behind: str = ""
    """What came before it, where nothing fails."""

    @property
    def is_near(self) -> bool:
        """One kind of condition fails, and it is not the address of an end."""
        kinds = {kind for kind, _ in self.failing}
        return len(kinds) == 1 and not kinds & {"source", "destination"}

    @property
    def is_general(self) -> bool:
        """A profile that allows everything: what stands there for whom no policy selects is no way out of one."""
        return bool(self.profile) and not self.matching and not self.failing


def candidates(judgement: Judgement, packet: Packet, compiled: Compiled, leased: LeaseLookup) -> list[Candidate]:
    """All rules that allow in this stage and direction, in the order of evaluation."""
    policy_class = compiled.endpoints[judgement.endpoint].classes.get((judgement.stage, judgement.direction))
    if policy_class is None:
        return []
    passed = _passed(judgement)
    found = []
    for tier, policy, profile, rule in _allows(policy_class, compiled):
        matching, failing = taken_apart(rule, packet, compiled, leased)
        behind = "" if failing else passed.get(tier, str(judgement.decision))
        found.append(Candidate(tier, policy, profile, rule, matching, failing, behind))
    return found


def nearest(found: list[Candidate], direction: Direction) -> Candidate | None:
    """The one that came closest of those that something fails of."""
    failing = [each for each in found if each.failing]
    return min(failing, key=lambda each: _distance(each, direction), default=None)  # min takes the first of equals


def taken_apart(
    rule: CompiledRule, packet: Packet, compiled: Compiled, leased: LeaseLookup
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The kinds of condition that hold, and every condition that fails with its reason. The rule matches where none
    fails."""
    judged = [(kind, why_not(part, packet, compiled, leased)) for kind, part in conditions(rule)]
    failing = tuple((kind, reason) for kind, reason in judged if reason)
    failed = {kind for kind, _ in failing}
    return tuple(dict.fromkeys(kind for kind, _ in judged if kind not in failed)), failing


def conditions(rule: CompiledRule) -> Iterator[tuple[str, CompiledRule]]:
    """The kind of each condition, and a rule that has no other."""
    free = CompiledRule(rule.index, rule.action)
    if rule.ip_version is not None:
        yield "IP version", replace(free, ip_version=rule.ip_version)
    if rule.protocol is not None:
        yield "protocol", replace(free, protocol=rule.protocol)
    if rule.not_protocol is not None:
        yield "protocol", replace(free, not_protocol=rule.not_protocol)
    if rule.icmp is not None:
        yield "ICMP type", replace(free, icmp=rule.icmp)
    if rule.not_icmp is not None:
        yield "ICMP type", replace(free, not_icmp=rule.not_icmp)
    for kind, entity in _of_entity("source", rule.source):
        yield kind, replace(free, source=entity)
    for kind, entity in _of_entity("destination", rule.destination):
        yield kind, replace(free, destination=entity)


def _of_entity(end: str, entity: EntityMatch) -> Iterator[tuple[str, EntityMatch]]:
    if entity.nets is not None:
        yield end, replace(ANY, nets=entity.nets)
    if entity.not_nets:
        yield end, replace(ANY, not_nets=entity.not_nets)
    if entity.not_members is not None:
        yield end, replace(ANY, not_members=entity.not_members)
    selected = replace(ANY, members=entity.members, leases=entity.leases)
    if entity.named_ports is not None:
        # A named port answers for the selector too, so the two cannot be told apart.
        yield f"{end} port", replace(selected, ports=entity.ports, named_ports=entity.named_ports)
    else:
        if selected != ANY:
            yield end, selected
        if entity.ports is not None:
            yield f"{end} port", replace(ANY, ports=entity.ports)
    if entity.not_ports:
        yield f"{end} port", replace(ANY, not_ports=entity.not_ports)
    if entity.not_named_ports is not None:
        yield f"{end} port", replace(ANY, not_named_ports=entity.not_named_ports)


def _allows(policy_class: PolicyClass, compiled: Compiled) -> Iterator[tuple[str, PolicyId | None, str, CompiledRule]]:
    for tier in policy_class.tiers:
        for policy in tier.policies:
            for rule in compiled.policies[policy].rules(policy_class.direction):
                if rule.action is Action.ALLOW:
                    yield tier.tier, policy, "", rule
    for profile in policy_class.profiles:
        for rule in compiled.profiles[profile].rules(policy_class.direction):
            if rule.action is Action.ALLOW:
                yield "", None, profile, rule


def _passed(judgement: Judgement) -> dict[str, str]:
    """Tier → the rule that left it to the next one."""
    found = {}
    for tier in judgement.tiers:
        if tier.by_rule and tier.outcome is Action.PASS:
            policy = tier.policies[-1]
            found[tier.name] = f"rule {policy.rules[-1].index} of {policy.id} (Pass)"
    return found


def _distance(candidate: Candidate, direction: Direction) -> tuple[int, int, int]:
    kinds = {kind for kind, _ in candidate.failing}
    return len(kinds), -len(candidate.matching), max(_gravity(kind, direction) for kind in kinds)


def _gravity(kind: str, direction: Direction) -> int:
    if kind.endswith(" port"):
        kind = "port"
    elif kind in ("source", "destination"):
        kind = "peer" if (kind == "destination") is (direction is Direction.EGRESS) else "own"
    return _MILD_TO_GRAVE.index(kind)
