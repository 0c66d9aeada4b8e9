"""What an operator should know about resources that are each valid and do not fit together."""

from collections.abc import Container, Iterable, Iterator

from dnsguard.calc.compiled import Address, EndpointId, Stage
from dnsguard.calc.endpoints import ALL_INTERFACES, Endpoint
from dnsguard.calc.ordering import policy_id
from dnsguard.calc.scoping import entity_selectors
from dnsguard.calc.sets import SetRegistry
from dnsguard.calc.stages import places_of
from dnsguard.resources import NetworkPolicy, Policy


class EndpointAdvice:
    """Profiles that do not exist and addresses that several workloads claim, while endpoints come and go."""

    def __init__(self, profiles: Container[str]) -> None:
        self._profiles = profiles
        self._without_profile: dict[EndpointId, list[str]] = {}
        self._claims: dict[Address, set[EndpointId]] = {}
        self._contested: set[Address] = set()

    def add(self, endpoint: Endpoint) -> None:
        if missing := [name for name in endpoint.profiles if name not in self._profiles]:
            self._without_profile[endpoint.id] = missing
        for address in endpoint.addresses if endpoint.is_workload else ():
            claims = self._claims.setdefault(address, set())
            claims.add(endpoint.id)
            if len(claims) > 1:
                self._contested.add(address)

    def remove(self, endpoint: Endpoint) -> None:
        self._without_profile.pop(endpoint.id, None)
        for address in endpoint.addresses if endpoint.is_workload else ():
            claims = self._claims[address]
            claims.discard(endpoint.id)
            if len(claims) < 2:
                self._contested.discard(address)
            if not claims:
                del self._claims[address]

    def warnings(self) -> Iterator[str]:
        for identity, names in self._without_profile.items():
            for name in names:
                yield f"{identity.kind} {identity}: profile {name!r} does not exist, so it denies everything"
        for address in self._contested:
            first, *others = sorted(self._claims[address])
            for identity in others:
                yield f"{identity.kind} {identity}: {first} has the address {address} too, and gets its packets"


def is_for_hosts_only(policy: Policy) -> bool:
    """Whether the policy judges in stages that workloads do not have, and in no other."""
    return all(stage in (Stage.UNTRACKED, Stage.PRE_DNAT) for stage, _ in places_of(policy))


def stage_warnings(policy: Policy, endpoints: Iterable[Endpoint]) -> Iterator[str]:
    """Endpoints that a policy for hosts only selects, without effect on them."""
    untracked = any(stage is Stage.UNTRACKED for stage, _ in places_of(policy))
    for endpoint in endpoints:
        if endpoint.is_workload:
            yield f"{policy_id(policy)}: without effect on workload {endpoint.id}: it applies to host endpoints only"
        elif untracked and endpoint.interface == ALL_INTERFACES:
            yield f"{policy_id(policy)}: without effect on {endpoint.id}: doNotTrack needs a named interface"


def negation_warnings(policy: Policy, sets: SetRegistry) -> Iterator[str]:
    """Names that do not count where they are written."""
    namespace = policy.namespace if isinstance(policy, NetworkPolicy) else ""
    for index, rule in enumerate(policy.spec.egress or ()):
        negative = entity_selectors(rule.destination, namespace).negative
        if negative is not None and sets.has_domains(negative):
            yield (
                f"{policy_id(policy)}: egress[{index}].destination.notSelector matches network sets with domains;"
                " only their nets are excluded"
            )
