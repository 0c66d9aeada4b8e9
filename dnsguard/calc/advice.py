"""What an operator should know about resources that are each valid and do not fit together."""

from collections.abc import Iterable, Iterator, Mapping

from dnsguard.calc.compiled import Address, Stage
from dnsguard.calc.endpoints import ALL_INTERFACES, Endpoint
from dnsguard.calc.ordering import policy_id
from dnsguard.calc.profiles import EffectiveProfile
from dnsguard.calc.scoping import entity_selectors
from dnsguard.calc.sets import SetRegistry
from dnsguard.calc.stages import places_of
from dnsguard.resources import NetworkPolicy, Policy


def endpoint_warnings(endpoints: Iterable[Endpoint], profiles: Mapping[str, EffectiveProfile]) -> Iterator[str]:
    """Profiles that do not exist, and addresses that two workloads claim; endpoints in the order of their names."""
    owners: dict[Address, Endpoint] = {}
    for endpoint in endpoints:
        for name in endpoint.profiles:
            if name not in profiles:
                yield f"{endpoint.id.kind} {endpoint.id}: profile {name!r} does not exist, so it denies everything"
        if endpoint.is_workload:
            for address in endpoint.addresses:
                first = owners.setdefault(address, endpoint)
                if first is not endpoint:
                    yield f"{endpoint.id.kind} {endpoint.id}: {first.id} has the address {address} too"


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
