"""Which counter of the kernel belongs to which rule: from compiled policy, never from the counter's name. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dnsguard.calc.compiled import Action, Compiled, CompiledPolicy, Direction, PolicyId, RuleOwner
from dnsguard.dataplane import naming

PROFILE = "Profile"


class CountedRule(NamedTuple):
    """One rule and its counter. The counter is not there while the rule is in force for nobody on this node."""

    direction: Direction
    place: int
    """In the list of that direction, from 0."""

    action: Action
    counter: str


@dataclass(frozen=True, slots=True)
class CountedPolicy:
    """A policy or profile and its rules."""

    id: PolicyId
    """Of a profile: of kind ``Profile``."""

    tier: str
    """Empty for a profile."""

    rules: tuple[CountedRule, ...]
    """Ingress first, each direction in the order written."""


class CountedTier(NamedTuple):
    """The end of a tier in one direction, where what none of its policies decided is denied."""

    tier: str
    direction: Direction
    counter: str


@dataclass(frozen=True, slots=True)
class Counters:
    """All counters of one state of policy."""

    policies: tuple[CountedPolicy, ...]
    """In the order of their identity, profiles among them."""

    tiers: tuple[CountedTier, ...]
    """In the order of names; those that pass on have none in the kernel."""

    base: tuple[str, ...]
    """Those of the rules before and after policy: unknown workloads, forged addresses, no profile, …"""


class Catalogue:
    """Keeps what did not change. For one caller that asks again and again."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[RuleOwner, CountedPolicy]] = {}
        """By the identity of what it was made from, which is held so that its identity stays its own."""

    def counted(self, compiled: Compiled, counters: Iterable[str]) -> Counters:
        """Whose the ``counters`` of a plan are."""
        known, self._made = self._made, {}
        policies = [self._policy(known, each) for each in compiled.policies.values()]
        policies += [self._policy(known, each) for each in compiled.profiles.values()]
        policies.sort(key=lambda each: each.id)
        tiers = tuple(
            CountedTier(tier, direction, naming.counter_of_tier(tier, direction))
            for tier in sorted({each.tier for each in policies if each.tier})
            for direction in Direction
        )
        others = {rule.counter for each in policies for rule in each.rules}
        others.update(each.counter for each in tiers)
        base = tuple(counter for counter in counters if counter not in others)
        return Counters(tuple(policies), tiers, base)

    def _policy(
        self,
        known: Mapping[int, tuple[RuleOwner, CountedPolicy]],
        made_of: RuleOwner,
    ) -> CountedPolicy:
        found = known.get(id(made_of)) or (made_of, counted_policy(made_of))
        self._made[id(made_of)] = found
        return found[1]


def counted_policy(policy: RuleOwner) -> CountedPolicy:
    """The counters of one policy or profile."""
    rules = tuple(
        CountedRule(direction, rule.index, rule.action, naming.counter_of_rule(policy, direction, rule.index))
        for direction in Direction
        for rule in policy.rules(direction)
    )
    if isinstance(policy, CompiledPolicy):
        return CountedPolicy(policy.id, policy.tier, rules)
    return CountedPolicy(PolicyId(PROFILE, "", policy.name), "", rules)
