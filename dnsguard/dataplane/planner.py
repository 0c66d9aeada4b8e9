"""Compiled policy as one table, again and again: what did not change is not looked at. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from operator import is_
from typing import NamedTuple, TypeVar

from dnsguard.calc.compiled import Compiled, CompiledEndpoint, MemberSet, PortSet
from dnsguard.calc.compiled import LeaseSet as CompiledLeaseSet
from dnsguard.dataplane import naming
from dnsguard.dataplane.additions import Additions
from dnsguard.dataplane.bridging import bridge_plan
from dnsguard.dataplane.canary import CanaryPolicy
from dnsguard.dataplane.classes import ClassBuilder
from dnsguard.dataplane.deadman import alive_sets, failing_open
from dnsguard.dataplane.denying import share_sets
from dnsguard.dataplane.hooks import base_chains
from dnsguard.dataplane.hosts import Hosts
from dnsguard.dataplane.interception import interception_chains
from dnsguard.dataplane.policysets import (
    PolicySets,
    cidr_sets,
    lease_sets,
    member_sets,
    port_sets,
)
from dnsguard.dataplane.rules import Chain, Plan
from dnsguard.dataplane.sets import AliveSet, HashSet, IntervalSet, LeaseSet, Set, ShareSet, VerdictMap
from dnsguard.dataplane.settings import Settings
from dnsguard.dataplane.turning import turning_plans
from dnsguard.dataplane.workloads import FAMILIES, Workloads
from dnsguard.span import differing

Named = TypeVar("Named", bound=Chain | HashSet | IntervalSet | LeaseSet | AliveSet | ShareSet | VerdictMap)


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
        settings.mark_mask,
        settings.log_group,
        settings.log_per_second,
        settings.denied_log,
        settings.deny,
        settings.lease_gc_seconds,
        settings.canary,
    )


class _Foot(NamedTuple):
    """What a base depends on, besides the names of the classes of host endpoints."""

    settings: Settings
    host_endpoints: tuple[int, ...]
    """Their identities; `_State` holds them."""

    names: frozenset[str]
    """Of the maps and sets of workload endpoints."""


class _Base(NamedTuple):
    """The base chains, and what they need besides classes and the sets of workload endpoints."""

    foot: _Foot
    hosts: Hosts
    sets: tuple[Set, ...]
    below: tuple[Chain, ...]
    """Chains that the base chains refer to."""

    chains: tuple[Chain, ...]
    counters: tuple[str, ...]
    turning: tuple[Plan, ...]


class _State:
    """What is kept from one plan to the next."""

    def __init__(self, settings: Settings) -> None:
        self.shape = _shape(settings)
        self._node = settings.node
        self._canary = None if settings.canary is None else CanaryPolicy(settings.canary)
        self._member_sets = PolicySets[MemberSet, IntervalSet](member_sets)
        self._builder = ClassBuilder(settings, self._member_set_name)
        self._workloads = Workloads(self._builder)
        self._base: _Base | None = None
        self._endpoints: list[CompiledEndpoint] = []
        self._host_endpoints: dict[int, CompiledEndpoint] = {}
        """By identity."""

        self._lease_sets = PolicySets[CompiledLeaseSet, LeaseSet](partial(lease_sets, settings.lease_gc_seconds))
        self._port_sets = PolicySets[PortSet, HashSet](port_sets)
        self._last = Plan(settings.table, (), (), ())
        self._beside: Plan | None = None
        self._counted: tuple[tuple[str, ...], tuple[str, ...]] = (), ()
        """What the last plan's counters were gathered from."""

    def follow(self, compiled: Compiled, settings: Settings) -> Plan:
        if self._canary is not None:
            compiled = self._canary.beside(compiled)
        of_members = self._member_sets.of(compiled.member_sets)
        renamed = self._builder.follow(compiled, self._member_sets.renamed)
        if renamed:
            self._workloads.refresh()
        self._workloads.plug(settings.bridge_ports, settings.workload_interfaces, settings.workload_bridges)
        new, gone = self._turnover(list(compiled.endpoints.values()))
        for endpoint in new:  # first, so that a class in use before and after is not made anew
            self._put(endpoint)
        for endpoint in gone:
            self._take(endpoint)

        of_workloads = self._workloads.sets()
        foot = _Foot(settings, tuple(self._host_endpoints), frozenset(item.name for item in of_workloads))
        if self._base is None or renamed or self._base.foot != foot:
            self._base = self._laid(foot, self._base)
        base = self._base
        sets: tuple[Set, ...] = (
            *self._lease_sets.of(compiled.lease_sets),
            *of_workloads,
            *base.sets,
            *of_members,
            *self._port_sets.of(compiled.port_sets),
            *self._builder.sets,
        )
        chains = *base.below, *self._builder.chains, *base.chains
        if _same_objects(chains, self._last.chains):
            chains = self._last.chains
        bridges = self._workloads.bridges()
        warnings = (*self._workloads.warnings(), *base.hosts.warnings)
        self._beside = self._following(settings, self._beside)
        self._last = Plan(
            settings.table,
            sets,
            self._counters(base.counters),
            chains,
            warnings,
            settings.mark_mask,
            beside=self._beside,
            turning=base.turning,
            bridges=bridges,
        )
        return self._last

    def _following(self, settings: Settings, before: Plan | None) -> Plan | None:
        """The table of family ``bridge``; short, so it is made anew each time that anything of it changes."""
        sets = self._workloads.port_sets()
        if not sets:
            return None
        made = bridge_plan(settings, sets)
        if before is None:
            return made
        chains = tuple(_as_before(before.chains, made.chains))
        all_sets = tuple(_as_before(before.sets, made.sets))
        return replace(
            made,
            sets=before.sets if _same_objects(all_sets, before.sets) else all_sets,
            chains=before.chains if _same_objects(chains, before.chains) else chains,
        )

    def _member_set_name(self, identifier: str, family: int) -> str:
        for made, of_family in zip(self._member_sets.made_of(identifier), FAMILIES, strict=False):
            if of_family == family:
                return made.name
        return naming.member_set_name(identifier, family)

    def _laid(self, foot: _Foot, before: _Base | None) -> _Base:
        additions = Additions(foot.settings)
        hosts = Hosts(self._builder, additions, self._host_endpoints.values())
        if before is not None:
            before.hosts.release()
        bases = [*base_chains(additions, hosts.stages, foot.names), *interception_chains(additions, foot.names)]
        bases = list(failing_open(additions, bases))
        short: list[Set] = [*hosts.maps, *cidr_sets(foot.settings), *alive_sets(foot.settings)]
        short += share_sets(foot.settings)
        return _Base(
            foot,
            hosts,
            tuple(_as_before(before.sets if before else (), short)),
            tuple(_as_before(before.below if before else (), additions.chains.values())),
            tuple(_as_before(before.chains if before else (), bases)),
            tuple(additions.counters),
            turning_plans(foot.settings, foot.names),
        )

    def _counters(self, of_base: tuple[str, ...]) -> tuple[str, ...]:
        counted = self._builder.counters.sorted(), of_base
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


def _as_before(before: Iterable[Named], now: Iterable[Named]) -> list[Named]:
    """``now``, with the objects of ``before`` in the place of equal ones. For what is short and made anew each time."""
    known = {item.name: item for item in before}
    return [known[item.name] if known.get(item.name) == item else item for item in now]


def _same_objects(some: tuple[object, ...], others: tuple[object, ...]) -> bool:
    return len(some) == len(others) and all(map(is_, some, others))
