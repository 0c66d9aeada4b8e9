"""What a rule is for, in words that fit a comment. Pure."""

from dnsguard.calc.compiled import Compiled, CompiledRule, EntityMatch, LeaseSet, MemberSet, PortSet


def purpose(rule: CompiledRule, compiled: Compiled) -> str:
    """``: from <selector>, to <selector or domains>``; empty where the rule names neither."""
    found = [
        f"{way} {what}"
        for way, entity in (("from", rule.source), ("to", rule.destination))
        if (what := " or ".join(dict.fromkeys(_descriptions(entity, compiled))))
    ]
    return f": {', '.join(found)}" if found else ""


def _descriptions(entity: EntityMatch, compiled: Compiled) -> list[str]:
    sets: tuple[LeaseSet | MemberSet | PortSet | None, ...] = (
        compiled.lease_sets.get(entity.leases or ""),
        compiled.member_sets.get(entity.members or ""),
        compiled.port_sets.get(entity.named_ports or ""),
    )
    return [item.description for item in sets if item is not None]
