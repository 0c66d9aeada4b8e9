"""Classes as chains: tiers in order, Pass, end of tier, profiles. Pure.

::

    class ─jump─► tier ─jump─► policy ─goto─► its rules, where they are many
      │ (a tier where nobody passes stands in the class itself)
      └─jump─► profile ─goto─► its rules, where they are many

Pass leaves the policy with a mark bit set; after each policy that can pass the tier's chain tests the bit and returns
to the class, which goes on with the next tier. So the chains lie four deep however many tiers there are: the kernel
follows sixteen. Every way through a class ends in a verdict, so nothing returns to where the class was entered.

A policy's chain is a door (`doors`): no class, tier or endpoint is touched by the edit of a policy.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dnsguard.calc.compiled import Action, Compiled, PolicyClass, PolicyId, Stage, TierSlice
from dnsguard.dataplane import naming
from dnsguard.dataplane.denying import denied_outright
from dnsguard.dataplane.doors import Door, DoorKey, Doors
from dnsguard.dataplane.rules import (
    Chain,
    ClearMark,
    ConnectionState,
    Count,
    Jump,
    Marked,
    Rule,
    Verdict,
    content_chain,
)
from dnsguard.dataplane.sets import IntervalSet
from dnsguard.dataplane.settings import Settings
from dnsguard.dataplane.shared import Shared
from dnsguard.dataplane.translate import MemberNames
from dnsguard.netlink.expressions import STATE_INVALID


@dataclass(eq=False, slots=True)
class ClassChain:
    """A class that somebody uses, and the name of its chain."""

    policy_class: PolicyClass
    failsafe: str | None
    name: str = ""
    users: int = 0
    aliases: list[PolicyClass] = field(default_factory=list)
    """Equal classes that are other objects; held, so that their identity stays theirs."""

    doors: tuple[DoorKey, ...] = ()
    tiers: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()


class ClassBuilder:
    """Keeps the chains, counters and literal sets of the classes in use, each once.

    `follow` the policy, then `take` new classes, then `give_back` those that are not used any more.
    """

    def __init__(self, settings: Settings, members: MemberNames = naming.member_set_name) -> None:
        """``members``: what member sets are called now."""
        self.settings = settings
        self.doors = Doors(settings, members)
        self.tiers = Shared[Chain]()
        self._classes = Shared[Chain]()
        self._built: dict[tuple[PolicyClass, str | None], ClassChain] = {}
        self._seen: dict[tuple[int, str | None], ClassChain] = {}
        """The same by identity: to hash a class costs more than the rest of an endpoint."""

    @property
    def chains(self) -> tuple[Chain, ...]:
        """All chains; each stands after those it refers to."""
        doors = self.doors
        return (*doors.contents.sorted(), *doors.chains.sorted(), *self.tiers.sorted(), *self._classes.sorted())

    @property
    def counters(self) -> Shared[str]:
        return self.doors.counters

    @property
    def sets(self) -> tuple[IntervalSet, ...]:
        """The literal sets."""
        return self.doors.sets.sorted()

    def follow(self, compiled: Compiled, renamed: frozenset[str] = frozenset()) -> bool:
        """Policies and profiles are these from now on, and these member sets have other names. Whether a class in use
        has another chain now."""
        turned = self.doors.follow(compiled, renamed)
        others = False
        for built in self._built.values() if turned else ():
            if not turned.isdisjoint(built.doors) and self.doors.are_there(built.policy_class):
                before = built.name, built.doors, built.tiers, built.counters
                self._build(built)
                self._drop(*before)
                others = others or built.name != before[0]
        return others

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
            self._drop(used.name, used.doors, used.tiers, used.counters)

    def _build(self, built: ClassChain) -> None:
        """Makes the chain of a class, and takes all that it refers to."""
        policy_class = built.policy_class
        making = _Making(self, policy_class)
        rules: list[Rule] = []
        if policy_class.stage is not Stage.UNTRACKED:
            counted = making.count(naming.COUNTER_INVALID)
            rules += denied_outright(self.settings, policy_class.direction).rules(
                [ConnectionState(STATE_INVALID)], counted, "belongs to no connection"
            )
        if built.failsafe is not None:
            rules.append(Rule((Jump(built.failsafe),), "ports that policy cannot close"))
        rules += making.rules()
        chain = self._named(policy_class, rules)
        self._classes.take(chain.name, chain)
        built.name = chain.name
        built.doors, built.tiers, built.counters = tuple(making.doors), tuple(making.tiers), tuple(making.counters)

    def _drop(self, name: str, doors: Iterable[DoorKey], tiers: Iterable[str], counters: Iterable[str]) -> None:
        self._classes.give_back(name)
        for tier in tiers:
            self.tiers.give_back(tier)
        for counter in counters:
            self.counters.give_back(counter)
        for key in doors:
            self.doors.give_back(key)

    def end(self, policy_class: PolicyClass, counted: Count, comment: str) -> tuple[Rule, ...]:
        """What denies what nothing decided."""
        return self.doors.outcomes[policy_class.stage, policy_class.direction].denying.rules(
            (), counted, naming.comment(comment)
        )

    def _named(self, policy_class: PolicyClass, rules: list[Rule]) -> Chain:
        tiers = [tier.tier for tier in policy_class.tiers] or list(policy_class.profiles) or ["nothing"]
        label = f"class-{policy_class.direction}{_stage(policy_class)}-{'.'.join(tiers)}"
        return content_chain(label, rules, f"{policy_class.direction} of endpoints with {', '.join(tiers)}")


def _stage(policy_class: PolicyClass) -> str:
    return "" if policy_class.stage is Stage.NORMAL else f"-{policy_class.stage}"


@dataclass(slots=True)
class _Making:
    """One class in the making, and what it has taken so far."""

    builder: ClassBuilder
    policy_class: PolicyClass
    doors: list[DoorKey] = field(default_factory=list)
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
            doors = [self._door(policy) for policy in tier.policies]
            closed = tier.default_action is Action.DENY
            if any(door.can_pass for door in doors):
                can_pass = True
                rules.append(Rule((Jump(self._tier(tier, doors)),), naming.comment(f"tier {tier.tier}")))
                continue
            rules += [_jump(door, f"tier {tier.tier}") for door in doors]
            if closed:
                rules += self._end_of(tier)
                break
        else:
            rules += self._after_tiers()
        if can_pass:
            rules.insert(0, Rule((ClearMark(self.builder.settings.pass_mark),), "no Pass yet"))
        return rules

    def _tier(self, tier: TierSlice, doors: Sequence[Door]) -> str:
        """The chain of a tier that a packet can leave without a verdict."""
        bit = self.builder.settings.pass_mark
        rules: list[Rule] = []
        for door in doors:
            rules.append(_jump(door, f"tier {tier.tier}"))
            if door.can_pass:
                rules.append(Rule((Marked(bit), ClearMark(bit), Verdict.RETURN), "Pass: on with the next tier"))
        if tier.default_action is Action.DENY:
            rules += self._end_of(tier)
        direction = self.policy_class.direction
        label = f"tier-{direction}{_stage(self.policy_class)}-{tier.tier}"
        chain = content_chain(label, rules, f"{direction} in tier {tier.tier}")
        self.builder.tiers.take(chain.name, chain)
        self.tiers.append(chain.name)
        return chain.name

    def _end_of(self, tier: TierSlice) -> tuple[Rule, ...]:
        counted = self.count(naming.counter_of_tier(tier.tier, self.policy_class.direction))
        return self.builder.end(self.policy_class, counted, f"end of tier {tier.tier}: deny")

    def _after_tiers(self) -> Iterable[Rule]:
        if self.policy_class.stage is not Stage.NORMAL:
            yield Rule((Verdict.ACCEPT,), "no decision: the next stage judges")
            return
        for name in self.policy_class.profiles:
            yield _jump(self._door(name), f"profile {name}")
        counted = self.count(naming.counter_of_no_profile(self.policy_class.direction))
        yield from self.builder.end(self.policy_class, counted, "no profile decided: deny")

    def _door(self, owner: PolicyId | str) -> Door:
        key, door = self.builder.doors.take(owner, self.policy_class.direction, self.policy_class.stage)
        self.doors.append(key)
        return door


def _jump(door: Door, comment: str) -> Rule:
    return Rule((Jump(door.chain.name),), naming.comment(comment))
