"""Resources in, compiled policy out: everything that a verdict depends on besides the packet and what DNS taught."""

from collections.abc import Iterable, Mapping

from dnsguard.calc.advice import endpoint_warnings, policy_warnings
from dnsguard.calc.compiled import (
    Compiled,
    CompiledEndpoint,
    CompiledPolicy,
    CompiledProfile,
    Direction,
    PolicyId,
)
from dnsguard.calc.endpoints import Endpoint, endpoint_of, selectable_sets
from dnsguard.calc.labelindex import LabelIndex
from dnsguard.calc.ordering import OrderedTier, ordered_tiers, policy_id
from dnsguard.calc.profiles import UNKNOWN, EffectiveProfile, effective_profiles
from dnsguard.calc.rules import compiled_rules
from dnsguard.calc.scoping import policy_selector
from dnsguard.calc.sets import SetRegistry
from dnsguard.calc.stages import ClassFactory, RankedPolicy, places_of
from dnsguard.resources import HostEndpoint, NetworkPolicy, Policy, PolicyType, Resource, WorkloadEndpoint


def compile_policy(resources: Iterable[Resource]) -> Compiled:
    """What a node enforces, from all resources there are.

    The result depends on the resources alone, not on their order. What refers to something that is missing fails
    closed: an unknown profile denies, a policy without its tier waits for it (and says so in `warnings`).
    """
    resources = tuple(resources)
    profiles = effective_profiles(resources)
    endpoints = sorted(
        (
            endpoint_of(resource, profiles)
            for resource in resources
            if isinstance(resource, WorkloadEndpoint | HostEndpoint)
        ),
        key=lambda endpoint: endpoint.id,
    )
    tiers, warnings = ordered_tiers(resources)
    selected = _selected(tiers, endpoints)
    compiled_endpoints = _compiled_endpoints(tiers, endpoints, selected)
    sets = SetRegistry(
        LabelIndex(
            [
                *((endpoint.labels, endpoint.selectable) for endpoint in endpoints),
                *selectable_sets(resources, profiles),
            ]
        )
    )
    policies = _compiled_policies(tiers, compiled_endpoints, sets)
    listed = {name for endpoint in compiled_endpoints for name in endpoint.profile_ids}
    compiled_profiles = {name: _compiled_profile(name, profiles.get(name, UNKNOWN), sets) for name in sorted(listed)}
    return Compiled(
        endpoints={endpoint.id: endpoint for endpoint in compiled_endpoints},
        policies=policies,
        profiles=compiled_profiles,
        member_sets=sets.member_sets,
        port_sets=sets.port_sets,
        lease_sets=sets.lease_sets,
        warnings=tuple(sorted({*warnings, *endpoint_warnings(endpoints, profiles), *policy_warnings(selected, sets)})),
    )


def _selected(
    tiers: Iterable[OrderedTier], endpoints: list[Endpoint]
) -> Mapping[PolicyId, tuple[Policy, list[Endpoint]]]:
    """Every policy in order, with the endpoints that it selects."""
    index = LabelIndex((endpoint.labels, endpoint) for endpoint in endpoints)
    selected = {}
    for tier in tiers:
        for policy in tier.policies:
            found = index.matching(policy_selector(policy))
            if isinstance(policy, NetworkPolicy):
                # Whatever labels a host endpoint got hold of: it is in no namespace.
                found = [endpoint for endpoint in found if endpoint.is_workload]
            selected[policy_id(policy)] = (policy, found)
    return selected


def _compiled_endpoints(
    tiers: Iterable[OrderedTier],
    endpoints: Iterable[Endpoint],
    selected: Mapping[PolicyId, tuple[Policy, list[Endpoint]]],
) -> list[CompiledEndpoint]:
    default_actions = {tier.name: tier.default_action for tier in tiers}
    factory = ClassFactory(
        [
            RankedPolicy(identity, policy.tier, default_actions[policy.tier], places_of(policy))
            for identity, (policy, _) in selected.items()
        ]
    )
    ranks: dict[int, list[int]] = {}
    for rank, (_, found) in enumerate(selected.values()):
        for endpoint in found:
            ranks.setdefault(id(endpoint), []).append(rank)
    return [
        CompiledEndpoint(
            id=endpoint.id,
            node=endpoint.node,
            interface=endpoint.interface,
            addresses=endpoint.addresses,
            labels=endpoint.labels,
            classes=factory.classes(endpoint, tuple(ranks.get(id(endpoint), ()))),
            profile_ids=endpoint.profiles,
        )
        for endpoint in endpoints
    ]


def _compiled_policies(
    tiers: Iterable[OrderedTier], endpoints: Iterable[CompiledEndpoint], sets: SetRegistry
) -> dict[PolicyId, CompiledPolicy]:
    """The policies that at least one class refers to; rules of a direction that `types` leaves out are left out too."""
    classes = {id(policy_class): policy_class for endpoint in endpoints for policy_class in endpoint.classes.values()}
    used = {identity for one in classes.values() for tier in one.tiers for identity in tier.policies}
    compiled = {}
    for tier in tiers:
        for policy in tier.policies:
            identity = policy_id(policy)
            if identity in used:
                ingress = policy.spec.ingress if PolicyType.INGRESS in policy.spec.types else None
                egress = policy.spec.egress if PolicyType.EGRESS in policy.spec.types else None
                compiled[identity] = CompiledPolicy(
                    id=identity,
                    tier=tier.name,
                    ingress=compiled_rules(ingress or (), Direction.INGRESS, policy.namespace, sets),
                    egress=compiled_rules(egress or (), Direction.EGRESS, policy.namespace, sets),
                )
    return compiled


def _compiled_profile(name: str, profile: EffectiveProfile, sets: SetRegistry) -> CompiledProfile:
    return CompiledProfile(
        name=name,
        ingress=compiled_rules(profile.ingress, Direction.INGRESS, "", sets),
        egress=compiled_rules(profile.egress, Direction.EGRESS, "", sets),
    )
