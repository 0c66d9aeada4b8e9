"""The sets of policy as kernel sets: leases, members, named ports. Pure.

A set that changed is made from what it was, where that is known: of ten thousand members one is looked at.

To exchange the content of a set of a hundred thousand ranges takes the kernel long, and meanwhile no look-up is
answered. So where many change at once the set is another one, with another name, which is filled in small transactions
before the rules that ask it are exchanged; where few change, it stays the same one. The name of a large set follows the
range with the smallest hash, which is another one as likely as ranges are.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from dnsguard.calc.compiled import Address, MemberSet, Network, PortSet
from dnsguard.calc.compiled import LeaseSet as CompiledLeaseSet
from dnsguard.dataplane import naming
from dnsguard.dataplane.setnames import cidr_set
from dnsguard.dataplane.sets import HashSet, IntervalSet, KeyType, LeaseSet, triple_key
from dnsguard.dataplane.settings import Settings
from dnsguard.dataplane.translate import merged, network_range, network_ranges
from dnsguard.dataplane.workloads import ADDRESS_TYPE, FAMILIES
from dnsguard.span import differing

_TRIPLE_TYPE = {4: KeyType.IPV4_TRIPLE, 6: KeyType.IPV6_TRIPLE}

LARGE = 2_000
"""Ranges from which on a set's name follows its content: some 10 ms of the kernel's time."""

Ranges = tuple[tuple[int, int], ...]
_Triple = tuple[Address, int, int]
Source = TypeVar("Source")
Kernel = TypeVar("Kernel", HashSet, IntervalSet, LeaseSet)


Made = tuple[Source, tuple[Kernel, ...]]
"""What kernel sets were made of, and they."""


@dataclass(slots=True)
class PolicySets(Generic[Source, Kernel]):
    """Kernel sets by identifier of what they are made of; made anew only for what is another object than last time."""

    make: Callable[[Source, Made[Source, Kernel] | None], tuple[Kernel, ...]]
    """Is also given what came of the last source with this identifier; its description is the same."""

    renamed: frozenset[str] = frozenset()
    """Identifiers of sources whose kernel sets are other ones since the last `of`."""

    _made: dict[str, Made[Source, Kernel]] = field(default_factory=dict)
    """In the order of their names."""

    _all: tuple[Kernel, ...] = ()

    def of(self, sources: Mapping[str, Source]) -> tuple[Kernel, ...]:
        """The kernel sets, in the order of their identifiers. What did not change is the same object."""
        changed = others = self._made.keys() != sources.keys()
        renamed: set[str] = set()
        for name in self._made.keys() - sources.keys() if others else ():
            del self._made[name]
        for name, source in sources.items():
            last = self._made.get(name)
            if last is None or last[0] is not source:
                rendered = self.make(source, last)
                if last is not None:
                    rendered = tuple(map(same_if_equal, last[1], rendered))
                    if any(before.name != now.name for before, now in zip(last[1], rendered, strict=True)):
                        renamed.add(name)
                self._made[name] = source, rendered
                changed = True
        self.renamed = frozenset(renamed)
        if others:
            self._made = dict(sorted(self._made.items(), key=_name))
        if changed:
            self._all = tuple(item for _, made in self._made.values() for item in made)
        return self._all

    def made_of(self, name: str) -> tuple[Kernel, ...]:
        """The kernel sets of one source, as `of` gave them out last; none where there is no such source."""
        return self._made[name][1] if name in self._made else ()


def _name(pair: tuple[str, object]) -> str:
    return pair[0]


def same_if_equal(before: Source, now: Source) -> Source:
    """``before`` where both are equal, so that nobody downstream need compare them again."""
    return before if before == now else now


def lease_sets(gc_seconds: int, item: CompiledLeaseSet, _: object = None) -> tuple[LeaseSet, ...]:
    comment = naming.comment(item.description)
    name_v4, name_v6 = naming.lease_set_names(item.id)
    return (
        LeaseSet(name_v4, KeyType.IPV4_PAIR, gc_seconds, comment),
        LeaseSet(name_v6, KeyType.IPV6_PAIR, gc_seconds, comment),
    )


def member_sets(item: MemberSet, last: Made[MemberSet, IntervalSet] | None = None) -> tuple[IntervalSet, ...]:
    comment = naming.comment(item.description)
    return tuple(
        IntervalSet(naming.member_set_name(item.id, family, variant(ranges)), ADDRESS_TYPE[family], ranges, comment)
        for family, ranges in zip(FAMILIES, _member_ranges(item.networks, last), strict=True)
    )


def variant(ranges: Ranges) -> str:
    """What of its content the name of a large set follows; nothing of a small one's."""
    # The hash of numbers is the same in every process; it need not be a good one, only one that mixes.
    return "" if len(ranges) < LARGE else f"{min(map(hash, ranges)) & 0xFFFFFFFFFFFFFFFF:016x}"


def port_sets(item: PortSet, last: Made[PortSet, HashSet] | None = None) -> tuple[HashSet, ...]:
    if last is not None:
        before, made = last
        new = item.members - before.members
        gone = before.members - item.members if len(before.members) + len(new) > len(item.members) else frozenset()
        return tuple(
            known.patched(_keys(gone, family), _keys(new, family)) for known, family in zip(made, FAMILIES, strict=True)
        )
    comment = naming.comment(item.description)
    return tuple(
        HashSet(naming.port_set_name(item.id, family), _TRIPLE_TYPE[family], _keys(item.members, family), comment)
        for family in FAMILIES
    )


def cidr_sets(settings: Settings) -> tuple[IntervalSet, ...]:
    return tuple(
        IntervalSet(cidr_set(family), ADDRESS_TYPE[family], ranges)
        for family, ranges in zip(FAMILIES, _ranges(settings.workload_cidrs), strict=True)
    )


def _ranges(networks: tuple[Network, ...]) -> list[Ranges]:
    """The ranges of each family."""
    return [merged(network_ranges(item for item in networks if item.version == family)) for family in FAMILIES]


def _member_ranges(networks: tuple[Network, ...], last: Made[MemberSet, IntervalSet] | None) -> list[Ranges]:
    """The same of a member set: there is a range for each network, in the same order."""
    if last is None:
        return _ranges(networks)
    before, made = last
    known = tuple(each for item in made for each in item.ranges)
    span = differing(before.networks, networks)
    end = span.start + len(span.old)
    # One that moved from one end to the other leaves all between them where they were.
    stayed = dict(zip(map(id, span.old), known[span.start : end], strict=True))
    new = (stayed.get(id(network)) or network_range(network) for network in span.new)
    ranges = *known[: span.start], *new, *known[end:]
    count_v4 = bisect_left(networks, 6, key=_version)
    return [ranges[:count_v4], ranges[count_v4:]]


def _keys(members: Iterable[_Triple], family: int) -> frozenset[bytes]:
    return frozenset(triple_key(*member) for member in members if member[0].version == family)


def _version(network: Network) -> Literal[4, 6]:
    return network.version
