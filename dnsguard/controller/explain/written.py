"""Policy as its authors wrote it: what explanations quote. Pure."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from dnsguard.calc.advice import Advice
from dnsguard.calc.changes import Change
from dnsguard.calc.compiled import Direction, EndpointId, PolicyId
from dnsguard.calc.networksets import NetworkSetBook, NetworkSetId
from dnsguard.calc.policies import InForce, PolicyBook
from dnsguard.calc.profiles import ProfileBook
from dnsguard.calc.staging import Staging, View
from dnsguard.resources import GlobalNetworkSet, HostEndpoint, NetworkSet, Profile, Resource, Rule, WorkloadEndpoint


class Written:
    """Resources by identity, each index made when it is first asked for."""

    def __init__(self, resources: Iterable[Resource], view: View = View.ENFORCED) -> None:
        self.resources = tuple(resources)
        self.view = view

    @cached_property
    def policies(self) -> Mapping[PolicyId, InForce]:
        """Those that stand in this view and whose tier is there, whomever they select, in the order of evaluation."""
        advice = Advice()
        staging = Staging(self.view, advice)
        seen = list(staging.seen(self._new(self.resources)))
        found = PolicyBook(advice).apply(seen, staging.apply(seen))
        return {each.id: each for each in sorted(found.new, key=lambda each: each.rank)}

    @cached_property
    def network_sets(self) -> tuple[tuple[NetworkSet | GlobalNetworkSet, Mapping[str, str]], ...]:
        """All of them, with their effective labels."""
        changes = self._new(self.resources)
        profiles = ProfileBook()
        book = NetworkSetBook(profiles)
        labels = {
            each.id: each.labels for _, _, each in book.apply(changes, profiles.apply(changes)) if each is not None
        }
        sets = (each for each in self.resources if isinstance(each, NetworkSet | GlobalNetworkSet))
        return tuple((each, labels[NetworkSetId(each.namespace, each.name)]) for each in sets)

    @cached_property
    def _profiles(self) -> dict[str, Profile]:
        return {each.name: each for each in self.resources if isinstance(each, Profile)}

    @cached_property
    def _endpoints(self) -> dict[EndpointId, WorkloadEndpoint | HostEndpoint]:
        return {
            EndpointId(each.kind, each.namespace, each.name): each
            for each in self.resources
            if isinstance(each, WorkloadEndpoint | HostEndpoint)
        }

    @staticmethod
    def _new(resources: Iterable[Resource]) -> list[Change]:
        return [Change(None, each) for each in resources]

    def ports(self, endpoint: EndpointId) -> list[tuple[str, int, int]]:
        """(name, protocol number, port) of the named ports that an endpoint declares."""
        found = self._endpoints.get(endpoint)
        ports = found.spec.ports or () if found is not None else ()
        return [(port.name, port.protocol.number, port.port) for port in ports if port.name]

    def rule(self, policy: PolicyId | None, profile: str, direction: Direction, index: int) -> dict[str, Any] | None:
        """A rule in the shape of a manifest; None for one that nobody wrote, as those of automatic profiles.

        A rule of a Kubernetes policy is shown as the rule of ours that it comes to.
        """
        source = self.policies.get(policy) if policy is not None else self._profiles.get(profile)
        if source is None:
            return None
        rules = (source.spec.ingress if direction is Direction.INGRESS else source.spec.egress) or ()
        return _as_written(rules[index]) if 0 <= index < len(rules) else None


def _as_written(rule: Rule) -> dict[str, Any]:
    return rule.model_dump(mode="json", by_alias=True, exclude_unset=True)
