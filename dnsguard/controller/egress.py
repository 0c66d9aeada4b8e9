"""What classes say of egress, kept from one compiled policy to the next. Pure.

A value of a ``Compiled`` that did not change is the same object as before, so what was made of it is still right. What
a class was made from is noted with it: a changed policy, profile or set makes void just the classes that refer to it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dnsguard.calc.compiled import ANY, Compiled, CompiledRule, EntityMatch, PolicyClass

Need = tuple[str, object]
"""(mapping of ``Compiled``, key in it)."""

SPARE = 1_000
"""Classes that are remembered beyond those in use, before anybody looks which those are."""

_MAPPINGS = ("policies", "profiles", "member_sets", "port_sets")


class EgressFacts:
    """One class, as far as look-ups are concerned."""

    __slots__ = ("lease_sets", "looks_at_source", "needs", "policy_class", "valid")

    def __init__(self, policy_class: PolicyClass, compiled: Compiled) -> None:
        rules = list(rules_of(policy_class, compiled))
        self.policy_class = policy_class
        """Held here so that no other object can take its place."""

        self.lease_sets = frozenset(leases for rule in rules if (leases := rule.destination.leases) is not None)
        self.looks_at_source = any(rule.source != ANY for rule in rules)
        self.needs = frozenset(_needs(policy_class, rules))
        self.valid = True
        """Until something that it was made from changes."""


def rules_of(policy_class: PolicyClass, compiled: Compiled) -> Iterator[CompiledRule]:
    """All egress rules that may judge, those of profiles last."""
    for tier in policy_class.tiers:
        for policy in tier.policies:
            yield from compiled.policies[policy].egress
    for profile in policy_class.profiles:
        yield from compiled.profiles[profile].egress


def _needs(policy_class: PolicyClass, rules: list[CompiledRule]) -> Iterator[Need]:
    for tier in policy_class.tiers:
        for policy in tier.policies:
            yield "policies", policy
    for profile in policy_class.profiles:
        yield "profiles", profile
    for rule in rules:
        yield from _sets(rule.source)
        yield from _sets(rule.destination)


def _sets(match: EntityMatch) -> Iterator[Need]:
    if match is ANY:
        return
    for member_set in (match.members, match.not_members):
        if member_set is not None:
            yield "member_sets", member_set
    for port_set in (match.named_ports, match.not_named_ports):
        if port_set is not None:
            yield "port_sets", port_set


class EgressClasses:
    """The facts of the classes in use."""

    def __init__(self) -> None:
        self._compiled = Compiled()
        self._facts: dict[int, EgressFacts] = {}
        """By identity of the class: to hash one costs more than everything else about it."""

        self._most = SPARE

    def follow(self, compiled: Compiled) -> None:
        """Turn to this policy: facts that it makes void are forgotten and marked as such."""
        changed = set(_changed(self._compiled, compiled))
        self._compiled = compiled
        if changed:
            for key, facts in list(self._facts.items()):
                if not facts.needs.isdisjoint(changed):
                    facts.valid = False
                    del self._facts[key]

    def of(self, policy_class: PolicyClass) -> EgressFacts:
        """What there is to know of a class of the policy that is followed."""
        facts = self._facts.get(id(policy_class))
        if facts is None:
            facts = self._facts[id(policy_class)] = EgressFacts(policy_class, self._compiled)
        return facts

    def keep(self, used: Iterable[tuple[EgressFacts, ...]]) -> None:
        """Forget what is not among these, once that has become much."""
        if len(self._facts) <= self._most:
            return
        found = {id(facts.policy_class) for several in used for facts in several}
        self._facts = {key: facts for key, facts in self._facts.items() if key in found}
        self._most = 2 * len(self._facts) + SPARE


def _changed(before: Compiled, after: Compiled) -> Iterator[Need]:
    for name in _MAPPINGS:
        old: Mapping[Any, object] = getattr(before, name)
        new: Mapping[Any, object] = getattr(after, name)
        if old is not new:
            yield from ((name, key) for key, value in new.items() if old.get(key) is not value)
            yield from ((name, key) for key in old.keys() - new.keys())
