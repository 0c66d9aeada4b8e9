"""What classes say of egress, kept from one compiled policy to the next. Pure.

A value of a ``Compiled`` that did not change is the same object as before, so what was made of it is still right. What
a class was made from is noted with it: a changed policy, profile or set makes void just the classes that refer to it.
Of a set of destinations just that counts what it says of the forwarder's own addresses: many sets change with every
endpoint that comes, and hardly ever in that.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from dnsguard.calc.compiled import (
    ANY,
    Address,
    Compiled,
    CompiledRule,
    EntityMatch,
    MemberSet,
    PolicyClass,
    PortSet,
)
from dnsguard.calc.networks import contains
from dnsguard.servers import DNS_PORT

Key = TypeVar("Key")

Need = tuple[str, object]
"""(what is needed, key): ``policies``, ``profiles``; of sets ``sources``, that is all of it, or ``destinations``."""

SPARE = 1_000
"""Classes that are remembered beyond those in use, before anybody looks which those are."""

PROTOCOLS = {"udp": 17, "tcp": 6}
"""By which DNS is asked. Of egress it is judged whether they may go to port 53."""


class EgressFacts:
    """One class, as far as look-ups are concerned."""

    __slots__ = ("lease_sets", "looks_at_source", "needs", "policy_class", "rights", "valid")

    def __init__(self, policy_class: PolicyClass, compiled: Compiled) -> None:
        rules = list(rules_of(policy_class, compiled))
        self.policy_class = policy_class
        """Held here so that no other object can take its place."""

        self.lease_sets = frozenset(leases for rule in rules if (leases := rule.destination.leases) is not None)
        self.looks_at_source = any(rule.source != ANY for rule in rules)
        self.needs = frozenset(_needs(policy_class, rules))
        self.rights: dict[frozenset[int], tuple[str, ...]] = {}
        """Versions of IP that an endpoint has → which of the forwarder's addresses it may ask; not where a rule looks
        at the source."""

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
        yield from (("sources", name) for name in _sets(rule.source))
        yield from (("destinations", name) for name in _sets(rule.destination))


def _sets(match: EntityMatch) -> Iterator[str]:
    if match is not ANY:
        for name in (match.members, match.not_members, match.named_ports, match.not_named_ports):
            if name is not None:
                yield name


class EgressClasses:
    """The facts of the classes in use."""

    def __init__(self) -> None:
        self._compiled = Compiled()
        self._asked: tuple[Address, ...] = ()
        self._facts: dict[int, EgressFacts] = {}
        """By identity of the class: to hash one costs more than everything else about it."""

        self._most = SPARE

    def follow(self, compiled: Compiled, asked: Iterable[Address]) -> bool:
        """Turn to this policy: facts that it makes void are forgotten and marked as such. Whether there were any.

        ``asked`` are the forwarder's addresses; where these change, every judgement is void, and other facts are not.
        """
        asked = tuple(asked)
        changed = set(_changed(self._compiled, compiled, asked))
        if asked != self._asked:
            for facts in self._facts.values():
                facts.rights.clear()
        self._compiled, self._asked = compiled, asked
        void = [key for key, facts in self._facts.items() if not facts.needs.isdisjoint(changed)] if changed else []
        for key in void:
            self._facts.pop(key).valid = False
        return bool(void)

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


def _changed(before: Compiled, after: Compiled, asked: tuple[Address, ...]) -> Iterator[Need]:
    yield from (("policies", key) for key in _others(before.policies, after.policies))
    yield from (("profiles", key) for key in _others(before.profiles, after.profiles))
    for name in _others(before.member_sets, after.member_sets):
        yield "sources", name
        if _members(before.member_sets.get(name), asked) != _members(after.member_sets.get(name), asked):
            yield "destinations", name
    for name in _others(before.port_sets, after.port_sets):
        yield "sources", name
        if _ports(before.port_sets.get(name), asked) != _ports(after.port_sets.get(name), asked):
            yield "destinations", name


def _others(old: Mapping[Key, object], new: Mapping[Key, object]) -> Iterator[Key]:
    """The keys of what is not the same object in both."""
    if old is not new:
        yield from (key for key, value in new.items() if old.get(key) is not value)
        yield from (key for key in old.keys() - new.keys())


def _members(member_set: MemberSet | None, asked: tuple[Address, ...]) -> list[bool] | None:
    """Which of the addresses are in it."""
    return None if member_set is None else [contains(member_set.networks, address) for address in asked]


def _ports(port_set: PortSet | None, asked: tuple[Address, ...]) -> list[bool] | None:
    """At which of the addresses DNS is among its ports."""
    if port_set is None:
        return None
    return [(address, protocol, DNS_PORT) in port_set.members for address in asked for protocol in PROTOCOLS.values()]
