"""What an operator should know about resources that are each valid and do not fit together."""

from collections.abc import Iterable, Iterator, Mapping

from dnsguard.calc.compiled import Address, PolicyId, Stage
from dnsguard.calc.endpoints import ALL_INTERFACES, Endpoint
from dnsguard.calc.profiles import EffectiveProfile
from dnsguard.calc.scoping import entity_selectors
from dnsguard.calc.sets import SetRegistry
from dnsguard.calc.stages import places_of
from dnsguard.resources import GlobalNetworkPolicy, Policy


def endpoint_warnings(endpoints: Iterable[Endpoint], profiles: Mapping[str, EffectiveProfile]) -> Iterator[str]:
    """Profiles that do not exist, and addresses that two workloads claim."""
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


def policy_warnings(selected: Mapping[PolicyId, tuple[Policy, list[Endpoint]]], sets: SetRegistry) -> Iterator[str]:
    """Policies that have no effect on some of what they select, and names that do not count where they are written."""
    for identity, (policy, endpoints) in selected.items():
        stages = {stage for stage, _ in places_of(policy)}
        if not stages & {Stage.NORMAL}:
            for endpoint in endpoints:
                if endpoint.is_workload:
                    yield f"{identity}: without effect on workload {endpoint.id}: it applies to host endpoints only"
                elif Stage.UNTRACKED in stages and endpoint.interface == ALL_INTERFACES:
                    yield f"{identity}: without effect on {endpoint.id}: doNotTrack needs a named interface"
        yield from _negated_domain_warnings(identity, policy, sets)


def _negated_domain_warnings(identity: PolicyId, policy: Policy, sets: SetRegistry) -> Iterator[str]:
    namespace = "" if isinstance(policy, GlobalNetworkPolicy) else policy.namespace
    for index, rule in enumerate(policy.spec.egress or ()):
        negative = entity_selectors(rule.destination, namespace).negative
        if negative is not None and sets.has_domains(negative):
            yield (
                f"{identity}: egress[{index}].destination.notSelector matches network sets with domains;"
                " only their nets are excluded"
            )
