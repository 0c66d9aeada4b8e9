"""Profile: labels and last-resort rules that endpoints inherit."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from dnsguard.resources.metadata import Labels
from dnsguard.resources.model import Model
from dnsguard.resources.problems import Problem
from dnsguard.resources.resource import Resource
from dnsguard.resources.rule import EgressRule, IngressRule
from dnsguard.resources.rulechecks import rule_list_problems

DEFAULT_ALLOW = "projectcalico-default-allow"


class ProfileSpec(Model):
    """Rules that decide when no tier did, and labels for the endpoints that list the profile."""

    ingress: tuple[IngressRule, ...] | None = None
    """Rules for packets to the endpoints, in order."""
    egress: tuple[EgressRule, ...] | None = None
    """Rules for packets from the endpoints, in order."""
    labels_to_apply: Labels = Field(default_factory=dict)
    """Labels that endpoints with this profile have besides their own."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:  # noqa: ARG002 - what is broken looks absent
        """V-10 and D-12, as in policies."""
        yield from rule_list_problems("ingress", self.ingress or ())
        yield from rule_list_problems("egress", self.egress or ())


class Profile(Resource):
    """A profile that an endpoint lists in `spec.profiles`."""

    kind: Literal["Profile"]
    spec: ProfileSpec = ProfileSpec()
    """Rules that decide when no tier did, and labels to inherit."""
