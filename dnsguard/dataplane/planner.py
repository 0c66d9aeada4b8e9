"""Compiled policy as one table, again and again: what did not change is not looked at. Pure."""

from collections.abc import Iterable
from functools import partial
from operator import is_
from typing import Generic, TypeVar

from dnsguard.calc.compiled import Compiled, CompiledEndpoint, MemberSet, PortSet
from dnsguard.calc.compiled import LeaseSet as CompiledLeaseSet
from dnsguard.dataplane.classes import ClassBuilder
from dnsguard.dataplane.hooks import Additions, base_chains
from dnsguard.dataplane.hosts import Hosts
from dnsguard.dataplane.renderings import (
    Renderings,
    cidr_sets,
    lease_sets,
    member_sets,
    port_sets,
)
from dnsguard.dataplane.rules import Chain, Plan
from dnsguard.dataplane.sets import HashSet, IntervalSet, LeaseSet, Set, VerdictMap
from dnsguard.dataplane.settings import Settings
from dnsguard.dataplane.workloads import Workloads
from dnsguard.span import differing

Named = TypeVar("Named", bound=Chain | HashSet | IntervalSet | LeaseSet | VerdictMap)


class Planner:
    """Plans for one caller that asks again and again.

    Values of a `Compiled` that are the same objects as last time are taken to be unchanged. Sets, chains and tuples
    that did not change are the same objects as in the last plan. Plans are frozen: what was given out never changes.
    """

    def __init__(self) -> None:
        self._state: _State | None = None

    def plan(self, compiled: Compiled, settings: Settings) -> Plan:
        """The table that enforces ``compiled`` on this node; equal to `plan.build_plan`.

        Raises KeyError where a class asks for policy that there is none of; the next call then starts from nothing.
        """
        state = self._state
        # Until the new state stands there is none: one that was left half-way must not be continued.
        self._state = None
        if state is None or state.shape != _shape(settings):
            state = _State(settings)
        plan = state.follow(compiled, settings)
        self._state = state
        return plan


def _shape(settings: Settings) -> tuple[object, ...]:
    """The settings that every policy's chain and every endpoint's place depend on."""
    return (
        settings.node,
        settings.pass_mark,
        settings.accept_mark,
        settings.log_group,
        settings.log_per_second,
        settings.deny,
        settings.lease_gc_seconds,
    )


class _State:
    """What is kept from one plan to the next."""

    def __init__(self, settings: Settings) -> None:
        self.shape = _shape(settings)
        self._node = settings.node
        self._builder = ClassBuilder(settings)
        self._workloads = Workloads(self._builder)
        self._hosts: Hosts | None = None
        self._endpoints: list[CompiledEndpoint] = []
        self._host_endpoints: dict[int, CompiledEndpoint] = {}
        """By identity."""

        self._lease_sets = Renderings[CompiledLeaseSet, LeaseSet](partial(lease_sets, settings.lease_gc_seconds))
        self._member_sets = Renderings[MemberSet, IntervalSet](member_sets)
        self._port_sets = Renderings[PortSet, HashSet](port_sets)
        self._short_sets = _Short[Set]()
        self._own_chains = _Short[Chain]()
        self._last = Plan(settings.table, (), (), ())
        self._counted: tuple[tuple[str, ...], tuple[str, ...]] = (), ()
        """What the last plan's counters were gathered from."""

    def follow(self, compiled: Compiled, settings: Settings) -> Plan:
        if self._builder.follow(compiled):
            self._workloads.refresh()
        new, gone = self._turnover(list(compiled.endpoints.values()))
        for endpoint in new:  # first, so that a class in use before and after is not made anew
            self._put(endpoint)
        for endpoint in gone:
            self._take(endpoint)

        additions = Additions(settings)
        hosts = Hosts(self._builder, additions, self._host_endpoints.values())
        if self._hosts is not None:
            self._hosts.release()
        self._hosts = hosts

        of_workloads = self._workloads.sets()
        bases = list(base_chains(additions, hosts.stages, frozenset(item.name for item in of_workloads)))
        short: list[Set] = [*hosts.maps, *cidr_sets(settings)]
        sets: tuple[Set, ...] = (
            *self._lease_sets.of(compiled.lease_sets),
            *of_workloads,
            *self._short_sets.as_before(short),
            *self._member_sets.of(compiled.member_sets),
            *self._port_sets.of(compiled.port_sets),
            *self._builder.sets,
        )
        made = self._own_chains.as_before([*additions.chains.values(), *bases])
        chains = *made[: -len(bases)], *self._builder.chains, *made[-len(bases) :]
        if _same_objects(chains, self._last.chains):
            chains = self._last.chains
        warnings = (*self._workloads.warnings(), *hosts.warnings)
        self._last = Plan(settings.table, sets, self._counters(additions), chains, warnings)
        return self._last

    def _counters(self, additions: Additions) -> tuple[str, ...]:
        counted = self._builder.counters.sorted(), tuple(additions.counters)
        if counted[0] is self._counted[0] and counted[1] == self._counted[1]:
            return self._last.counters
        self._counted = counted
        return tuple(sorted({*counted[0], *counted[1]}))

    def _turnover(self, current: list[CompiledEndpoint]) -> tuple[list[CompiledEndpoint], list[CompiledEndpoint]]:
        """Who came and who went."""
        span = differing(self._endpoints, current)
        known, present = set(map(id, span.old)), set(map(id, span.new))
        self._endpoints = current
        return (
            [endpoint for endpoint in span.new if id(endpoint) not in known],
            [endpoint for endpoint in span.old if id(endpoint) not in present],
        )

    def _put(self, endpoint: CompiledEndpoint) -> None:
        if endpoint.is_workload:
            self._workloads.put(endpoint, endpoint.is_on(self._node))
        elif endpoint.is_on(self._node):
            self._host_endpoints[id(endpoint)] = endpoint

    def _take(self, endpoint: CompiledEndpoint) -> None:
        if endpoint.is_workload:
            self._workloads.take(endpoint, endpoint.is_on(self._node))
        else:
            self._host_endpoints.pop(id(endpoint), None)


class _Short(Generic[Named]):
    """What is short and made anew each time."""

    def __init__(self) -> None:
        self._last: dict[str, Named] = {}

    def as_before(self, now: Iterable[Named]) -> list[Named]:
        """``now``, with the last objects in the place of equal ones."""
        wanted = {item.name: item for item in now}
        known = self._last
        self._last = {name: known[name] if known.get(name) == item else item for name, item in wanted.items()}
        return list(self._last.values())


def _same_objects(some: tuple[object, ...], others: tuple[object, ...]) -> bool:
    return len(some) == len(others) and all(map(is_, some, others))
