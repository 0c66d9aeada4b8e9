"""What a change of compiled policy may take away from connections that it allowed. Pure.

Judging all connections again costs, so it is done where a change can deny what was allowed, and not where endpoints
merely come or go, rules allow more, or sets grow that rules allow. In doubt it may.

Values that are the same objects in both are unchanged, so a change costs what it changes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import NamedTuple, TypeVar

from dnsguard.calc.compiled import (
    Action,
    Address,
    Compiled,
    CompiledEndpoint,
    CompiledPolicy,
    CompiledProfile,
    CompiledRule,
    Direction,
    EndpointId,
    MemberSet,
    Network,
    PortSet,
    RuleOwner,
)
from dnsguard.calc.evaluator.node import Node
from dnsguard.span import differing, exchanged

Name = TypeVar("Name")
_Named = TypeVar("_Named", CompiledPolicy, CompiledProfile)
_Uses = tuple[frozenset[str], frozenset[str]]
"""Sets that must not lose members, and sets that must not gain any, or something that was allowed is denied."""


class Withdrawal(NamedTuple):
    """What a change takes away."""

    of_policy: bool = False
    """Connections may be denied as soon as the new rules stand."""

    of_leases: bool = False
    """Domains went from lease sets: connections may be denied as soon as forwarders have taken their leases away."""

    gone: frozenset[Address] = frozenset()
    """Addresses of endpoints that are there no more. Their connections end with them; what is left of them must not
    pass for those of the next endpoint with the address."""


class Withdrawals:
    """Compares one state of policy after the other, for one node."""

    def __init__(self) -> None:
        self._endpoints: tuple[CompiledEndpoint, ...] = ()
        """Those that are counted in ``_claims``; held here so that no other object takes the place of one."""

        self._claims: dict[Address, int] = {}
        """How many of them have an address."""

        self._uses: dict[int, tuple[RuleOwner, _Uses]] = {}
        """By identity of the policy or profile."""

    def between(self, before: Compiled, after: Compiled, node: Node) -> Withdrawal:
        """What ``after`` takes away of what ``before`` allowed."""
        current = tuple(after.endpoints.values())
        self._follow(tuple(before.endpoints.values()))
        left, came = exchanged(self._endpoints, current)
        turnover = _Turnover(left, came)
        denies = (
            any(_is_judged_otherwise(*pair) for pair in turnover.changed)
            or any(not each.is_workload for each in (*turnover.gone, *turnover.new))
            or any(self._takes_over(each, node) for each in turnover.new)
            or any(self._claims[address] > 1 for each in turnover.gone for address in each.addresses)
            or _narrows(before.policies, after.policies)
            or _narrows(before.profiles, after.profiles)
            or self._sets_narrow(before, after, turnover)
        )
        return Withdrawal(denies, _domains_went(before, after), turnover.gone_addresses)

    def _follow(self, endpoints: tuple[CompiledEndpoint, ...]) -> None:
        left, came = exchanged(self._endpoints, endpoints)
        for each in left:
            for address in each.addresses:
                self._claims[address] -= 1
                if not self._claims[address]:
                    del self._claims[address]
        for each in came:
            for address in each.addresses:
                self._claims[address] = self._claims.get(address, 0) + 1
        self._endpoints = endpoints

    def _takes_over(self, endpoint: CompiledEndpoint, node: Node) -> bool:
        """Whether there may be connections to or from a new endpoint: its addresses were another's, or nothing there
        was closed before it came."""
        if any(address in self._claims for address in endpoint.addresses):
            return True
        if not node.has(endpoint) or node.is_for_workloads(endpoint.interface):
            return False
        return not all(any(address in each for each in node.workload_cidrs) for address in endpoint.addresses)

    def _sets_narrow(self, before: Compiled, after: Compiled, turnover: "_Turnover") -> bool:
        changes = [*_member_changes(before, after, turnover), *_port_changes(before, after, turnover)]
        if not changes:
            return False
        rules: list[RuleOwner] = [*after.policies.values(), *after.profiles.values()]
        used = [self._uses_of(each) for each in rules]
        if len(self._uses) > 2 * len(rules) + 1000:
            self._uses = {id(each): (each, uses) for each, uses in zip(rules, used, strict=True)}
        return any(
            (lost and name in keep) or (gained and name in confine)
            for name, lost, gained in changes
            for keep, confine in used
        )

    def _uses_of(self, rules: RuleOwner) -> _Uses:
        found = self._uses.get(id(rules))
        if found is None or found[0] is not rules:
            found = self._uses[id(rules)] = rules, _uses(rules)
        return found[1]


class _Turnover:
    """Endpoints that changed, came and went."""

    def __init__(self, left: Iterable[CompiledEndpoint], came: Iterable[CompiledEndpoint]) -> None:
        old: dict[EndpointId, CompiledEndpoint] = {each.id: each for each in left}
        self.changed: list[tuple[CompiledEndpoint, CompiledEndpoint]] = []
        self.new: list[CompiledEndpoint] = []
        for each in came:
            before = old.pop(each.id, None)
            if before is None:
                self.new.append(each)
            else:
                self.changed.append((before, each))
        self.gone = list(old.values())
        self.gone_addresses = frozenset(address for each in self.gone for address in each.addresses)
        self.new_addresses = frozenset(address for each in self.new for address in each.addresses)


def _is_judged_otherwise(before: CompiledEndpoint, after: CompiledEndpoint) -> bool:
    return (
        before.classes != after.classes
        or before.addresses != after.addresses
        or (before.interface, before.node) != (after.interface, after.node)
    )


def _narrows(before: Mapping[Name, _Named], after: Mapping[Name, _Named]) -> bool:
    """One that is new or gone is so for classes that are others now."""
    return any(
        (old := before.get(name)) is not None
        and old is not rules
        and any(denies_more(old.rules(direction), rules.rules(direction)) for direction in Direction)
        for name, rules in after.items()
    )


def denies_more(before: Iterable[CompiledRule], after: Iterable[CompiledRule]) -> bool:
    """Whether a list of rules may deny what another allowed: unless it is the same with Allow rules put in, Deny rules
    taken out, or notes for the log."""
    old = [replace(rule, index=0) for rule in before if rule.action is not Action.LOG]
    at = 0
    for rule in (replace(rule, index=0) for rule in after if rule.action is not Action.LOG):
        same = at
        while same < len(old) and old[same] != rule and old[same].action is Action.DENY:
            same += 1
        if same < len(old) and old[same] == rule:
            at = same + 1
        elif rule.action is not Action.ALLOW:
            return True
    return any(rule.action is not Action.DENY for rule in old[at:])


def _uses(rules: RuleOwner) -> _Uses:
    keep: set[str] = set()
    confine: set[str] = set()
    for rule in (*rules.ingress, *rules.egress):
        for entity in rule.source, rule.destination:
            matching = {name for name in (entity.members, entity.named_ports) if name is not None}
            excluding = {name for name in (entity.not_members, entity.not_named_ports) if name is not None}
            match rule.action:
                case Action.ALLOW:
                    keep |= matching
                    confine |= excluding
                case Action.DENY:
                    keep |= excluding
                    confine |= matching
                case Action.PASS:
                    keep |= matching | excluding
                    confine |= matching | excluding
                case Action.LOG:
                    pass
    return frozenset(keep), frozenset(confine)


_SetChange = tuple[str, bool, bool]
"""A set, and whether it lost and gained members besides those of endpoints that went and came."""


def _member_changes(before: Compiled, after: Compiled, turnover: _Turnover) -> Iterator[_SetChange]:
    for name, now in after.member_sets.items():
        old = before.member_sets.get(name)
        if old is not None and old is not now:
            lost, gained = _ranges_between(old, now)
            yield name, not _all_in(lost, turnover.gone_addresses), not _all_in(gained, turnover.new_addresses)


def _port_changes(before: Compiled, after: Compiled, turnover: _Turnover) -> Iterator[_SetChange]:
    for name, now in after.port_sets.items():
        old: PortSet | None = before.port_sets.get(name)
        if old is not None and old is not now:
            lost = {address for address, _, _ in old.members - now.members} - turnover.gone_addresses
            gained = {address for address, _, _ in now.members - old.members} - turnover.new_addresses
            yield name, bool(lost), bool(gained)


_Range = tuple[int, int, int]
"""IP version, first and last address."""


def _ranges_between(before: MemberSet, after: MemberSet) -> tuple[list[_Range], list[_Range]]:
    """What a set lost, and what it gained."""
    span = differing(before.networks, after.networks)
    old, new = list(map(_range, span.old)), list(map(_range, span.new))
    return list(_without(old, new)), list(_without(new, old))


def _range(network: Network) -> _Range:
    first = int(network.network_address)
    return network.version, first, first + (1 << network.max_prefixlen - network.prefixlen) - 1


def _without(some: list[_Range], others: list[_Range]) -> Iterator[_Range]:
    """``some`` less ``others``; both ascend and are disjoint in themselves."""
    at = 0
    for version, first, last in some:
        while at < len(others) and (others[at][0], others[at][2]) < (version, first):
            at += 1
        look = at
        while look < len(others) and (others[look][0], others[look][1]) <= (version, last):
            if first < others[look][1]:
                yield version, first, others[look][1] - 1
            first = others[look][2] + 1
            look += 1
        if first <= last:
            yield version, first, last


def _all_in(ranges: list[_Range], addresses: frozenset[Address]) -> bool:
    if sum(last - first + 1 for _, first, last in ranges) > len(addresses):
        return False
    return all(
        _address(version, number) in addresses for version, first, last in ranges for number in range(first, last + 1)
    )


def _address(version: int, number: int) -> Address:
    return ip_address(number.to_bytes(4 if version == 4 else 16, "big"))


def _domains_went(before: Compiled, after: Compiled) -> bool:
    return any(
        (old := before.lease_sets.get(name)) is not None and old is not now and bool(old.patterns - now.patterns)
        for name, now in after.lease_sets.items()
    )
