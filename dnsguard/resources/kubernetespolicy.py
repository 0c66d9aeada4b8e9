"""NetworkPolicy of Kubernetes, and its preview StagedKubernetesNetworkPolicy."""

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from dnsguard.resources.apiversions import NETWORKING
from dnsguard.resources.kubernetes import conversion_problems
from dnsguard.resources.kubernetesspec import KubernetesPolicySpec
from dnsguard.resources.problems import Problem
from dnsguard.resources.resource import Resource
from dnsguard.resources.staged import StagedAction, StagedSpec, with_action_label


class KubernetesNetworkPolicy(Resource):
    """A policy of networking.k8s.io: it allows, for pods of its own namespace, and everything else is denied."""

    API_VERSION: ClassVar[str] = NETWORKING
    NAMESPACED: ClassVar[bool] = True

    kind: Literal["NetworkPolicy"]
    spec: KubernetesPolicySpec = KubernetesPolicySpec()
    """Which pods it isolates, and what is allowed to them all the same."""
    status: dict[str, Any] | None = None
    """What the server says of the policy."""

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """`spec` is always there."""
        return {"spec": {}, **super().completed(data)}

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """It must come to a policy that can be enforced."""
        yield from super().problems(broken)
        if "spec" not in broken:
            yield from _in_spec(conversion_problems(self.spec))


class StagedKubernetesPolicySpec(StagedSpec, KubernetesPolicySpec):
    """The spec of a NetworkPolicy of Kubernetes, and what is proposed. A deletion says nothing more."""

    TYPES: ClassVar[str] = "policyTypes"


class StagedKubernetesNetworkPolicy(Resource):
    """A preview of a NetworkPolicy of Kubernetes of this name: judged, never enforced."""

    NAMESPACED: ClassVar[bool] = True

    kind: Literal["StagedKubernetesNetworkPolicy"]
    spec: StagedKubernetesPolicySpec = StagedKubernetesPolicySpec()
    """What would be enforced, or that the policy of this name would go."""

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """`spec` is always there, and the label that says the action."""
        return with_action_label({"spec": {}, **super().completed(data)})

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """It must come to a policy that could be enforced (V-17)."""
        yield from super().problems(broken)
        if "spec" not in broken and self.spec.staged_action is not StagedAction.DELETE:
            yield from _in_spec(conversion_problems(self.spec))


def _in_spec(problems: Iterable[Problem]) -> Iterable[Problem]:
    return (problem._replace(path=("spec", *problem.path)) for problem in problems)
