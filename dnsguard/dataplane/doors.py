"""Doors: the chains that stand for a policy or profile while its rules change. Pure.

Few rules stand in the door itself; more are in a chain of their own which is named by what it does, so that they can be
loaded before they are in force. Whoever jumps to a door is not touched when its rules are edited.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from dnsguard.calc.compiled import (
    Action,
    Compiled,
    CompiledPolicy,
    Direction,
    PolicyClass,
    PolicyId,
    RuleOwner,
    Stage,
)
from dnsguard.dataplane import naming
from dnsguard.dataplane.denying import denied_by_policy
from dnsguard.dataplane.purpose import purpose
from dnsguard.dataplane.rules import Chain, Goto, Rule, SetMark, Verdict, content_chain
from dnsguard.dataplane.sets import IntervalSet
from dnsguard.dataplane.settings import Settings
from dnsguard.dataplane.shared import Shared
from dnsguard.dataplane.translate import MemberNames, Outcome, kernel_rules, literal_sets, member_sets_of, passing

MOST_RULES_IN_DOOR = 8
"""A chain more for each policy makes every transaction longer, those of DNS too (5 µs for 1 000 chains)."""


def outcome(settings: Settings, stage: Stage, direction: Direction) -> Outcome:
    """What a policy's actions do in each stage."""
    allow: tuple[SetMark | Verdict, ...] = (Verdict.ACCEPT,)
    if stage is Stage.UNTRACKED:
        allow = SetMark(settings.accept_mark), Verdict.NOTRACK, Verdict.ACCEPT
    elif stage is Stage.PRE_DNAT:
        allow = SetMark(settings.accept_mark), Verdict.ACCEPT
    denying = denied_by_policy(settings, stage, direction)
    return Outcome(allow, denying, passing(settings.pass_mark), settings.log_group, settings.log_per_second)


class DoorKey(NamedTuple):
    """Whose rules a door leads to, where."""

    owner: PolicyId | str
    """A policy, or a profile by its name."""

    direction: Direction
    stage: Stage
    """The normal stage stands for the forward stage too: the actions do the same in both."""


@dataclass(frozen=True, slots=True)
class Door:
    """A policy or profile in one direction and stage: its chain, its rules, and what they refer to."""

    made_of: RuleOwner
    chain: Chain
    content: Chain | None
    """The rules, where they do not stand in ``chain``."""

    counters: tuple[str, ...]
    sets: tuple[IntervalSet, ...]
    can_pass: bool


class Doors:
    """Keeps the doors in use, each once, with their counters and literal sets.

    `follow` the policy, then `take` and `give_back`.
    """

    def __init__(self, settings: Settings, members: MemberNames = naming.member_set_name) -> None:
        """``members``: what member sets are called now."""
        self._members = members
        self.contents = Shared[Chain]()
        self.chains = Shared[Chain]()
        self.counters = Shared[str]()
        self.sets = Shared[IntervalSet]()
        self.outcomes = {
            (stage, direction): outcome(settings, stage, direction) for stage in Stage for direction in Direction
        }
        self._compiled = Compiled()
        self._made_of: dict[int, RuleOwner] = {}
        self._doors: dict[DoorKey, Door] = {}
        self._users: dict[DoorKey, int] = {}

    def follow(self, compiled: Compiled, renamed: frozenset[str] = frozenset()) -> set[DoorKey]:
        """Policies and profiles are these from now on, and these member sets have other names. The doors that pass now
        and did not before, or the reverse."""
        self._compiled = compiled
        known, self._made_of = self._made_of, _by_identity(compiled)
        turned: set[DoorKey] = set()
        if known.keys() == self._made_of.keys() and not renamed:
            return turned
        for key, door in self._doors.items():
            current = self._current(key)
            if current is not None and (current is not door.made_of or _asks(current, key.direction, renamed)):
                changed = self._door(key, current)
                self._replace(key, door, changed)
                if changed.can_pass != door.can_pass:
                    turned.add(key)
        return turned

    def are_there(self, policy_class: PolicyClass) -> bool:
        """Whether all that the class lists is there; one that lists what is gone is about to be given back."""
        policies, profiles = self._compiled.policies, self._compiled.profiles
        listed = (policy in policies for tier in policy_class.tiers for policy in tier.policies)
        return all(listed) and all(name in profiles for name in policy_class.profiles)

    def take(self, owner: PolicyId | str, direction: Direction, stage: Stage) -> tuple[DoorKey, Door]:
        """The door, for one more user. Raises KeyError where there is no such policy or profile."""
        key = DoorKey(owner, direction, Stage.NORMAL if stage is Stage.FORWARD else stage)
        if key not in self._doors:
            current = self._current(key)
            if current is None:
                raise KeyError(owner)
            door = self._doors[key] = self._door(key, current)
            self._users[key] = 0
            self.chains.take(door.chain.name, door.chain)
            self._take_content(door)
        self._users[key] += 1
        return key, self._doors[key]

    def give_back(self, key: DoorKey) -> None:
        """Undoes one `take`."""
        self._users[key] -= 1
        if not self._users[key]:
            del self._users[key]
            door = self._doors.pop(key)
            self.chains.give_back(door.chain.name)
            self._give_back_content(door)

    def _replace(self, key: DoorKey, before: Door, now: Door) -> None:
        self._doors[key] = now
        self._take_content(now)
        if now.chain != before.chain:
            self.chains.put(now.chain.name, now.chain)
        self._give_back_content(before)

    def _take_content(self, door: Door) -> None:
        if door.content is not None:
            self.contents.take(door.content.name, door.content)
        for counter in door.counters:
            self.counters.take(counter, counter)
        for literal in door.sets:
            self.sets.take(literal.name, literal)

    def _give_back_content(self, door: Door) -> None:
        if door.content is not None:
            self.contents.give_back(door.content.name)
        for counter in door.counters:
            self.counters.give_back(counter)
        for literal in door.sets:
            self.sets.give_back(literal.name)

    def _current(self, key: DoorKey) -> RuleOwner | None:
        if isinstance(key.owner, str):
            return self._compiled.profiles.get(key.owner)
        return self._compiled.policies.get(key.owner)

    def _door(self, key: DoorKey, made_of: RuleOwner) -> Door:
        direction = key.direction
        rules = made_of.rules(direction)
        counters = tuple(naming.counter_of_rule(made_of, direction, rule.index) for rule in rules)
        result = self.outcomes[key.stage, direction]
        if isinstance(made_of, CompiledPolicy):
            label, owner = f"{naming.short_name(made_of.id)}-{direction}", f"{made_of.id} {direction}"
            more = f", tier {made_of.tier}"
        else:
            label, owner = f"profile-{made_of.name}-{direction}", f"Profile/{made_of.name} {direction}"
            more = ""
            result = replace(result, passed=(Verdict.RETURN,))
        found: list[Rule] = []
        for rule, counter in zip(rules, counters, strict=True):
            comment = naming.comment(f"{owner} rule {rule.index}{more}{purpose(rule, self._compiled)}")
            found += kernel_rules(rule, counter, comment, result, self._members)
        content = None
        if len(found) > MOST_RULES_IN_DOOR:
            content = content_chain(label, found, owner + more)
            found = [Rule((Goto(content.name),))]
        stage = "" if key.stage is Stage.NORMAL else f"-{key.stage}"
        chain = Chain(naming.identifier(label + stage), tuple(found), comment=naming.comment(owner), is_door=True)
        sets = tuple(literal for rule in rules for literal in literal_sets(rule))
        can_pass = isinstance(made_of, CompiledPolicy) and any(rule.action is Action.PASS for rule in rules)
        return Door(made_of, chain, content, counters, sets, can_pass)


def _asks(owner: RuleOwner, direction: Direction, member_sets: frozenset[str]) -> bool:
    """Whether a rule of it looks into one of these."""
    return bool(member_sets) and any(
        asked in member_sets for rule in owner.rules(direction) for asked in member_sets_of(rule)
    )


def _by_identity(compiled: Compiled) -> dict[int, RuleOwner]:
    found: dict[int, RuleOwner] = {id(item): item for item in compiled.policies.values()}
    found.update((id(item), item) for item in compiled.profiles.values())
    return found
