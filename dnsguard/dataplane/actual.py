"""What the kernel holds of our table, as values. Pure; the driver reads it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dnsguard.dataplane import naming
from dnsguard.dataplane.encode import set_flags
from dnsguard.dataplane.revision import Revision
from dnsguard.dataplane.rules import Chain, Plan
from dnsguard.dataplane.sets import AliveSet, Entry, HashSet, IntervalSet, LeaseSet, Set, ShareSet, VerdictMap
from dnsguard.netlink.nftables import DumpedElement

Content = frozenset[bytes] | tuple[tuple[int, int], ...] | Mapping[bytes, Entry] | None
"""Of a hash set, an interval set, a verdict map; None of what forwarders write, which is not ours to know."""


@dataclass(slots=True)
class ActualSet:
    """One set or map."""

    flags: int
    key_type: int
    content: Content
    has_sentinel: bool = False
    """Of a lease set: we have put it there."""


@dataclass(slots=True)
class ActualChain:
    """One chain. ``rules`` is how many it holds; ``known`` what they are, when we wrote them ourselves."""

    is_base: bool
    rules: int
    known: Chain | None = None


@dataclass(slots=True)
class Actual:
    """The table as it stands."""

    exists: bool = False
    chains: dict[str, ActualChain] = field(default_factory=dict)
    sets: dict[str, ActualSet] = field(default_factory=dict)
    counters: set[str] = field(default_factory=set)
    loaded: tuple[Chain, ...] = ()
    """A plan's chains, all of which are in force. The next plan often has the same."""

    swept: tuple[Chain, ...] = ()
    """The same, and there are no others."""

    revision: Revision | None = None
    """Of policy, that the rules write into connections; None where they write none."""

    filled: tuple[Set, ...] = ()
    """A plan's sets, all of which are there and hold what the plan says."""

    def revision_or_first(self, plan: Plan) -> Revision | None:
        """What the plan's rules may speak of until it is known which revision they are to write."""
        if not plan.mark_mask:
            return None
        known = self.revision
        return known if known is not None and known.mask == plan.mark_mask else Revision(plan.mark_mask)

    def unfilled(self, sets: tuple[Set, ...]) -> list[Set]:
        """Those that may not be there, or hold something else."""
        filled = set(map(id, self.filled))
        return [item for item in sets if id(item) not in filled] if sets is not self.filled else []

    def note_prepared(self, plan: Plan) -> None:
        """`delta.prepare` has been done."""
        self.exists = True
        for item in self.unfilled(plan.sets):
            if item.name not in self.sets:
                self.sets[item.name] = ActualSet(set_flags(item), item.key_type.number, planned_content(item))
            self.sets[item.name].has_sentinel = isinstance(item, LeaseSet)
        self.counters.update(plan.counters)
        for chain in plan.chains if plan.chains is not self.loaded else ():
            if chain.hook is None and chain.name not in self.chains:
                self.chains[chain.name] = ActualChain(False, len(chain.rules), chain)
                self.swept = ()

    def note_switched(self, plan: Plan, revision: Revision | None = None) -> None:
        """`delta.switch` has been done."""
        self.revision = revision
        if plan.chains is not self.loaded:
            planned = {chain.name for chain in plan.chains}
            self.chains = {name: chain for name, chain in self.chains.items() if name in planned or not chain.is_base}
            for chain in plan.chains:
                held = self.chains.get(chain.name)
                if held is None or held.known is not chain:
                    self.chains[chain.name] = ActualChain(chain.hook is not None, len(chain.rules), chain)
            self.loaded = plan.chains
        for item in self.unfilled(plan.sets):
            self.sets[item.name].content = planned_content(item)
        self.filled = plan.sets

    def note_swept(self, plan: Plan, *, lease_sets: bool) -> None:
        """`delta.sweep` has been done."""
        if plan.chains is not self.swept:
            planned_chains = {chain.name for chain in plan.chains}
            self.chains = {name: chain for name, chain in self.chains.items() if name in planned_chains}
        if plan.sets is not self.filled:
            self.filled = ()
        planned_sets = {item.name for item in plan.sets}
        self.sets = {
            name: found
            for name, found in self.sets.items()
            if name in planned_sets or (naming.is_lease_set(name) and not lease_sets)
        }
        self.counters.intersection_update(plan.counters)
        self.swept = plan.chains if self.loaded is plan.chains else ()


def planned_content(item: Set) -> Content:
    """The plan's own objects: what did not change is the same one."""
    match item:
        case HashSet():
            return item.keys
        case IntervalSet():
            return item.ranges
        case VerdictMap():
            return item.entries
        case LeaseSet() | AliveSet() | ShareSet():
            return None


def hash_content(elements: Iterable[DumpedElement]) -> frozenset[bytes]:
    return frozenset(element.key for element in elements)


def map_content(elements: Iterable[DumpedElement]) -> dict[bytes, Entry]:
    return {
        element.key: Entry(element.verdict[1] if element.verdict else None, element.comment) for element in elements
    }


def interval_content(elements: Iterable[DumpedElement], key_length: int) -> tuple[tuple[int, int], ...]:
    """Ranges from starts and ends in any order. An end and a start may share a key; then the end comes first."""
    beyond = 1 << key_length * 8
    bounds = sorted((int.from_bytes(element.key, "big"), not element.interval_end) for element in elements)
    ranges: list[tuple[int, int]] = []
    start: int | None = None
    for key, is_start in bounds:
        if start is not None:
            ranges.append((start, key - 1))
        start = key if is_start else None
    if start is not None:
        ranges.append((start, beyond - 1))
    return tuple(ranges)
