"""Which fields of a rule go together: the V-rules that look at more than one of them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from dnsguard.resources.causes import Path
from dnsguard.resources.nets import duplicate_problems
from dnsguard.resources.ports import ICMP, ICMPV6, TCP, PortRange, Protocol
from dnsguard.resources.problems import Problem

if TYPE_CHECKING:
    from dnsguard.resources.rule import EntityRule, Rule, Services

MAX_RULES = 1024

# Beside domains: the field, its name as written, the rule, what to do instead.
_BESIDE_DOMAINS = (
    ("nets", "nets", "V-52", "write two rules, or a network set that holds both"),
    (
        "selector",
        "selector",
        "V-52",
        "write two rules, or put the domains into a network set that the selector matches",
    ),
    ("services", "services", "V-54", "write two rules"),
    ("namespace_selector", "namespaceSelector", "V-55", "a namespace holds no outside address: leave it out"),
    ("service_accounts", "serviceAccounts", "V-55", "no outside address has a service account: leave it out"),
    ("not_selector", "notSelector", "V-55", "only endpoints have labels: subtract with notNets"),
)

_NOT_BESIDE_SERVICES = (
    ("namespace_selector", "namespaceSelector"),
    ("selector", "selector"),
    ("not_selector", "notSelector"),
    ("service_accounts", "serviceAccounts"),
    ("nets", "nets"),
    ("not_nets", "notNets"),
)


def entity_problems(entity: "EntityRule") -> Iterable[Problem]:
    """V-39 to V-41 inside one list, V-45, V-52, V-54, V-55."""
    yield from duplicate_problems("nets", entity.nets, "duplicate")
    yield from duplicate_problems("notNets", entity.not_nets, "duplicate")
    for index, net in enumerate(entity.not_nets or ()):
        if net.network.prefixlen == 0:
            yield Problem(
                ("notNets", index), "V-41", f"{net.text} excludes every address, so the rule could never match"
            )
    if entity.domains is not None:
        for attribute, written, code, instead in _BESIDE_DOMAINS:
            if getattr(entity, attribute) is not None:
                yield Problem(("domains",), code, f"domains cannot be combined with {written}: {instead}")
    if entity.services is not None:
        for attribute, written in _NOT_BESIDE_SERVICES:
            if getattr(entity, attribute) is not None:
                yield Problem(("services",), "V-45", f"services cannot be combined with {written}")


def port_problems(rule: "Rule", broken: frozenset[str]) -> Iterable[Problem]:
    """V-32 and V-33: port numbers need a protocol, and one that has ports."""
    if "protocol" in broken:
        return
    for end, entity in (("source", rule.source), ("destination", rule.destination)):
        for field, ports in (("ports", entity.ports), ("notPorts", entity.not_ports)):
            if rule.protocol is None and any(isinstance(port, PortRange) for port in ports or ()):
                yield Problem((end, field), "V-32", "port numbers need a protocol: add protocol: TCP (or UDP, SCTP)")
            if rule.protocol is not None and not rule.protocol.has_ports and ports:
                yield Problem(
                    (end, field), "V-33", f"protocol {rule.protocol} has no ports that can be matched: leave them out"
                )


def icmp_problems(rule: "Rule", broken: frozenset[str]) -> Iterable[Problem]:
    """V-34 and V-36: ICMP belongs to its protocol, and each ICMP to its IP version."""
    is_icmp = rule.protocol is not None and rule.protocol.number in (ICMP, ICMPV6)
    if rule.icmp is not None and not is_icmp and "protocol" not in broken:
        yield Problem(("icmp",), "V-34", "needs protocol: ICMP or ICMPv6 in the same rule")
    for field, protocol in (("protocol", rule.protocol), ("notProtocol", rule.not_protocol)):
        if protocol is not None and _other_family(protocol) == rule.ip_version and rule.ip_version is not None:
            yield Problem((field,), "V-36", f"{protocol} does not exist with ipVersion {rule.ip_version}")


def _other_family(protocol: Protocol) -> int | None:
    return {ICMP: 6, ICMPV6: 4}.get(protocol.number)


def family_problems(rule: "Rule") -> Iterable[Problem]:
    """V-38 and V-39: all CIDRs of a rule are of one family, that of `ipVersion` where it is given."""
    first = None
    for end, entity in (("source", rule.source), ("destination", rule.destination)):
        for field, nets in (("nets", entity.nets), ("notNets", entity.not_nets)):
            for index, net in enumerate(nets or ()):
                version = net.network.version
                if rule.ip_version is not None and version != rule.ip_version:
                    yield Problem(
                        (end, field, index), "V-38", f"{net.text} is IPv{version}, but ipVersion is {rule.ip_version}"
                    )
                if first is None:
                    first = net
                elif version != first.network.version:
                    yield Problem(
                        (end, field, index),
                        "V-39",
                        f"{net.text} is IPv{version} and {first.text} is not: write two rules",
                    )


def http_problems(rule: "Rule", *, egress: bool) -> Iterable[Problem]:
    """V-37, and D-13 however right it is: without a proxy in the path the condition would go unseen."""
    if rule.http is None:
        return
    if egress:
        yield Problem(("http",), "V-37", "belongs into ingress rules only")
    if rule.action.value != "Allow":
        yield Problem(("http",), "V-37", f"belongs into Allow rules only, not into {rule.action.value}")
    if rule.protocol is not None and rule.protocol.number != TCP:
        yield Problem(("http",), "V-37", f"runs over TCP, and protocol is {rule.protocol}")
    yield Problem(("http",), "D-13", "is not supported: no HTTP proxy is in the path; match addresses and ports")


def rule_list_problems(field: str, rules: "Sequence[Rule]") -> Iterable[Problem]:
    """V-10, and D-12: without a service registry a rule with `services` would match nothing or, worse, everything."""
    if len(rules) > MAX_RULES:
        yield Problem((field,), "V-10", f"holds {len(rules)} rules; at most {MAX_RULES} are allowed")
    for path, _ in services_in(field, rules):
        yield Problem(
            path, "D-12", "is not supported: without a service registry; match the service's workloads by selector"
        )


def services_in(field: str, rules: "Sequence[Rule]") -> "Iterator[tuple[Path, Services]]":
    """Every `services` of a rule list, with its path."""
    for index, rule in enumerate(rules):
        for end, entity in (("source", rule.source), ("destination", rule.destination)):
            if entity.services is not None:
                yield (field, index, end, "services"), entity.services
