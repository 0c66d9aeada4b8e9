"""NetworkSet and GlobalNetworkSet: networks and domains outside, which selectors find by label."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal

from dnsguard.resources.domainlists import SetDomains
from dnsguard.resources.labels import NAMESPACE
from dnsguard.resources.model import Model
from dnsguard.resources.nets import SetNet, duplicate_problems
from dnsguard.resources.problems import Problem
from dnsguard.resources.resource import Resource


class NetworkSetSpec(Model):
    """Networks and domain patterns; a set with neither matches nothing."""

    nets: tuple[SetNet, ...] | None = None
    """Networks or single addresses, of either family, each once."""
    allowed_egress_domains: SetDomains | None = None
    """Names, or patterns as `*.example.org` where `*` stands for one or more whole components. They count only in the
    destination of egress rules that allow and whose selector finds the set."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:  # noqa: ARG002 - what is broken looks absent
        """V-18: no network twice."""
        return duplicate_problems("nets", self.nets, "V-18")


class NetworkSet(Resource):
    """A set seen by policies of its namespace, and by others through a namespaceSelector."""

    NAMESPACED: ClassVar[bool] = True
    FORBIDDEN_LABELS: ClassVar[Mapping[str, str]] = {NAMESPACE: "V-06"}

    kind: Literal["NetworkSet"]
    spec: NetworkSetSpec = NetworkSetSpec()
    """What is in the set."""


class GlobalNetworkSet(Resource):
    """A set seen by global policies, and by namespaced ones through `namespaceSelector: global()`."""

    FORBIDDEN_LABELS: ClassVar[Mapping[str, str]] = {NAMESPACE: "V-06"}

    kind: Literal["GlobalNetworkSet"]
    spec: NetworkSetSpec = NetworkSetSpec()
    """What is in the set."""
