"""NetworkPolicy and GlobalNetworkPolicy: ordered rules for the endpoints that a selector chooses."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainSerializer, StrictBool

from dnsguard.resources.labels import TIER
from dnsguard.resources.metadata import LABEL, MAX_NAME, SUBDOMAIN, is_subdomain
from dnsguard.resources.model import Model
from dnsguard.resources.numbers import Order
from dnsguard.resources.problems import Problem, kind_of_value, refused
from dnsguard.resources.reading import list_of, reads, string
from dnsguard.resources.resource import NameRule, Resource
from dnsguard.resources.rule import EgressRule, IngressRule
from dnsguard.resources.rulechecks import rule_list_problems, services_in
from dnsguard.resources.selectors import TopSelector
from dnsguard.resources.tiernames import DEFAULT_TIER


class PolicyType(StrEnum):
    """A direction that a policy decides, seen from the endpoint."""

    INGRESS = "Ingress"
    EGRESS = "Egress"


def _read_types(value: Any) -> tuple[PolicyType, ...]:
    if not isinstance(value, list | tuple):
        raise refused("type", f"must be a list, not {kind_of_value(value)}")
    for item in value:
        if item not in tuple(PolicyType):
            raise refused("V-09", f"{item!r} is no type: write Ingress, Egress or both")
    if len(set(value)) != len(value):
        raise refused("V-09", "names a type twice: write each once")
    return tuple(PolicyType(item) for item in value)


def _is_meant(direction: PolicyType, spec: Mapping[str, Any]) -> bool:
    """Whether rules for the direction are written, be it none; a preDNAT policy has no other direction than in."""
    rules = spec.get(direction.value.lower())
    return rules is not None and bool(rules or direction is PolicyType.INGRESS or spec.get("preDNAT") is not True)


def _type_names(types: tuple[PolicyType, ...]) -> list[str]:
    return [item.value for item in types]


_TYPES = list_of(string(enum=[each.value for each in PolicyType]), uniqueItems=True)
PolicyTypes = Annotated[tuple[PolicyType, ...], reads(_read_types, _TYPES), PlainSerializer(_type_names)]


def _read_tier(value: Any) -> str:
    if not isinstance(value, str):
        raise refused("type", f"must be a string, not {kind_of_value(value)}")
    if not is_subdomain(value):
        raise refused("V-08", f"{value!r} is no tier name: lower-case letters, digits and '-'")
    return value


def _read_hints(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise refused("type", f"must be a list, not {kind_of_value(value)}")
    if any(item != "AssumeNeededOnEveryNode" for item in value) or len(value) > 1:
        raise refused("type", "takes AssumeNeededOnEveryNode, once")
    return tuple(value)


_HINTS = list_of(string(enum=["AssumeNeededOnEveryNode"]), maxItems=1)


class PolicySpec(Model):
    """Which endpoints, in which order among policies, and the rules for each direction."""

    tier: Annotated[str, reads(_read_tier, string(SUBDOMAIN, maxLength=MAX_NAME))] = DEFAULT_TIER
    """The tier that the policy is in. Tiers are judged one after another; the first one that decides has decided."""
    order: Order | None = None
    """Within the tier lower runs first; absent runs last."""
    selector: TopSelector | None = None
    """Which endpoints the policy applies to, by their labels: `app == 'web' && has(owner)`. Absent or empty: all of its
    namespace, or of all namespaces where the policy has none."""
    service_account_selector: TopSelector | None = None
    """Narrows the endpoints further, by the labels of their service accounts."""
    types: PolicyTypes = ()
    """The directions that the policy decides; in these, what none of its tier's policies allows is subject to the end
    of the tier. Where it was not written it is inferred from the lists of rules that are there."""
    ingress: tuple[IngressRule, ...] | None = None
    """Rules for packets to the endpoints, in order; the first that matches and does not log decides."""
    egress: tuple[EgressRule, ...] | None = None
    """Rules for packets from the endpoints, in order; the first that matches and does not log decides."""
    performance_hints: Annotated[tuple[str, ...], reads(_read_hints, _HINTS), PlainSerializer(list)] | None = None
    """`AssumeNeededOnEveryNode`, or nothing. It has no effect here."""

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Absent or empty `types` are inferred from the lists of rules that are there.

        An empty list counts too: one that was rendered from nothing must not take its direction out of the policy.
        """
        if data.get("types", []) not in ([], ()):
            return data
        types = [item.value for item in PolicyType if _is_meant(item, data)]
        return {**data, "types": types or [PolicyType.INGRESS.value]}

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:  # noqa: ARG002 - what is broken looks absent
        """V-10, and what no node here can do."""
        yield from rule_list_problems("ingress", self.ingress or ())
        yield from rule_list_problems("egress", self.egress or ())


class GlobalPolicySpec(PolicySpec):
    """The same as of a NetworkPolicy, and at which stage packets of host endpoints are judged."""

    namespace_selector: TopSelector | None = None
    """Narrows the endpoints to workloads of namespaces with these labels."""
    do_not_track: StrictBool = False
    """Judge packets of host endpoints before connections are tracked, so that answers need rules of their own. Needs
    applyOnForward."""
    pre_dnat: StrictBool = Field(default=False, alias="preDNAT")
    """Judge packets to host endpoints before their destination is translated. Ingress only; needs applyOnForward."""
    apply_on_forward: StrictBool = False
    """Of host endpoints, judge also what is forwarded through them, not only what begins or ends at the host."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """V-11 to V-15."""
        yield from super().problems(broken)
        if self.do_not_track and self.pre_dnat:
            yield Problem(("doNotTrack",), "V-11", "doNotTrack and preDNAT exclude each other: write two policies")
        if (self.do_not_track or self.pre_dnat) and not self.apply_on_forward and "applyOnForward" not in broken:
            flag = "doNotTrack" if self.do_not_track else "preDNAT"
            yield Problem(
                ("applyOnForward",), "V-12", f"must be true where {flag} is: that stage always sees forwarded traffic"
            )
        if self.pre_dnat and self.egress:
            yield Problem(
                ("egress",), "V-13", "a preDNAT policy has no egress rules: that stage exists only on the way in"
            )
        elif self.pre_dnat and PolicyType.EGRESS in self.types:
            yield Problem(("types",), "V-14", "a preDNAT policy has no type Egress: write [Ingress]")
        for field, rules in (("ingress", self.ingress or ()), ("egress", self.egress or ())):
            for path, services in services_in(field, rules):
                if not services.namespace:
                    yield Problem((*path, "namespace"), "V-15", "is required in a global policy")


class Policy(Resource):
    """What both kinds of policy share."""

    spec: PolicySpec = PolicySpec()
    """Which endpoints it applies to, and what these may send and receive."""

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The label that names the tier follows `spec.tier`, whatever was written; `spec` is always there."""
        data = super().completed(data)
        spec = data.setdefault("spec", {})
        tier = spec.get("tier", DEFAULT_TIER) if isinstance(spec, Mapping) else DEFAULT_TIER
        metadata = data.get("metadata")
        labels = (metadata.get("labels") or {}) if isinstance(metadata, Mapping) else None
        if isinstance(metadata, Mapping) and isinstance(labels, Mapping) and isinstance(tier, str):
            data["metadata"] = {**metadata, "labels": {**labels, TIER: tier}}
        return data

    @property
    def tier(self) -> str:
        """`spec.tier`."""
        return self.spec.tier


class NetworkPolicy(Policy):
    """Rules for workloads of its own namespace."""

    NAMESPACED: ClassVar[bool] = True
    NAME: ClassVar[NameRule] = NameRule(
        "V-02",
        rf"{LABEL}(?:\.{LABEL})?|(?:knp|ossg)\.default\.{SUBDOMAIN}",
        MAX_NAME,
        "lower-case letters, digits and '-', and at most one dot",
    )

    kind: Literal["NetworkPolicy"]


class GlobalNetworkPolicy(Policy):
    """Rules for workloads of any namespace, and for host endpoints."""

    NAME: ClassVar[NameRule] = NameRule(
        "V-03", rf"(?:{LABEL}\.)?{LABEL}", MAX_NAME, "lower-case letters, digits and '-', and at most one dot"
    )

    kind: Literal["GlobalNetworkPolicy"]
    spec: GlobalPolicySpec = GlobalPolicySpec()
    """Which endpoints it applies to, and what these may send and receive."""
