"""Classes as chains: tiers in order, Pass, end of tier, profiles. Pure.

A class chain jumps into its policies one after the other. Pass leaves the policy with a mark bit set; after each
policy that can pass the class tests the bit and goes on in a second chain, *the rest*, which begins with the next
tier. Every way through a class ends in a verdict, so nothing returns to where the class was entered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from dnsguard.calc.compiled import (
    Action,
    Compiled,
    CompiledPolicy,
    CompiledProfile,
    CompiledRule,
    Direction,
    PolicyClass,
    Stage,
    TierSlice,
)
from dnsguard.dataplane import naming
from dnsguard.dataplane.rules import (
    Chain,
    ClearMark,
    ConnectionState,
    Count,
    Goto,
    Jump,
    Marked,
    Rule,
    SetMark,
    Verdict,
)
from dnsguard.dataplane.sets import IntervalSet
from dnsguard.dataplane.settings import DenyAction, Settings
from dnsguard.dataplane.translate import Outcome, kernel_rules, literal_sets, passing
from dnsguard.netlink.expressions import STATE_INVALID


@lru_cache(maxsize=64)
def outcome(settings: Settings, stage: Stage) -> Outcome:
    """What a policy's actions do in each stage."""
    allow: tuple[SetMark | Verdict, ...] = (Verdict.ACCEPT,)
    if stage is Stage.UNTRACKED:
        allow = SetMark(settings.accept_mark), Verdict.NOTRACK, Verdict.ACCEPT
    elif stage is Stage.PRE_DNAT:
        allow = SetMark(settings.accept_mark), Verdict.ACCEPT
    early = stage in {Stage.UNTRACKED, Stage.PRE_DNAT}
    deny = Verdict.REJECT if settings.deny is DenyAction.REJECT and not early else Verdict.DROP
    passed = passing(settings.pass_mark)
    return Outcome(allow, (deny,), passed, settings.log_group, settings.log_per_second)


def content_chain(label: str, rules: Sequence[Rule], comment: str = "") -> Chain:
    """A chain that is named by what it does."""
    held = tuple(rules)
    return Chain(naming.chain_name(label, repr(held)), held, comment=naming.comment(comment))


@dataclass(frozen=True, slots=True)
class _Part:
    """A policy or profile in one direction and stage: its chain, and what that refers to."""

    chain: Chain
    counters: tuple[str, ...]
    sets: tuple[IntervalSet, ...]


@lru_cache(maxsize=16384)
def _policy_part(policy: CompiledPolicy, direction: Direction, result: Outcome) -> _Part:
    rules = policy.rules(direction)
    counters = tuple(naming.counter_of(policy.id, direction, rule.index) for rule in rules)
    label = f"{naming.short_name(policy.id)}-{direction}"
    return _part(label, f"{policy.id} {direction}", f", tier {policy.tier}", rules, counters, result)


@lru_cache(maxsize=16384)
def _profile_part(profile: CompiledProfile, direction: Direction, result: Outcome) -> _Part:
    rules = profile.rules(direction)
    counters = tuple(naming.counter_of_profile(profile.name, direction, rule.index) for rule in rules)
    return _part(
        f"profile-{profile.name}-{direction}", f"Profile/{profile.name} {direction}", "", rules, counters, result
    )


def _part(
    label: str, owner: str, more: str, rules: tuple[CompiledRule, ...], counters: tuple[str, ...], result: Outcome
) -> _Part:
    found: list[Rule] = []
    for rule, counter in zip(rules, counters, strict=True):
        found += kernel_rules(rule, counter, naming.comment(f"{owner} rule {rule.index}"), result)
    sets = tuple(literal for rule in rules for literal in literal_sets(rule))
    return _Part(content_chain(label, found, owner + more), counters, sets)


def _can_pass(rules: Iterable[CompiledRule]) -> bool:
    return any(rule.action is Action.PASS for rule in rules)


@dataclass(slots=True)
class ClassBuilder:
    """Gathers the chains, counters and literal sets of the classes it is asked for, each once."""

    compiled: Compiled
    settings: Settings
    chains: dict[str, Chain] = field(default_factory=dict)
    """By name; a chain stands after those it refers to."""

    counters: dict[str, None] = field(default_factory=dict)
    sets: dict[str, IntervalSet] = field(default_factory=dict)
    _built: dict[tuple[PolicyClass, str | None], str] = field(default_factory=dict)
    _seen: dict[tuple[int, str | None], str] = field(default_factory=dict)
    """The same by identity, which ``compiled`` keeps valid: to hash a class costs more than the rest of an endpoint."""

    def class_chain(self, policy_class: PolicyClass, failsafe: str | None = None) -> str:
        """The name of the class's chain. ``failsafe`` is a chain that is asked first."""
        quick = id(policy_class), failsafe
        if quick not in self._seen:
            key = policy_class, failsafe
            if key not in self._built:
                self._built[key] = self._build(policy_class, failsafe)
            self._seen[quick] = self._built[key]
        return self._seen[quick]

    def add(self, chain: Chain) -> str:
        self.chains.setdefault(chain.name, chain)
        return chain.name

    def count(self, counter: str) -> Count:
        self.counters.setdefault(counter)
        return Count(counter)

    def _build(self, policy_class: PolicyClass, failsafe: str | None) -> str:
        head: list[Rule] = []
        if policy_class.stage in {Stage.NORMAL, Stage.FORWARD}:
            invalid = ConnectionState(STATE_INVALID), self.count(naming.COUNTER_INVALID), Verdict.DROP
            head.append(Rule(invalid, "belongs to no connection"))
        if failsafe is not None:
            head.append(Rule((Jump(failsafe),), "ports that policy cannot close"))
        if any(self._tier_can_pass(tier, policy_class.direction) for tier in policy_class.tiers):
            head.append(Rule((ClearMark(self.settings.pass_mark),), "no Pass yet"))
        return self._chain(policy_class, 0, head)

    def _tier_can_pass(self, tier: TierSlice, direction: Direction) -> bool:
        return any(_can_pass(self.compiled.policies[policy].rules(direction)) for policy in tier.policies)

    def _chain(self, policy_class: PolicyClass, start: int, head: list[Rule]) -> str:
        """The chain from tier ``start`` on."""
        rules = list(head)
        for position in range(start, len(policy_class.tiers)):
            tier = policy_class.tiers[position]
            rest = None
            if self._tier_can_pass(tier, policy_class.direction):
                clear = Rule((ClearMark(self.settings.pass_mark),), f"after a Pass in tier {tier.tier}")
                rest = self._chain(policy_class, position + 1, [clear])
            rules += self._tier(policy_class, tier, rest)
            if tier.default_action is Action.DENY:
                end = self.count(naming.counter_of_tier(tier.tier, policy_class.direction))
                comment = naming.comment(f"end of tier {tier.tier}: deny")
                rules.append(Rule((end, *self._deny(policy_class)), comment))
                break
            if rest is not None:
                rules.append(Rule((Goto(rest),), naming.comment(f"end of tier {tier.tier}: pass")))
                break
        else:
            rules += self._after_tiers(policy_class)
        return self.add(self._named(policy_class, start, rules))

    def _tier(self, policy_class: PolicyClass, tier: TierSlice, rest: str | None) -> Iterable[Rule]:
        result = outcome(self.settings, policy_class.stage)
        for policy_id in tier.policies:
            policy = self.compiled.policies[policy_id]
            chain = self._add_part(_policy_part(policy, policy_class.direction, result))
            yield Rule((Jump(chain),), naming.comment(f"tier {tier.tier}"))
            if rest is not None and _can_pass(policy.rules(policy_class.direction)):
                yield Rule((Marked(self.settings.pass_mark), Goto(rest)), naming.comment(f"Pass in tier {tier.tier}"))

    def _after_tiers(self, policy_class: PolicyClass) -> Iterable[Rule]:
        if policy_class.stage is not Stage.NORMAL:
            yield Rule((Verdict.ACCEPT,), "no decision: the next stage judges")
            return
        direction = policy_class.direction
        result = outcome(self.settings, policy_class.stage)
        in_profile = Outcome(result.allow, result.deny, (Verdict.RETURN,), result.log_group, result.log_per_second)
        for name in policy_class.profiles:
            chain = self._add_part(_profile_part(self.compiled.profiles[name], direction, in_profile))
            yield Rule((Jump(chain),), naming.comment(f"profile {name}"))
        end = self.count(naming.counter_of_no_profile(direction))
        yield Rule((end, *self._deny(policy_class)), "no profile decided: deny")

    def _deny(self, policy_class: PolicyClass) -> tuple[Verdict, ...]:
        deny = outcome(self.settings, policy_class.stage).deny
        return tuple(statement for statement in deny if isinstance(statement, Verdict))

    def _add_part(self, part: _Part) -> str:
        for counter in part.counters:
            self.counters.setdefault(counter)
        for literal in part.sets:
            self.sets.setdefault(literal.name, literal)
        return self.add(part.chain)

    def _named(self, policy_class: PolicyClass, start: int, rules: list[Rule]) -> Chain:
        tiers = [tier.tier for tier in policy_class.tiers[start:]] or list(policy_class.profiles) or ["nothing"]
        kind = "class" if start == 0 else "rest"
        stage = "" if policy_class.stage is Stage.NORMAL else f"-{policy_class.stage}"
        label = f"{kind}-{policy_class.direction}{stage}-{'.'.join(tiers)}"
        return content_chain(label, rules, f"{policy_class.direction} of endpoints with {', '.join(tiers)}")
