"""Classes as chains: tiers in order, Pass, end of tier, profiles. Pure.

::

    class ─jump─► tier ─jump─► policy ─goto─► its rules, where they are many
      │ (a tier where nobody passes stands in the class itself)
      └─jump─► profile ─goto─► its rules, where they are many

Pass leaves the policy with a mark bit set; after each policy that can pass the tier's chain tests the bit and returns
to the class, which goes on with the next tier. So the chains lie four deep however many tiers there are: the kernel
follows sixteen. Every way through a class ends in a verdict, so nothing returns to where the class was entered.

A policy's chain keeps its name while its rules change: it is a *door*. Few rules stand in the door itself; more are in
a chain of their own which is named by what it does, so that they can be loaded before they are in force. No class, tier
or endpoint is touched by the edit of a policy.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from dnsguard.calc.compiled import (
    Action,
    Compiled,
    CompiledPolicy,
    CompiledProfile,
    Direction,
    PolicyClass,
    PolicyId,
    Stage,
    TierSlice,
)
from dnsguard.dataplane import naming
from dnsguard.dataplane.purpose import purpose
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
from dnsguard.dataplane.shelf import Shelf
from dnsguard.dataplane.translate import Outcome, kernel_rules, literal_sets, passing
from dnsguard.netlink.expressions import STATE_INVALID

MOST_RULES_IN_DOOR = 8
"""A chain more for each policy makes every transaction longer, those of DNS too (5 µs for 1 000 chains)."""


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


class _Owner(NamedTuple):
    """Whose rules a part holds, where."""

    owner: PolicyId | str
    """A policy, or a profile by its name."""

    direction: Direction
    stage: Stage
    """The normal stage stands for the forward stage too: the actions do the same in both."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A policy or profile in one direction and stage: its door, its rules, and what they refer to."""

    made_of: CompiledPolicy | CompiledProfile
    door: Chain
    content: Chain | None
    """The rules, where they do not stand in the door."""

    counters: tuple[str, ...]
    sets: tuple[IntervalSet, ...]
    can_pass: bool


@dataclass(eq=False, slots=True)
class ClassChain:
    """A class that somebody uses, and the name of its chain."""

    policy_class: PolicyClass
    failsafe: str | None
    name: str = ""
    users: int = 0
    aliases: list[PolicyClass] = field(default_factory=list)
    """Equal classes that are other objects; held, so that their identity stays theirs."""

    parts: tuple[_Owner, ...] = ()
    tiers: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()


class ClassBuilder:
    """Keeps the chains, counters and literal sets of the classes in use, each once.

    `follow` the policy, then `take` new classes, then `give_back` those that are not used any more.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.contents = Shelf[Chain]()
        self.doors = Shelf[Chain]()
        self.tiers = Shelf[Chain]()
        self.classes = Shelf[Chain]()
        self.counters = Shelf[str]()
        self.sets = Shelf[IntervalSet]()
        self._outcomes = {stage: outcome(settings, stage) for stage in Stage}
        self._compiled = Compiled()
        self._made_of: dict[int, CompiledPolicy | CompiledProfile] = {}
        self._parts: dict[_Owner, _Part] = {}
        self._part_users: dict[_Owner, int] = {}
        self._built: dict[tuple[PolicyClass, str | None], ClassChain] = {}
        self._seen: dict[tuple[int, str | None], ClassChain] = {}
        """The same by identity: to hash a class costs more than the rest of an endpoint."""

    @property
    def chains(self) -> tuple[Chain, ...]:
        """All chains; each stands after those it refers to."""
        return (*self.contents.sorted(), *self.doors.sorted(), *self.tiers.sorted(), *self.classes.sorted())

    def follow(self, compiled: Compiled) -> bool:
        """Policies and profiles are these from now on. Whether a class in use has another chain now."""
        self._compiled = compiled
        known, self._made_of = self._made_of, _by_identity(compiled)
        if known.keys() == self._made_of.keys():
            return False
        turned: set[_Owner] = set()
        for key, part in self._parts.items():
            current = self._current(key)
            if current is not None and current is not part.made_of:
                changed = self._part(key, current)
                self._replace(key, part, changed)
                if changed.can_pass != part.can_pass:
                    turned.add(key)
        renamed = False
        for built in self._built.values() if turned else ():
            if not turned.isdisjoint(built.parts) and self._is_whole(built.policy_class):
                before = built.name, built.parts, built.tiers, built.counters
                self._build(built)
                self._drop(*before)
                renamed = renamed or built.name != before[0]
        return renamed

    def _is_whole(self, policy_class: PolicyClass) -> bool:
        """Whether all that the class lists is there; one that lists what is gone is about to be given back."""
        policies, profiles = self._compiled.policies, self._compiled.profiles
        listed = (policy in policies for tier in policy_class.tiers for policy in tier.policies)
        return all(listed) and all(name in profiles for name in policy_class.profiles)

    def take(self, policy_class: PolicyClass, failsafe: str | None = None) -> ClassChain:
        """The chain of a class, for one more user. ``failsafe`` is a chain that is asked first."""
        quick = id(policy_class), failsafe
        if quick not in self._seen:
            key = policy_class, failsafe
            if key not in self._built:
                made = ClassChain(policy_class, failsafe)
                self._build(made)
                self._built[key] = made
            self._seen[quick] = self._built[key]
            self._built[key].aliases.append(policy_class)
        found = self._seen[quick]
        found.users += 1
        return found

    def give_back(self, used: ClassChain) -> None:
        """Undoes one `take`."""
        used.users -= 1
        if not used.users:
            for alias in used.aliases:
                del self._seen[id(alias), used.failsafe]
            del self._built[used.policy_class, used.failsafe]
            self._drop(used.name, used.parts, used.tiers, used.counters)

    def _build(self, built: ClassChain) -> None:
        """Makes the chain of a class, and takes all that it refers to."""
        policy_class = built.policy_class
        making = _Making(self, policy_class)
        rules: list[Rule] = []
        if policy_class.stage is not Stage.UNTRACKED:
            invalid = ConnectionState(STATE_INVALID), making.count(naming.COUNTER_INVALID), Verdict.DROP
            rules.append(Rule(invalid, "belongs to no connection"))
        if built.failsafe is not None:
            rules.append(Rule((Jump(built.failsafe),), "ports that policy cannot close"))
        rules += making.rules()
        chain = self._named(policy_class, rules)
        self.classes.take(chain.name, chain)
        built.name = chain.name
        built.parts, built.tiers, built.counters = tuple(making.parts), tuple(making.tiers), tuple(making.counters)

    def _drop(self, name: str, parts: Iterable[_Owner], tiers: Iterable[str], counters: Iterable[str]) -> None:
        self.classes.give_back(name)
        for tier in tiers:
            self.tiers.give_back(tier)
        for counter in counters:
            self.counters.give_back(counter)
        for key in parts:
            self._part_users[key] -= 1
            if not self._part_users[key]:
                del self._part_users[key]
                part = self._parts.pop(key)
                self.doors.give_back(part.door.name)
                self._give_back_content(part)

    def take_part(self, owner: PolicyId | str, direction: Direction, stage: Stage) -> tuple[_Owner, _Part]:
        """The part, for one more user. Raises KeyError where there is no such policy or profile."""
        key = _Owner(owner, direction, Stage.NORMAL if stage is Stage.FORWARD else stage)
        if key not in self._parts:
            current = self._current(key)
            if current is None:
                raise KeyError(owner)
            part = self._parts[key] = self._part(key, current)
            self._part_users[key] = 0
            self.doors.take(part.door.name, part.door)
            self._take_content(part)
        self._part_users[key] += 1
        return key, self._parts[key]

    def _replace(self, key: _Owner, before: _Part, now: _Part) -> None:
        self._parts[key] = now
        self._take_content(now)
        if now.door != before.door:
            self.doors.put(now.door.name, now.door)
        self._give_back_content(before)

    def _take_content(self, part: _Part) -> None:
        if part.content is not None:
            self.contents.take(part.content.name, part.content)
        for counter in part.counters:
            self.counters.take(counter, counter)
        for literal in part.sets:
            self.sets.take(literal.name, literal)

    def _give_back_content(self, part: _Part) -> None:
        if part.content is not None:
            self.contents.give_back(part.content.name)
        for counter in part.counters:
            self.counters.give_back(counter)
        for literal in part.sets:
            self.sets.give_back(literal.name)

    def _current(self, key: _Owner) -> CompiledPolicy | CompiledProfile | None:
        if isinstance(key.owner, str):
            return self._compiled.profiles.get(key.owner)
        return self._compiled.policies.get(key.owner)

    def _part(self, key: _Owner, made_of: CompiledPolicy | CompiledProfile) -> _Part:
        direction = key.direction
        rules = made_of.rules(direction)
        result = self._outcomes[key.stage]
        if isinstance(made_of, CompiledPolicy):
            label, owner = f"{naming.short_name(made_of.id)}-{direction}", f"{made_of.id} {direction}"
            counters = tuple(naming.counter_of(made_of.id, direction, rule.index) for rule in rules)
            more = f", tier {made_of.tier}"
        else:
            label, owner = f"profile-{made_of.name}-{direction}", f"Profile/{made_of.name} {direction}"
            counters = tuple(naming.counter_of_profile(made_of.name, direction, rule.index) for rule in rules)
            more = ""
            result = Outcome(result.allow, result.deny, (Verdict.RETURN,), result.log_group, result.log_per_second)
        found: list[Rule] = []
        for rule, counter in zip(rules, counters, strict=True):
            comment = naming.comment(f"{owner} rule {rule.index}{more}{purpose(rule, self._compiled)}")
            found += kernel_rules(rule, counter, comment, result)
        content = None
        if len(found) > MOST_RULES_IN_DOOR:
            content = content_chain(label, found, owner + more)
            found = [Rule((Goto(content.name),))]
        stage = "" if key.stage is Stage.NORMAL else f"-{key.stage}"
        door = Chain(naming.identifier(label + stage), tuple(found), comment=naming.comment(owner), is_door=True)
        sets = tuple(literal for rule in rules for literal in literal_sets(rule))
        can_pass = isinstance(made_of, CompiledPolicy) and any(rule.action is Action.PASS for rule in rules)
        return _Part(made_of, door, content, counters, sets, can_pass)

    def _deny(self, policy_class: PolicyClass) -> tuple[Verdict, ...]:
        deny = self._outcomes[policy_class.stage].deny
        return tuple(statement for statement in deny if isinstance(statement, Verdict))

    def end(self, policy_class: PolicyClass, counted: Count, comment: str) -> Rule:
        """The rule that denies what nothing decided."""
        return Rule((counted, *self._deny(policy_class)), naming.comment(comment))

    def _named(self, policy_class: PolicyClass, rules: list[Rule]) -> Chain:
        tiers = [tier.tier for tier in policy_class.tiers] or list(policy_class.profiles) or ["nothing"]
        label = f"class-{policy_class.direction}{_stage(policy_class)}-{'.'.join(tiers)}"
        return content_chain(label, rules, f"{policy_class.direction} of endpoints with {', '.join(tiers)}")


def _by_identity(compiled: Compiled) -> dict[int, CompiledPolicy | CompiledProfile]:
    found: dict[int, CompiledPolicy | CompiledProfile] = {id(item): item for item in compiled.policies.values()}
    found.update((id(item), item) for item in compiled.profiles.values())
    return found


def _stage(policy_class: PolicyClass) -> str:
    return "" if policy_class.stage is Stage.NORMAL else f"-{policy_class.stage}"


@dataclass(slots=True)
class _Making:
    """One class in the making, and what it has taken so far."""

    builder: ClassBuilder
    policy_class: PolicyClass
    parts: list[_Owner] = field(default_factory=list)
    tiers: list[str] = field(default_factory=list)
    counters: list[str] = field(default_factory=list)

    def count(self, counter: str) -> Count:
        self.builder.counters.take(counter, counter)
        self.counters.append(counter)
        return Count(counter)

    def rules(self) -> list[Rule]:
        """Tiers, then profiles; nothing comes back."""
        rules: list[Rule] = []
        can_pass = False
        for tier in self.policy_class.tiers:
            parts = [self._part(policy) for policy in tier.policies]
            closed = tier.default_action is Action.DENY
            if any(part.can_pass for part in parts):
                can_pass = True
                rules.append(Rule((Jump(self._tier(tier, parts)),), naming.comment(f"tier {tier.tier}")))
                continue
            rules += [_jump(part, f"tier {tier.tier}") for part in parts]
            if closed:
                rules.append(self._end_of(tier))
                break
        else:
            rules += self._after_tiers()
        if can_pass:
            rules.insert(0, Rule((ClearMark(self.builder.settings.pass_mark),), "no Pass yet"))
        return rules

    def _tier(self, tier: TierSlice, parts: Sequence[_Part]) -> str:
        """The chain of a tier that a packet can leave without a verdict."""
        bit = self.builder.settings.pass_mark
        rules: list[Rule] = []
        for part in parts:
            rules.append(_jump(part, f"tier {tier.tier}"))
            if part.can_pass:
                rules.append(Rule((Marked(bit), ClearMark(bit), Verdict.RETURN), "Pass: on with the next tier"))
        if tier.default_action is Action.DENY:
            rules.append(self._end_of(tier))
        direction = self.policy_class.direction
        label = f"tier-{direction}{_stage(self.policy_class)}-{tier.tier}"
        chain = content_chain(label, rules, f"{direction} in tier {tier.tier}")
        self.builder.tiers.take(chain.name, chain)
        self.tiers.append(chain.name)
        return chain.name

    def _end_of(self, tier: TierSlice) -> Rule:
        counted = self.count(naming.counter_of_tier(tier.tier, self.policy_class.direction))
        return self.builder.end(self.policy_class, counted, f"end of tier {tier.tier}: deny")

    def _after_tiers(self) -> Iterable[Rule]:
        if self.policy_class.stage is not Stage.NORMAL:
            yield Rule((Verdict.ACCEPT,), "no decision: the next stage judges")
            return
        for name in self.policy_class.profiles:
            yield _jump(self._part(name), f"profile {name}")
        counted = self.count(naming.counter_of_no_profile(self.policy_class.direction))
        yield self.builder.end(self.policy_class, counted, "no profile decided: deny")

    def _part(self, owner: PolicyId | str) -> _Part:
        key, part = self.builder.take_part(owner, self.policy_class.direction, self.policy_class.stage)
        self.parts.append(key)
        return part


def _jump(part: _Part, comment: str) -> Rule:
    return Rule((Jump(part.door.name),), naming.comment(comment))
