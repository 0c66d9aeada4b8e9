"""Compiled policy by hand, for tests of what reads it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network

from dnsguard.calc.compiled import (
    Action,
    Compiled,
    CompiledEndpoint,
    CompiledPolicy,
    CompiledProfile,
    CompiledRule,
    Direction,
    EndpointId,
    EntityMatch,
    LeaseSet,
    MemberSet,
    PolicyClass,
    PolicyId,
    PortRange,
    PortSet,
    Stage,
    TierSlice,
)
from dnsguard.domains import DomainPattern

ALLOW_ALL = CompiledProfile("kns.app", (CompiledRule(0, Action.ALLOW),), (CompiledRule(0, Action.ALLOW),))


def ports(*numbers: int) -> tuple[PortRange, ...]:
    return tuple(PortRange(number, number) for number in numbers)


def nets(*texts: str) -> EntityMatch:
    return EntityMatch(nets=tuple(ip_network(text) for text in texts))


def rules(*given: CompiledRule) -> tuple[CompiledRule, ...]:
    """The rules with their positions as indices."""
    return tuple(replace(rule, index=index) for index, rule in enumerate(given))


def policy(
    name: str,
    egress: Iterable[CompiledRule] = (),
    ingress: Iterable[CompiledRule] = (),
    tier: str = "application",
    namespace: str = "app",
) -> CompiledPolicy:
    kind = "NetworkPolicy" if namespace else "GlobalNetworkPolicy"
    return CompiledPolicy(PolicyId(kind, namespace, name), tier, rules(*ingress), rules(*egress))


def tier(name: str, *policies: CompiledPolicy, default: Action = Action.DENY) -> TierSlice:
    return TierSlice(name, default, tuple(item.id for item in policies))


def policy_class(
    direction: Direction, *tiers: TierSlice, profiles: tuple[str, ...] = ("kns.app",), stage: Stage = Stage.NORMAL
) -> PolicyClass:
    return PolicyClass(direction, stage, tiers, profiles)


def workload(
    name: str,
    *addresses: str,
    egress: PolicyClass | None = None,
    ingress: PolicyClass | None = None,
    node: str = "",
    interface: str = "",
) -> CompiledEndpoint:
    classes = {
        (Stage.NORMAL, Direction.EGRESS): egress or policy_class(Direction.EGRESS),
        (Stage.NORMAL, Direction.INGRESS): ingress or policy_class(Direction.INGRESS),
    }
    endpoint_id = EndpointId("WorkloadEndpoint", "app", name)
    return CompiledEndpoint(endpoint_id, node, interface, tuple(map(ip_address, addresses)), {}, classes)


def host(
    name: str, interface: str, *classes: PolicyClass, addresses: tuple[str, ...] = (), node: str = ""
) -> CompiledEndpoint:
    by_key = {(Stage.NORMAL, direction): policy_class(direction, profiles=()) for direction in Direction}
    by_key |= {(item.stage, item.direction): item for item in classes}
    endpoint_id = EndpointId("HostEndpoint", "", name)
    return CompiledEndpoint(endpoint_id, node, interface, tuple(map(ip_address, addresses)), {}, by_key)


def lease_set(set_id: str, *patterns: str) -> LeaseSet:
    return LeaseSet(set_id, f'set == "{set_id}"', frozenset(map(DomainPattern.parse, patterns)))


def member_set(set_id: str, *networks: str) -> MemberSet:
    return MemberSet(set_id, f'role == "{set_id}"', tuple(ip_network(text) for text in networks))


def port_set(set_id: str, *members: tuple[str, int, int]) -> PortSet:
    triples = frozenset((ip_address(address), protocol, port) for address, protocol, port in members)
    return PortSet(set_id, f"port {set_id}", triples)


def compiled(
    *,
    endpoints: Iterable[CompiledEndpoint] = (),
    policies: Iterable[CompiledPolicy] = (),
    profiles: Iterable[CompiledProfile] = (ALLOW_ALL,),
    members: Iterable[MemberSet] = (),
    leases: Iterable[LeaseSet] = (),
    named_ports: Iterable[PortSet] = (),
) -> Compiled:
    by_id: Mapping[str, MemberSet] = {item.id: item for item in members}
    return Compiled(
        endpoints={item.id: item for item in endpoints},
        policies={item.id: item for item in policies},
        profiles={item.name: item for item in profiles},
        member_sets=by_id,
        lease_sets={item.id: item for item in leases},
        port_sets={item.id: item for item in named_ports},
    )
