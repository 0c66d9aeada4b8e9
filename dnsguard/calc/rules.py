"""Rules in terms of sets and numbers."""

from dataclasses import replace

from dnsguard.calc.asking import Asking
from dnsguard.calc.compiled import (
    ANY,
    Action,
    CompiledRule,
    Direction,
    EntityMatch,
    IcmpMatch,
    Network,
    PortRange,
)
from dnsguard.calc.networks import collapsed
from dnsguard.calc.scoping import entity_selectors
from dnsguard.resources import EntityRule, NamedPort, Net, Port, Rule
from dnsguard.resources.rule import ICMP


def compiled_rules(
    rules: tuple[Rule, ...], direction: Direction, namespace: str, sets: Asking
) -> tuple[CompiledRule, ...]:
    """The rules of one direction; `namespace` is empty in a global policy or profile."""
    return tuple(_compiled_rule(index, rule, direction, namespace, sets) for index, rule in enumerate(rules))


def _compiled_rule(index: int, rule: Rule, direction: Direction, namespace: str, sets: Asking) -> CompiledRule:
    action = Action(rule.action.value.lower())
    protocol = rule.protocol.number if rule.protocol is not None else None
    # Only there do names open a way: a name must never widen what is denied, passed on, or let in.
    with_leases = direction is Direction.EGRESS and action is Action.ALLOW
    source = _compiled_entity(rule.source, protocol, namespace, sets, with_leases=False)
    destination = _compiled_entity(rule.destination, protocol, namespace, sets, with_leases=with_leases)
    versions = _ip_versions(rule)
    if not versions:
        source = replace(source, nets=())
    return CompiledRule(
        index=index,
        action=action,
        ip_version=next(iter(versions)) if len(versions) == 1 else None,
        protocol=protocol,
        not_protocol=rule.not_protocol.number if rule.not_protocol is not None else None,
        icmp=_icmp(rule.icmp),
        not_icmp=_icmp(rule.not_icmp),
        source=source,
        destination=destination,
    )


def _compiled_entity(
    entity: EntityRule, protocol: int | None, namespace: str, sets: Asking, *, with_leases: bool
) -> EntityMatch:
    if not entity.model_fields_set:
        return ANY
    selectors = entity_selectors(entity, namespace)
    positive, negative = selectors.positive, selectors.negative
    leases = None
    if with_leases and entity.domains is not None:
        leases = sets.domain_leases(entity.domains)
    elif with_leases and positive is not None:
        leases = sets.leases(positive)
    # Port names are declared by endpoints. Beside domains alone no endpoint is meant, so a name stands for no port.
    of_domains = entity.domains is not None and positive is None
    named, not_named = [] if of_domains else _port_names(entity.ports), _port_names(entity.not_ports)
    ranges = _port_ranges(entity.ports or ())
    # Names alone leave no numeric condition; an empty list stays one that nothing meets.
    numbered = entity.ports is not None and (ranges or not named)
    return EntityMatch(
        nets=_networks(entity.nets) if entity.nets is not None else None,
        not_nets=_networks(entity.not_nets) if entity.not_nets else (),
        members=sets.members(positive) if positive is not None else None,
        leases=leases,
        not_members=sets.members(negative) if negative is not None else None,
        ports=ranges if numbered else None,
        named_ports=sets.ports(positive, protocol, named) if named else None,
        not_ports=_port_ranges(entity.not_ports or ()),
        not_named_ports=sets.ports(positive, protocol, not_named) if not_named else None,
    )


def _ip_versions(rule: Rule) -> set[int]:
    """The families a rule can match: a list of CIDRs confines it to those of its members, a negated list too."""
    versions = {4, 6} if rule.ip_version is None else {rule.ip_version}
    for entity in (rule.source, rule.destination):
        for nets in (entity.nets, entity.not_nets):
            if nets:
                versions &= {net.network.version for net in nets}
    return versions


def _networks(nets: tuple[Net, ...]) -> tuple[Network, ...]:
    return collapsed(net.network for net in nets)


def _icmp(icmp: ICMP | None) -> IcmpMatch | None:
    """An empty object restricts nothing, negated or not."""
    return IcmpMatch(icmp.type, icmp.code) if icmp is not None and icmp.type is not None else None


def _port_names(ports: tuple[Port, ...] | None) -> list[str]:
    return [port.name for port in ports or () if isinstance(port, NamedPort)]


def _port_ranges(ports: tuple[Port, ...]) -> tuple[PortRange, ...]:
    """Ascending, overlaps and neighbours joined."""
    joined: list[PortRange] = []
    for first, last in sorted((port.first, port.last) for port in ports if not isinstance(port, NamedPort)):
        if joined and first <= joined[-1].last + 1:
            joined[-1] = PortRange(joined[-1].first, max(last, joined[-1].last))
        else:
            joined.append(PortRange(first, last))
    return tuple(joined)
