"""One rule of a policy as kernel rules. Pure.

A compiled rule is a conjunction in which some conditions are unions: *members or leases or named ports*, a list of
ports, both families. The kernel has conjunctions only, so a rule becomes the product of its alternatives, all of them
with the same counter, verdict and comment. Conditions stand cheapest first.

A packet is counted once per rule: the first alternative that matches ends the policy, and those of a Log rule, which
ends nothing, exclude each other.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import product

from dnsguard.calc.compiled import Action, CompiledRule, EntityMatch, IcmpMatch, Network, PortRange
from dnsguard.dataplane import naming
from dnsguard.dataplane.denying import Denying
from dnsguard.dataplane.rules import (
    AddressIn,
    AddressWithin,
    Count,
    Family,
    Icmp,
    IcmpField,
    LeasedTo,
    Log,
    Match,
    Port,
    PortIn,
    Protocol,
    Rule,
    SetMark,
    Side,
    Statement,
    TripleIn,
    Verdict,
)
from dnsguard.dataplane.sets import IntervalSet, KeyType

MOST_PORT_RULES = 4
"""Ports that multiply to more become sets, others a rule each: 14 ns a rule, against 32 KB of kernel memory a set."""

_ICMP = {4: 1, 6: 58}
_Alternative = tuple[Match, ...]
_ALWAYS: tuple[_Alternative, ...] = ((),)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What each action means where the rule stands."""

    allow: tuple[Statement, ...]
    denying: Denying
    passed: tuple[Statement, ...]
    log_group: int
    log_per_second: int

    def rules(self, action: Action, matches: Sequence[Match], counter: str, comment: str) -> tuple[Rule, ...]:
        """What does it to packets that ``matches`` hold for."""
        counted = Count(counter)
        match action:
            case Action.ALLOW:
                done = self.allow
            case Action.DENY:
                return self.denying.rules(matches, counted, comment)
            case Action.PASS:
                done = self.passed
            case Action.LOG:
                done = (Log(counter[:127], self.log_group, self.log_per_second),)
        return (Rule((*matches, counted, *done), comment),)


def passing(mark: int) -> tuple[Statement, ...]:
    """Pass in a policy: leave it, with the bit set that its class tests."""
    return SetMark(mark), Verdict.RETURN


MemberNames = Callable[[str, int], str]
"""(identifier of a member set, family) → what its kernel set is called."""


def kernel_rules(
    rule: CompiledRule,
    counter: str,
    comment: str,
    outcome: Outcome,
    members: MemberNames = naming.member_set_name,
) -> tuple[Rule, ...]:
    """The kernel rules of one compiled rule; none when it can match nothing. ``counter`` is its id in logs, too."""
    # An alternative that looks at no address comes out the same for both families.
    alternatives = dict.fromkeys(
        _cheapest_first(matches) for family in _families(rule) for matches in _alternatives(rule, family, members)
    )
    return tuple(made for matches in alternatives for made in outcome.rules(rule.action, matches, counter, comment))


def literal_sets(rule: CompiledRule) -> Iterable[IntervalSet]:
    """The sets that the rule's own lists of CIDRs and ports need."""
    for entity in rule.source, rule.destination:
        for nets in entity.nets or (), entity.not_nets:
            for version in 4, 6:
                of_family = _of_family(nets, version)
                if len(of_family) > 1:
                    yield _nets_set(of_family, version)
        if _multiplies(rule, entity.ports or ()):
            yield _ports_set(entity.ports or ())
        if len(entity.not_ports) > MOST_PORT_RULES:
            yield _ports_set(entity.not_ports)


def network_ranges(networks: Iterable[Network]) -> tuple[tuple[int, int], ...]:
    """First and last address of each, ascending."""
    return tuple(sorted(map(network_range, networks)))


def network_range(network: Network) -> tuple[int, int]:
    """Its first and last address."""
    # Ten thousand of these are a set that changed: `broadcast_address` would make an object for each.
    first = int(network.network_address)
    return first, first + (1 << network.max_prefixlen - network.prefixlen) - 1


def _families(rule: CompiledRule) -> tuple[int | None, ...]:
    """``None`` when one kernel rule serves both."""
    if rule.ip_version is not None:
        return (rule.ip_version,)
    by_address = any(
        entity.nets is not None
        or entity.not_nets
        or {entity.members, entity.leases, entity.not_members, entity.named_ports, entity.not_named_ports} != {None}
        for entity in (rule.source, rule.destination)
    )
    return (4, 6) if by_address or _restricts(rule.icmp) or _restricts(rule.not_icmp) else (None,)


def _restricts(icmp: IcmpMatch | None) -> bool:
    """An empty ICMP condition says nothing."""
    return icmp is not None and not (icmp.type is None and icmp.code is None)


def member_sets_of(rule: CompiledRule) -> Iterator[str]:
    """The identifiers of the member sets that the rule asks."""
    for entity in rule.source, rule.destination:
        yield from filter(None, (entity.members, entity.not_members))


def _alternatives(rule: CompiledRule, family: int | None, members: MemberNames) -> Iterable[tuple[Match, ...]]:
    version = family or 4  # without a family there is no address in the rule, and nothing looks at it
    conditions = (
        _protocol_alternatives(rule, family),
        _entity_alternatives(rule, rule.source, Side.SOURCE, version, members),
        _entity_alternatives(rule, rule.destination, Side.DESTINATION, version, members),
    )
    for parts in product(*conditions):
        matches = tuple(match for part in parts for match in part)
        if rule.ip_version is not None and not any(_tells_family(match) for match in matches):
            matches = (Family(rule.ip_version), *matches)
        yield matches


def _tells_family(match: Match) -> bool:
    return isinstance(match, (AddressWithin, AddressIn, LeasedTo, TripleIn, Icmp))


def _protocol_alternatives(rule: CompiledRule, family: int | None) -> Sequence[_Alternative]:
    always: list[Match] = []
    if rule.not_protocol is not None:
        always.append(Protocol(rule.not_protocol, negated=True))
    icmp = rule.icmp if _restricts(rule.icmp) else None
    not_icmp = rule.not_icmp if _restricts(rule.not_icmp) else None
    if family is None or (icmp is None and not_icmp is None):
        if rule.protocol is not None:
            always.append(Protocol(rule.protocol))
        return (tuple(always),)
    if rule.protocol not in {None, _ICMP[family]}:
        return ()
    if icmp is not None:
        always += _icmp(family, icmp.type, icmp.code)
    if not_icmp is None:
        return (tuple(always),)
    found: list[_Alternative] = []
    if not_icmp.type is not None:
        found.append((*always, Icmp(family, IcmpField.TYPE, not_icmp.type, not_icmp.type, negated=True)))
    if not_icmp.code is not None:
        other_code = Icmp(family, IcmpField.CODE, not_icmp.code, not_icmp.code, negated=True)
        found.append((*always, *_icmp(family, not_icmp.type, None), other_code))
    return found


def _icmp(family: int, kind: int | None, code: int | None) -> list[Match]:
    found: list[Match] = []
    if kind is not None:
        found.append(Icmp(family, IcmpField.TYPE, kind, kind))
    if code is not None:
        found.append(Icmp(family, IcmpField.CODE, code, code))
    return found


def _entity_alternatives(
    rule: CompiledRule, entity: EntityMatch, side: Side, family: int, members: MemberNames
) -> Sequence[_Alternative]:
    protocol = rule.protocol
    always: list[Match] = []
    if entity.nets is not None:
        within = _within(_of_family(entity.nets, family), side, family, negated=False)
        if within is None:
            return ()
        always.append(within)
    if entity.not_nets:
        outside = _within(_of_family(entity.not_nets, family), side, family, negated=True)
        if outside is not None:
            always.append(outside)
    if entity.not_members is not None:
        always.append(AddressIn(side, family, members(entity.not_members, family), negated=True))
    if len(entity.not_ports) > MOST_PORT_RULES:
        always.append(PortIn(protocol, side, _ports_set(entity.not_ports).name, negated=True))
    else:
        always += [Port(protocol, side, ports.first, ports.last, negated=True) for ports in entity.not_ports]
    if entity.not_named_ports is not None:
        always.append(TripleIn(side, family, naming.port_set_name(entity.not_named_ports, family), negated=True))
    return [(*always, *positive) for positive in _positive_alternatives(rule, entity, side, family, members)]


def _positive_alternatives(
    rule: CompiledRule, entity: EntityMatch, side: Side, family: int, members: MemberNames
) -> list[_Alternative]:
    addresses: list[_Alternative] = []
    if entity.members is not None:
        addresses.append((AddressIn(side, family, members(entity.members, family)),))
    if entity.leases is not None:
        addresses.append((LeasedTo(family, naming.lease_set_names(entity.leases)[family == 6]),))
    if entity.members is None and entity.leases is None:
        addresses.extend(_ALWAYS)
    if entity.ports is None and entity.named_ports is None:
        return addresses
    ports: list[_Alternative]
    if _multiplies(rule, entity.ports or ()):
        ports = [(PortIn(rule.protocol, side, _ports_set(entity.ports or ()).name),)]
    else:
        ports = [(Port(rule.protocol, side, first, last),) for first, last in _port_ranges(entity.ports or ())]
    found: list[_Alternative] = [(*port, *address) for port in ports for address in addresses]
    if entity.named_ports is not None:
        named = naming.port_set_name(entity.named_ports, family)
        if rule.action is Action.LOG:
            found = [(*matches, TripleIn(side, family, named, negated=True)) for matches in found]
        found.append((TripleIn(side, family, named),))
    return found


def _multiplies(rule: CompiledRule, ports: tuple[PortRange, ...]) -> bool:
    """Whether a rule for each of these would multiply to too many, with what else the rule is a union of.

    A policy has a thousand rules in each direction, and while they are loaded everybody else's changes wait.
    """
    count = 1
    for entity in rule.source, rule.destination:
        of_addresses = (entity.members is not None) + (entity.leases is not None)
        count *= max(len(entity.ports or ()), 1) * max(of_addresses, 1)
    return len(ports) > 1 and count > MOST_PORT_RULES


def _of_family(networks: tuple[Network, ...], version: int) -> tuple[Network, ...]:
    return tuple(network for network in networks if network.version == version)


def _within(networks: tuple[Network, ...], side: Side, family: int, *, negated: bool) -> Match | None:
    if not networks:
        return None
    if len(networks) == 1:
        return AddressWithin(side, networks[0], negated)
    return AddressIn(side, family, _nets_set(networks, family).name, negated)


def _nets_set(networks: tuple[Network, ...], family: int) -> IntervalSet:
    ranges = merged(network_ranges(networks))
    key_type = KeyType.IPV4 if isinstance(networks[0], IPv4Network) else KeyType.IPV6
    return IntervalSet(naming.nets_set_name(repr(ranges), family), key_type, ranges)


def _ports_set(ports: tuple[PortRange, ...]) -> IntervalSet:
    ranges = _port_ranges(ports)
    return IntervalSet(naming.ports_set_name(repr(ranges)), KeyType.PORT, ranges)


def _port_ranges(ports: tuple[PortRange, ...]) -> tuple[tuple[int, int], ...]:
    return merged(tuple(sorted((item.first, item.last) for item in ports)))


def merged(ranges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Ranges that overlap become one, else the kernel refuses them; neighbours stay apart, as they were written."""
    merged: list[tuple[int, int]] = []
    for first, last in ranges:
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


_COST: dict[type, int] = {
    Family: 0, Protocol: 0, Icmp: 1, Port: 2, PortIn: 3, AddressWithin: 4, LeasedTo: 5, TripleIn: 6, AddressIn: 7,
}  # fmt: skip


def _cheapest_first(matches: Iterable[Match]) -> _Alternative:
    return tuple(sorted(matches, key=lambda match: _COST[type(match)]))
