"""The calculation: resources → profiles, labels, order → who is judged by what → sets and rules."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from dnsguard.calc.advice import EndpointAdvice, is_for_hosts_only, negation_warnings, stage_warnings
from dnsguard.calc.compiled import (
    Compiled,
    CompiledEndpoint,
    CompiledPolicy,
    CompiledProfile,
    Direction,
    EndpointId,
    PolicyId,
)
from dnsguard.calc.endpoints import Endpoint, endpoint_of, selectable_sets
from dnsguard.calc.labelindex import LabelIndex
from dnsguard.calc.ordering import ordered_tiers, policy_id
from dnsguard.calc.profiles import UNKNOWN, effective_profiles
from dnsguard.calc.rules import compiled_rules
from dnsguard.calc.scoping import policy_selector
from dnsguard.calc.sets import SetRegistry
from dnsguard.calc.stages import ClassFactory, RankedPolicy, places_of, places_of_endpoint
from dnsguard.resources import (
    HostEndpoint,
    Namespace,
    NetworkPolicy,
    NetworkSet,
    PolicyType,
    Resource,
    WorkloadEndpoint,
)

MOST_FOLLOWED = 500
"""Endpoints in one change; with more of them, starting from scratch is as fast."""


class Calculation:
    """One state of the calculation. `compiled` is what it comes to."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        resources = tuple(resources)
        self._profiles = effective_profiles(resources)
        self._mentions = Counter(mention for resource in resources for mention in _mentions(resource))
        tiers, tier_warnings = ordered_tiers(resources)
        self._policies = [policy for tier in tiers for policy in tier.policies]
        """In order: the position is the policy's rank."""

        default_actions = {tier.name: tier.default_action for tier in tiers}
        self._ranked = [
            RankedPolicy(policy_id(policy), policy.tier, default_actions[policy.tier], places_of(policy))
            for policy in self._policies
        ]
        self._factory = ClassFactory(self._ranked)
        self._selectors = [policy_selector(policy) for policy in self._policies]
        self._sets = SetRegistry()
        self._advice = EndpointAdvice(self._profiles)
        self._endpoints: dict[EndpointId, Endpoint] = {}
        self._ranks: dict[EndpointId, tuple[int, ...]] = {}
        self._numbers: dict[EndpointId, int] = {}
        self._compiled_endpoints: dict[EndpointId, CompiledEndpoint] = {}
        self._uses: Counter[int | str] = Counter()
        """How many endpoints a policy, by its rank, or a profile, by its name, judges."""

        for labels, item in selectable_sets(resources, self._profiles):
            self._sets.add(labels, item)
        self._start([endpoint_of(each, self._profiles) for each in resources if isinstance(each, _Endpoint)])
        self._compiled_policies = self._compile_policies()
        self._compiled_profiles = {
            name: self._compile_profile(name) for name in sorted(use for use in self._uses if isinstance(use, str))
        }
        self._for_hosts_only = [rank for rank, policy in enumerate(self._policies) if is_for_hosts_only(policy)]
        self._lasting_warnings = {
            *tier_warnings,
            *(warning for policy in self._policies for warning in negation_warnings(policy, self._sets)),
        }
        self.compiled = self._result()

    def follow(self, gone: Sequence[Resource], new: Sequence[Resource]) -> bool:
        """Takes on a change, where it is one of a few endpoints and reaches no further than they do.

        False where it is not: then this object is of no more use.
        """
        if len(gone) + len(new) > MOST_FOLLOWED:
            return False
        leaving = [resource for resource in gone if isinstance(resource, _Endpoint)]
        coming = [resource for resource in new if isinstance(resource, _Endpoint)]
        if len(leaving) < len(gone) or len(coming) < len(new):
            return False
        mentioned, used = set(+self._mentions), set(+self._uses)
        for resource in leaving:
            self._mentions.subtract(_mentions(resource))
            self._take(EndpointId(resource.kind, resource.namespace, resource.name))
        for resource in coming:
            self._mentions.update(_mentions(resource))
            endpoint = endpoint_of(resource, self._profiles)
            self._put(endpoint, self._ranks_of(endpoint))
        if (set(+self._mentions), set(+self._uses)) != (mentioned, used):
            return False  # profiles appear or vanish, rules and their sets are needed or no longer
        self.compiled = self._result()
        return True

    def _start(self, endpoints: Sequence[Endpoint]) -> None:
        """Puts all endpoints in at once: each selector looks for its endpoints, not each endpoint for its selectors."""
        index = LabelIndex[Endpoint]()
        for endpoint in endpoints:
            index.add(endpoint.labels, endpoint)
        ranks: dict[EndpointId, list[int]] = {}
        for rank, selector in enumerate(self._selectors):
            for endpoint in index.matching(selector):
                if self._may_select(rank, endpoint):
                    ranks.setdefault(endpoint.id, []).append(rank)
        for endpoint in endpoints:
            self._put(endpoint, tuple(ranks.get(endpoint.id, ())))

    def _ranks_of(self, endpoint: Endpoint) -> tuple[int, ...]:
        return tuple(
            rank
            for rank, selector in enumerate(self._selectors)
            if selector.matches(endpoint.labels) and self._may_select(rank, endpoint)
        )

    def _may_select(self, rank: int, endpoint: Endpoint) -> bool:
        """A host is in no namespace, whatever labels it got hold of."""
        return endpoint.is_workload or not isinstance(self._policies[rank], NetworkPolicy)

    def _put(self, endpoint: Endpoint, ranks: tuple[int, ...]) -> None:
        self._endpoints[endpoint.id] = endpoint
        self._ranks[endpoint.id] = ranks
        self._numbers[endpoint.id] = self._sets.add(endpoint.labels, endpoint.selectable)
        self._uses.update(self._judges(endpoint.id))
        self._advice.add(endpoint)
        self._compiled_endpoints[endpoint.id] = CompiledEndpoint(
            id=endpoint.id,
            node=endpoint.node,
            interface=endpoint.interface,
            addresses=endpoint.addresses,
            labels=endpoint.labels,
            classes=self._factory.classes(endpoint, ranks),
            profile_ids=endpoint.profiles,
        )

    def _take(self, identity: EndpointId) -> None:
        self._uses.subtract(self._judges(identity))
        endpoint = self._endpoints.pop(identity)
        self._advice.remove(endpoint)
        self._sets.remove(endpoint.labels, self._numbers.pop(identity))
        del self._ranks[identity], self._compiled_endpoints[identity]

    def _judges(self, identity: EndpointId) -> set[int | str]:
        """The ranks of policies and the names of profiles that judge an endpoint somewhere."""
        places = places_of_endpoint(self._endpoints[identity])
        ranks = {rank for rank in self._ranks[identity] if not self._ranked[rank].places.isdisjoint(places)}
        return ranks | set(self._endpoints[identity].profiles)

    def _compile_policies(self) -> dict[PolicyId, CompiledPolicy]:
        """The policies in use; rules of a direction that `types` leaves out are left out too."""
        compiled = {}
        for rank, policy in enumerate(self._policies):
            if self._uses[rank]:
                ingress = policy.spec.ingress if PolicyType.INGRESS in policy.spec.types else None
                egress = policy.spec.egress if PolicyType.EGRESS in policy.spec.types else None
                compiled[policy_id(policy)] = CompiledPolicy(
                    id=policy_id(policy),
                    tier=policy.tier,
                    ingress=compiled_rules(ingress or (), Direction.INGRESS, policy.namespace, self._sets),
                    egress=compiled_rules(egress or (), Direction.EGRESS, policy.namespace, self._sets),
                )
        return compiled

    def _compile_profile(self, name: str) -> CompiledProfile:
        profile = self._profiles.get(name, UNKNOWN)
        return CompiledProfile(
            name=name,
            ingress=compiled_rules(profile.ingress, Direction.INGRESS, "", self._sets),
            egress=compiled_rules(profile.egress, Direction.EGRESS, "", self._sets),
        )

    def _result(self) -> Compiled:
        return Compiled(
            # Copies: endpoints come and go and their sets are made anew, and what was given out must not change.
            endpoints=dict(self._compiled_endpoints),
            policies=self._compiled_policies,
            profiles=self._compiled_profiles,
            member_sets=dict(self._sets.member_sets),
            port_sets=dict(self._sets.port_sets),
            lease_sets=dict(self._sets.lease_sets),
            warnings=tuple(sorted({*self._lasting_warnings, *self._advice.warnings(), *self._stage_warnings()})),
        )

    def _stage_warnings(self) -> Iterator[str]:
        for rank in self._for_hosts_only:
            selected = [self._endpoints[identity] for identity, ranks in self._ranks.items() if rank in ranks]
            yield from stage_warnings(self._policies[rank], selected)


_Endpoint = WorkloadEndpoint | HostEndpoint


def _mentions(resource: Resource) -> list[tuple[str, ...]]:
    """The namespaces and service accounts that have a profile because of this resource."""
    match resource:
        case Namespace():
            return [(resource.name,)]
        case WorkloadEndpoint(spec=spec) if spec.service_account_name:
            return [(resource.namespace,), (resource.namespace, spec.service_account_name)]
        case WorkloadEndpoint() | NetworkSet() | NetworkPolicy():
            return [(resource.namespace,)]
        case _:
            return []
