"""The sets of policy as kernel sets: leases, members, named ports. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dnsguard.calc.compiled import LeaseSet as CompiledLeaseSet
from dnsguard.calc.compiled import MemberSet, Network, PortSet
from dnsguard.dataplane import naming
from dnsguard.dataplane.hooks import cidr_set
from dnsguard.dataplane.sets import HashSet, IntervalSet, KeyType, LeaseSet, triple_key
from dnsguard.dataplane.settings import Settings
from dnsguard.dataplane.translate import merged, network_ranges
from dnsguard.dataplane.workloads import ADDRESS_TYPE, FAMILIES

_TRIPLE_TYPE = {4: KeyType.IPV4_TRIPLE, 6: KeyType.IPV6_TRIPLE}

Source = TypeVar("Source")
Kernel = TypeVar("Kernel", HashSet, IntervalSet, LeaseSet)


@dataclass(slots=True)
class Renderings(Generic[Source, Kernel]):
    """Kernel sets by identifier of what they are made of; made anew only for what is another object than last time."""

    render: Callable[[Source], tuple[Kernel, ...]]
    _made: dict[str, tuple[Source, tuple[Kernel, ...]]] = field(default_factory=dict)

    def of(self, sources: Mapping[str, Source]) -> tuple[Kernel, ...]:
        """The kernel sets, in the order of their identifiers. Those that did not change are the same objects."""
        for name in self._made.keys() - sources.keys():
            del self._made[name]
        for name, source in sources.items():
            known = self._made.get(name)
            if known is None or known[0] is not source:
                rendered = self.render(source)
                if known is not None:
                    rendered = tuple(map(same_if_equal, known[1], rendered))
                self._made[name] = source, rendered
        return tuple(item for name in sorted(self._made) for item in self._made[name][1])


def same_if_equal(before: Source, now: Source) -> Source:
    """``before`` where both are equal, so that nobody downstream need compare them again."""
    return before if before == now else now


def lease_sets(gc_seconds: int, item: CompiledLeaseSet) -> tuple[LeaseSet, ...]:
    comment = naming.comment(item.description)
    name_v4, name_v6 = naming.lease_set_names(item.id)
    return (
        LeaseSet(name_v4, KeyType.IPV4_PAIR, gc_seconds, comment),
        LeaseSet(name_v6, KeyType.IPV6_PAIR, gc_seconds, comment),
    )


def member_sets(item: MemberSet) -> tuple[IntervalSet, ...]:
    comment = naming.comment(item.description)
    return tuple(
        IntervalSet(naming.member_set_name(item.id, family), ADDRESS_TYPE[family], ranges, comment)
        for family, ranges in zip(FAMILIES, _ranges(item.networks), strict=True)
    )


def port_sets(item: PortSet) -> tuple[HashSet, ...]:
    comment = naming.comment(item.description)
    return tuple(
        HashSet(
            naming.port_set_name(item.id, family),
            _TRIPLE_TYPE[family],
            frozenset(triple_key(*member) for member in item.members if member[0].version == family),
            comment,
        )
        for family in FAMILIES
    )


def cidr_sets(settings: Settings) -> tuple[IntervalSet, ...]:
    return tuple(
        IntervalSet(cidr_set(family), ADDRESS_TYPE[family], ranges)
        for family, ranges in zip(FAMILIES, _ranges(settings.workload_cidrs), strict=True)
    )


def _ranges(networks: tuple[Network, ...]) -> list[tuple[tuple[int, int], ...]]:
    """The ranges of each family."""
    return [merged(network_ranges(item for item in networks if item.version == family)) for family in FAMILIES]
