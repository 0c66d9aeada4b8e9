"""The stages of one endpoint, with what applies there. Pure."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from dnsguard.api.views.effective import EffectivePolicy, EffectiveProfile, EffectiveStage, EffectiveTier
from dnsguard.calc.compiled import (
    CompiledEndpoint,
    CompiledRule,
    Direction,
    PolicyClass,
    PolicyId,
    Stage,
    TierSlice,
)
from dnsguard.controller.effective import implicit
from dnsguard.controller.effective.rules import ACTIONS, shown_rules
from dnsguard.controller.explain.policystate import PolicyState
from dnsguard.dataplane.settings import Settings

Item = TypeVar("Item")

_OF_WORKLOADS: Final = ((Stage.NORMAL, Direction.EGRESS), (Stage.NORMAL, Direction.INGRESS))
_OF_HOSTS: Final = (
    (Stage.UNTRACKED, Direction.EGRESS),
    (Stage.NORMAL, Direction.EGRESS),
    (Stage.FORWARD, Direction.EGRESS),
    (Stage.UNTRACKED, Direction.INGRESS),
    (Stage.PRE_DNAT, Direction.INGRESS),
    (Stage.NORMAL, Direction.INGRESS),
    (Stage.FORWARD, Direction.INGRESS),
)


class Stages:
    """What applies to one endpoint: in force, and where something is staged, as it would be."""

    def __init__(self, endpoint: CompiledEndpoint, state: PolicyState, pending: PolicyState | None) -> None:
        self._endpoint = endpoint
        self._state = state
        self._pending = pending

    def shown(self, node: Settings) -> Iterator[EffectiveStage]:
        """In the order in which packets meet them."""
        endpoint = self._endpoint
        compiled = self._state.compiled
        hosts = [each for each in compiled.endpoints.values() if not each.is_workload and each.is_on(node.node)]
        for stage, direction in _OF_WORKLOADS if endpoint.is_workload else _OF_HOSTS:
            found, planned = self._classes(stage, direction)
            tiers = tuple(self._tiers(found, planned, direction))
            yield EffectiveStage(
                direction=direction.value,
                stage=stage.value,
                before=implicit.before(endpoint, stage, direction, node),
                tiers=tiers,
                profiles=tuple(self._profiles(found, direction)) if stage is Stage.NORMAL else (),
                end=implicit.end(stage, policies=found is not None and bool(found.tiers)),
                then=tuple(implicit.then(endpoint, stage, direction, hosts)),
            )

    def rules(self) -> Iterator[CompiledRule]:
        """All of them, staged ones included."""
        for state in filter(None, (self._state, self._pending)):
            endpoint = state.compiled.endpoints.get(self._endpoint.id)
            for (_, direction), found in (endpoint.classes if endpoint is not None else {}).items():
                for tier in found.tiers:
                    for policy in tier.policies:
                        yield from state.compiled.policies[policy].rules(direction)
                for name in found.profiles:
                    yield from state.compiled.profiles[name].rules(direction)

    def _classes(self, stage: Stage, direction: Direction) -> tuple[PolicyClass | None, PolicyClass | None]:
        """As it is, and as it would be."""
        found = self._endpoint.classes.get((stage, direction))
        if self._pending is None:
            return found, found
        planned = self._pending.compiled.endpoints.get(self._endpoint.id)
        return found, planned.classes.get((stage, direction)) if planned is not None else None

    def _tiers(
        self, found: PolicyClass | None, planned: PolicyClass | None, direction: Direction
    ) -> Iterator[EffectiveTier]:
        in_force = {tier.tier: tier for tier in found.tiers} if found is not None else {}
        would_be = {tier.tier: tier for tier in planned.tiers} if planned is not None else {}
        for name in merged(list(in_force), list(would_be)):
            now, later = in_force.get(name), would_be.get(name)
            whole = now or later
            if whole is not None:
                yield EffectiveTier(
                    tier=name,
                    policies=tuple(self._policies(_listed(now), _listed(later), direction)),
                    end=ACTIONS[whole.default_action],
                    staged="" if now is not None else "ToBeAdded",
                )

    def _policies(
        self, now: Sequence[PolicyId], later: Sequence[PolicyId], direction: Direction
    ) -> Iterator[EffectivePolicy]:
        for policy in merged(now, later):
            state = self._state if policy in now or self._pending is None else self._pending
            yield EffectivePolicy(
                policy=str(policy),
                staged="ToBeAdded" if policy not in now else "" if policy in later else "ToBeRemoved",
                rules=shown_rules(
                    state.compiled.policies[policy].rules(direction), partial(_written, state, policy, "", direction)
                ),
            )

    def _profiles(self, found: PolicyClass | None, direction: Direction) -> Iterator[EffectiveProfile]:
        for name in found.profiles if found is not None else ():
            rules = self._state.compiled.profiles[name].rules(direction)
            yield EffectiveProfile(
                profile=name, rules=shown_rules(rules, partial(_written, self._state, None, name, direction))
            )


def merged(now: Sequence[Item], later: Sequence[Item]) -> list[Item]:
    """Both in one order: what is only in ``later`` comes where it would, before what follows it there."""
    found: list[Item] = []
    left = list(now)
    for each in later:
        if each in left:
            place = left.index(each) + 1
            found += left[:place]
            del left[:place]
        elif each not in found:
            found.append(each)
    return found + left


def _listed(tier: TierSlice | None) -> tuple[PolicyId, ...]:
    return () if tier is None else tier.policies


def _written(
    state: PolicyState, policy: PolicyId | None, profile: str, direction: Direction, index: int
) -> dict[str, Any] | None:
    return state.written.rule(policy, profile, direction, index)
