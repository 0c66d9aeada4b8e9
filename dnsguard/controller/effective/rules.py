"""A compiled rule as it is shown. Pure."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from dnsguard.api.views.effective import Does, EffectiveEnd, EffectiveRule, SetKind
from dnsguard.calc.compiled import ANY, Action, CompiledRule, EntityMatch, IcmpMatch
from dnsguard.resources.ports import PROTOCOL_NUMBERS

ACTIONS: Final[dict[Action, Does]] = {
    Action.ALLOW: "Allow",
    Action.DENY: "Deny",
    Action.PASS: "Pass",
    Action.LOG: "Log",
}
_PROTOCOLS: Final = {number: name for name, number in PROTOCOL_NUMBERS.items()}


def shown_rules(
    rules: Iterable[CompiledRule], written: Callable[[int], dict[str, Any] | None]
) -> tuple[EffectiveRule, ...]:
    """``written``: a rule by its place, as its author wrote it."""
    return tuple(_shown(rule, written(rule.index)) for rule in rules)


def sets_of(rules: Iterable[CompiledRule]) -> set[tuple[str, SetKind]]:
    """The sets that rules refer to. Identifiers are those of their kind: a selector may stand for addresses and
    names."""
    ends = [end for rule in rules for end in (rule.source, rule.destination)]
    found: set[tuple[str | None, SetKind]] = set()
    for end in ends:
        found |= {(end.members, "Addresses"), (end.not_members, "Addresses"), (end.leases, "Names")}
        found |= {(end.named_ports, "Ports"), (end.not_named_ports, "Ports")}
    return {(name, kind) for name, kind in found if name is not None}


def _shown(rule: CompiledRule, written: dict[str, Any] | None) -> EffectiveRule:
    return EffectiveRule(
        rule=rule.index,
        action=ACTIONS[rule.action],
        ip_version=rule.ip_version,
        protocol=_protocol(rule.protocol),
        not_protocol=_protocol(rule.not_protocol),
        icmp=_icmp(rule.icmp),
        not_icmp=_icmp(rule.not_icmp),
        source=_end(rule.source),
        destination=_end(rule.destination),
        written=written,
    )


def _end(end: EntityMatch) -> EffectiveEnd | None:
    if end == ANY:
        return None
    return EffectiveEnd(
        nets=None if end.nets is None else tuple(map(str, end.nets)),
        not_nets=tuple(map(str, end.not_nets)),
        members=end.members or "",
        names=end.leases or "",
        not_members=end.not_members or "",
        ports=None if end.ports is None else tuple(map(str, end.ports)),
        named_ports=end.named_ports or "",
        not_ports=tuple(map(str, end.not_ports)),
        not_named_ports=end.not_named_ports or "",
    )


def _protocol(number: int | None) -> str:
    return "" if number is None else _PROTOCOLS.get(number, str(number))


def _icmp(icmp: IcmpMatch | None) -> str:
    if icmp is None:
        return ""
    if icmp.type is None:
        return "any type"
    return f"type {icmp.type}" if icmp.code is None else f"type {icmp.type} code {icmp.code}"
