"""Which policies judge a packet where: stages, directions, and classes of endpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dnsguard.calc.compiled import Action, Direction, PolicyClass, PolicyId, Stage, TierSlice
from dnsguard.calc.endpoints import ALL_INTERFACES, Endpoint
from dnsguard.resources import GlobalNetworkPolicy, Policy

Place = tuple[Stage, Direction]

WORKLOAD_PLACES: tuple[Place, ...] = ((Stage.NORMAL, Direction.INGRESS), (Stage.NORMAL, Direction.EGRESS))
HOST_PLACES: tuple[Place, ...] = (
    (Stage.UNTRACKED, Direction.INGRESS),
    (Stage.UNTRACKED, Direction.EGRESS),
    (Stage.PRE_DNAT, Direction.INGRESS),
    *WORKLOAD_PLACES,
    (Stage.FORWARD, Direction.INGRESS),
    (Stage.FORWARD, Direction.EGRESS),
)

_STATELESS = (Stage.UNTRACKED, Stage.PRE_DNAT)
"""Stages that only ever pick out packets: no end-of-tier Deny, no profiles."""


def places_of(policy: Policy) -> frozenset[Place]:
    """Where a policy judges."""
    directions = [Direction(kind.value.lower()) for kind in policy.spec.types]
    return frozenset((stage, direction) for stage in _stages(policy) for direction in directions)


def _stages(policy: Policy) -> tuple[Stage, ...]:
    if isinstance(policy, GlobalNetworkPolicy):
        if policy.spec.do_not_track:
            return (Stage.UNTRACKED,)
        if policy.spec.pre_dnat:
            return (Stage.PRE_DNAT,)
        if policy.spec.apply_on_forward:
            return (Stage.NORMAL, Stage.FORWARD)
    return (Stage.NORMAL,)


@dataclass(frozen=True, slots=True)
class RankedPolicy:
    """A policy at its rank: among all policies of all tiers, in order."""

    id: PolicyId
    tier: str
    default_action: Action
    places: frozenset[Place]


class ClassFactory:
    """Makes the classes of endpoints. Those that the same policies and profiles judge get the same class objects."""

    def __init__(self, ranked: Sequence[RankedPolicy]) -> None:
        self._ranked = ranked
        self._classes: dict[tuple[Place, tuple[int, ...], tuple[str, ...]], PolicyClass] = {}
        self._by_ranks: dict[
            tuple[tuple[Place, ...], tuple[int, ...], tuple[str, ...]], Mapping[Place, PolicyClass]
        ] = {}

    def classes(self, endpoint: Endpoint, ranks: tuple[int, ...]) -> Mapping[Place, PolicyClass]:
        """The classes of an endpoint by place; `ranks` are those of the policies that select it, ascending."""
        places = places_of_endpoint(endpoint)
        key = (places, ranks, endpoint.profiles)
        if key not in self._by_ranks:
            made = {}
            for place in places:
                applying = tuple(rank for rank in ranks if place in self._ranked[rank].places)
                if applying or place[0] is Stage.NORMAL:
                    made[place] = self._class(place, applying, endpoint.profiles)
            self._by_ranks[key] = made
        return self._by_ranks[key]

    def _class(self, place: Place, ranks: tuple[int, ...], profiles: tuple[str, ...]) -> PolicyClass:
        key = (place, ranks, profiles if place[0] is Stage.NORMAL else ())
        if key not in self._classes:
            self._classes[key] = _policy_class(place, [self._ranked[rank] for rank in ranks], key[2])
        return self._classes[key]


def places_of_endpoint(endpoint: Endpoint) -> tuple[Place, ...]:
    """Where an endpoint can be judged at all."""
    if endpoint.is_workload:
        return WORKLOAD_PLACES
    if endpoint.interface == ALL_INTERFACES:
        return tuple(place for place in HOST_PLACES if place[0] is not Stage.UNTRACKED)
    return HOST_PLACES


def _policy_class(place: Place, policies: Sequence[RankedPolicy], profiles: tuple[str, ...]) -> PolicyClass:
    stage, direction = place
    by_tier: dict[str, list[RankedPolicy]] = {}
    for policy in policies:
        by_tier.setdefault(policy.tier, []).append(policy)
    slices = tuple(
        TierSlice(
            tier=tier,
            default_action=Action.PASS if stage in _STATELESS else of_tier[0].default_action,
            policies=tuple(policy.id for policy in of_tier),
        )
        for tier, of_tier in by_tier.items()
    )
    return PolicyClass(direction, stage, slices, profiles)
