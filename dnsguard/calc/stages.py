"""Where a packet can be judged: which stages and directions policies and endpoints have."""

from dnsguard.calc.compiled import ALL_INTERFACES, Direction, Stage
from dnsguard.calc.endpoints import Endpoint
from dnsguard.resources.policy import GlobalPolicySpec, PolicySpec

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
ALL_INTERFACES_PLACES = tuple(place for place in HOST_PLACES if place[0] is not Stage.UNTRACKED)

STATELESS = frozenset({Stage.UNTRACKED, Stage.PRE_DNAT})
"""Stages that only ever pick out packets: no end-of-tier Deny, no profiles. Workloads do not have them."""


def places_of(spec: PolicySpec) -> frozenset[Place]:
    """Where a policy judges."""
    directions = [Direction(kind.value.lower()) for kind in spec.types]
    return frozenset((stage, direction) for stage in _stages(spec) for direction in directions)


def places_of_endpoint(endpoint: Endpoint) -> tuple[Place, ...]:
    """Where an endpoint can be judged at all."""
    if endpoint.is_workload:
        return WORKLOAD_PLACES
    return ALL_INTERFACES_PLACES if endpoint.interface == ALL_INTERFACES else HOST_PLACES


def _stages(spec: PolicySpec) -> tuple[Stage, ...]:
    if isinstance(spec, GlobalPolicySpec):
        if spec.do_not_track:
            return (Stage.UNTRACKED,)
        if spec.pre_dnat:
            return (Stage.PRE_DNAT,)
        if spec.apply_on_forward:
            return (Stage.NORMAL, Stage.FORWARD)
    return (Stage.NORMAL,)
