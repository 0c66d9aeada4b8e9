"""Compiled policy as one table. Pure.

Maps and sets of endpoints that would be empty are left out, with the rules that ask them. So those of a node's first
endpoints are new: they come filled before any rule refers to them, however many endpoints there are.
"""

from collections.abc import Iterable, Iterator
from ipaddress import collapse_addresses

from dnsguard.calc.compiled import Address, Compiled, CompiledEndpoint, Direction, EndpointId, Network, Stage
from dnsguard.dataplane import naming
from dnsguard.dataplane.classes import ClassBuilder
from dnsguard.dataplane.hooks import (
    INTERFACE_SET,
    HostStage,
    HostStages,
    base_chains,
    cidr_set,
    failsafe_chain,
    host_map,
    local_set,
    remote_set,
    source_set,
    workload_map,
)
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.sets import Entry, HashSet, IntervalSet, KeyType, LeaseSet, Set, VerdictMap
from dnsguard.dataplane.settings import Settings
from dnsguard.dataplane.translate import network_ranges

_ADDRESS = {4: KeyType.IPV4, 6: KeyType.IPV6}
_TRIPLE = {4: KeyType.IPV4_TRIPLE, 6: KeyType.IPV6_TRIPLE}
_LINK = {4: KeyType.INTERFACE_IPV4, 6: KeyType.INTERFACE_IPV6}
_FAMILIES = 4, 6
_EVERY_INTERFACE = "*"


def build_plan(compiled: Compiled, settings: Settings) -> Plan:
    """The table that enforces ``compiled`` on this node.

    With nothing compiled it is the base that keeps unknown workloads closed; that one is loaded before any other.
    """
    builder = ClassBuilder(compiled, settings)
    workloads = [endpoint for endpoint in compiled.endpoints.values() if endpoint.is_workload]
    local = [endpoint for endpoint in workloads if _is_here(endpoint, settings)]
    remote = [endpoint for endpoint in workloads if not _is_here(endpoint, settings)]
    hosts = [item for item in compiled.endpoints.values() if not item.is_workload and _is_here(item, settings)]

    warnings: list[str] = []
    maps = list(_workload_maps(builder, local, warnings))
    stages, host_maps = _host_stages(builder, hosts, warnings)
    of_endpoints: list[Set] = [*maps, *_endpoint_sets(local, remote)]
    bases = tuple(base_chains(builder, stages, frozenset(item.name for item in of_endpoints)))
    sets: list[Set] = [
        *_lease_sets(compiled, settings),
        *of_endpoints,
        *host_maps,
        *_cidr_sets(settings),
        *_member_sets(compiled),
        *_port_sets(compiled),
        *builder.sets.values(),
    ]
    chains = (*builder.chains.values(), *bases)
    return Plan(settings.table, tuple(sets), tuple(builder.counters), chains, tuple(warnings))


def _is_here(endpoint: CompiledEndpoint, settings: Settings) -> bool:
    return not settings.node or endpoint.node in {"", settings.node}


def _lease_sets(compiled: Compiled, settings: Settings) -> Iterator[LeaseSet]:
    for lease_set in compiled.lease_sets.values():
        comment = naming.comment(lease_set.description)
        name_v4, name_v6 = naming.lease_set_names(lease_set.id)
        yield LeaseSet(name_v4, KeyType.IPV4_PAIR, settings.lease_gc_seconds, comment)
        yield LeaseSet(name_v6, KeyType.IPV6_PAIR, settings.lease_gc_seconds, comment)


def _workload_maps(
    builder: ClassBuilder, local: Iterable[CompiledEndpoint], warnings: list[str]
) -> Iterator[VerdictMap]:
    """Of two endpoints with one address the first by name has it: a packet can have one judge only."""
    owners: dict[bytes, CompiledEndpoint] = {}
    labels: dict[EndpointId, str] = {}
    for endpoint in sorted(local, key=lambda item: item.id):
        labels[endpoint.id] = naming.comment(str(endpoint.id))
        for address in endpoint.addresses:
            owner = owners.setdefault(address.packed, endpoint)
            if owner is not endpoint:
                warnings.append(f"{endpoint.id}: {address} belongs to {owner.id} already")
    for direction in Direction.EGRESS, Direction.INGRESS:
        place = Stage.NORMAL, direction
        for family in _FAMILIES:
            length = _ADDRESS[family].length
            entries = {
                key: Entry(builder.class_chain(endpoint.classes[place]), labels[endpoint.id])
                for key, endpoint in owners.items()
                if len(key) == length
            }
            if entries:
                yield VerdictMap(workload_map(direction, family), _ADDRESS[family], entries)


def _host_stages(
    builder: ClassBuilder, hosts: Iterable[CompiledEndpoint], warnings: list[str]
) -> tuple[HostStages, list[VerdictMap]]:
    named: dict[str, CompiledEndpoint] = {}
    every: CompiledEndpoint | None = None
    for endpoint in sorted(hosts, key=lambda item: item.id):
        if endpoint.interface == _EVERY_INTERFACE:
            if every is not None:
                warnings.append(f"{endpoint.id}: {every.id} stands for every interface already")
            every = every or endpoint
            continue
        interfaces = _interfaces(endpoint, builder.settings)
        if not interfaces:
            warnings.append(f"{endpoint.id}: no interface of this node has one of its addresses; not enforced")
        for interface in interfaces:
            if interface in named:
                warnings.append(f"{endpoint.id}: {interface} belongs to {named[interface].id} already")
            named.setdefault(interface, endpoint)
    stages: HostStages = {}
    maps: list[VerdictMap] = []
    for stage in Stage:
        for direction in Direction:
            key = stage, direction
            if not any(key in endpoint.classes for endpoint in (*named.values(), *([every] if every else []))):
                continue
            entries: dict[bytes, Entry] = {}
            for interface, endpoint in named.items():
                chain = _host_class(builder, endpoint, stage, direction)
                entries[interface_key(interface)] = Entry(chain, naming.comment(str(endpoint.id)))
            maps.append(VerdictMap(host_map(stage, direction), KeyType.INTERFACE, entries))
            everywhere = _host_class(builder, every, stage, direction) if every else None
            stages[key] = HostStage(stage, direction, everywhere)
    return stages, maps


def _host_class(builder: ClassBuilder, endpoint: CompiledEndpoint, stage: Stage, direction: Direction) -> str | None:
    policy_class = endpoint.classes.get((stage, direction))
    if policy_class is None:
        return None
    return builder.class_chain(policy_class, failsafe_chain(builder, stage, direction))


def _interfaces(endpoint: CompiledEndpoint, settings: Settings) -> list[str]:
    if endpoint.interface:
        return [endpoint.interface]
    wanted = set(endpoint.addresses)
    return [name for name, addresses in settings.interface_addresses if wanted.intersection(addresses)]


def interface_key(name: str) -> bytes:
    """An interface's name as the kernel compares it."""
    return name.encode()[:15].ljust(16, b"\0")


def _endpoint_sets(local: Iterable[CompiledEndpoint], remote: Iterable[CompiledEndpoint]) -> Iterator[HashSet]:
    for family in _FAMILIES:
        for name, endpoints in (local_set(family), local), (remote_set(family), remote):
            if keys := _packed(endpoints, family):
                yield HashSet(name, _ADDRESS[family], keys)
    if interfaces := frozenset(interface_key(endpoint.interface) for endpoint in local if endpoint.interface):
        yield HashSet(INTERFACE_SET, KeyType.INTERFACE, interfaces)
        for family in _FAMILIES:  # an empty one, too: it says that nothing of that family may come
            yield HashSet(source_set(family), _LINK[family], _links(local, family))


def _links(endpoints: Iterable[CompiledEndpoint], family: int) -> frozenset[bytes]:
    return frozenset(
        interface_key(endpoint.interface) + address.packed
        for endpoint in endpoints
        if endpoint.interface
        for address in endpoint.addresses
        if address.version == family
    )


def _packed(endpoints: Iterable[CompiledEndpoint], family: int) -> frozenset[bytes]:
    return frozenset(
        address.packed for endpoint in endpoints for address in endpoint.addresses if address.version == family
    )


def _cidr_sets(settings: Settings) -> Iterator[IntervalSet]:
    for family in _FAMILIES:
        yield IntervalSet(cidr_set(family), _ADDRESS[family], _ranges(settings.workload_cidrs, family))


def _member_sets(compiled: Compiled) -> Iterator[IntervalSet]:
    for member_set in compiled.member_sets.values():
        for family in _FAMILIES:
            name = naming.member_set_name(member_set.id, family)
            ranges = _ranges(member_set.networks, family)
            yield IntervalSet(name, _ADDRESS[family], ranges, naming.comment(member_set.description))


def _ranges(networks: Iterable[Network], family: int) -> tuple[tuple[int, int], ...]:
    if family == 4:
        return network_ranges(collapse_addresses([item for item in networks if item.version == 4]))
    return network_ranges(collapse_addresses([item for item in networks if item.version == 6]))


def _port_sets(compiled: Compiled) -> Iterator[HashSet]:
    for port_set in compiled.port_sets.values():
        for family in _FAMILIES:
            keys = frozenset(triple_key(*member) for member in port_set.members if member[0].version == family)
            name = naming.port_set_name(port_set.id, family)
            yield HashSet(name, _TRIPLE[family], keys, naming.comment(port_set.description))


def triple_key(address: Address, protocol: int, port: int) -> bytes:
    """(address, protocol, port) as a key; each field padded to four bytes."""
    return address.packed + bytes((protocol, 0, 0, 0)) + port.to_bytes(2, "big") + b"\0\0"
