"""One rule of a policy: what it matches and what it does."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, StrictInt, StrictStr

from dnsguard.resources.choices import choice
from dnsguard.resources.domainlists import RuleDomains
from dnsguard.resources.httpmatch import HTTPMatch
from dnsguard.resources.metadata import MAX_NAME, Annotations
from dnsguard.resources.model import AS_TEXT, Model
from dnsguard.resources.nets import RuleNet
from dnsguard.resources.ports import PortField, ProtocolField
from dnsguard.resources.problems import Problem, refused
from dnsguard.resources.reading import reads
from dnsguard.resources.rulechecks import entity_problems, family_problems, http_problems, icmp_problems, port_problems
from dnsguard.resources.selectors import NamespaceSelector, RuleSelector

MAX_NETS = 256
MAX_PORTS = 50


class Action(StrEnum):
    """What a rule does with a packet that matches."""

    ALLOW = "Allow"
    DENY = "Deny"
    LOG = "Log"
    PASS = "Pass"  # noqa: S105 - no password


def _read_ip_version(value: Any) -> int:
    if isinstance(value, bool) or value not in (4, 6) or not isinstance(value, int):
        raise refused("V-38", f"{value!r} is no IP version: write 4 or 6")
    return value


class ICMP(Model):
    """An ICMP type, and a code of that type; for IPv6 packets those of ICMPv6."""

    type: Annotated[StrictInt, Field(json_schema_extra={"minimum": 0, "maximum": 254})] | None = None
    """0 to 254; absent matches every type."""
    code: Annotated[StrictInt, Field(json_schema_extra={"minimum": 0, "maximum": 255})] | None = None
    """0 to 255, of that type; absent matches every code."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """V-35."""
        if self.type is not None and not 0 <= self.type <= 254:
            yield Problem(("type",), "V-35", f"{self.type} is no ICMP type: write 0 to 254")
        if self.code is not None and not 0 <= self.code <= 255:
            yield Problem(("code",), "V-35", f"{self.code} is no ICMP code: write 0 to 255")
        if self.code is not None and self.type is None and "type" not in broken:
            yield Problem(("code",), "V-35", "a code needs a type: add type")


class ServiceAccounts(Model):
    """Workloads that run as one of these accounts: names are ORed, and ANDed with the selector."""

    names: tuple[StrictStr, ...] | None = None
    """Accounts by name: one of them."""
    selector: RuleSelector | None = None
    """Accounts by their labels."""


class Services(Model):
    """A Kubernetes service as the other end."""

    model_config = ConfigDict(json_schema_extra={"required": ["name"]})  # checked with the rest

    name: StrictStr | None = None
    """Of the service."""
    namespace: StrictStr | None = None
    """Of the service."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """V-45: a service is named."""
        if not self.name and "name" not in broken:
            yield Problem(("name",), "V-45", "is required: the name of the service")
        for field, text in (("name", self.name), ("namespace", self.namespace)):
            if text and len(text) > MAX_NAME:
                yield Problem((field,), "V-45", f"is {len(text)} characters long; at most {MAX_NAME} are allowed")


class EntityRule(Model):
    """Conditions on one end of a packet; every one that is present must hold.

    An empty list matches nothing (of `notNets` and `notPorts`: excludes nothing), and is not the same as none.
    """

    nets: Annotated[tuple[RuleNet, ...], Field(max_length=MAX_NETS)] | None = None
    """The address is in one of these networks (CIDRs, all of one family in a rule). An empty list matches nothing."""
    not_nets: Annotated[tuple[RuleNet, ...], Field(max_length=MAX_NETS)] | None = None
    """The address is in none of these networks."""
    selector: RuleSelector | None = None
    """The address is that of an endpoint with such labels, or is in a network set with such labels, whose networks and
    domains count."""
    not_selector: RuleSelector | None = None
    """The address is that of no endpoint and in no network set with such labels."""
    namespace_selector: NamespaceSelector | None = None
    """Where `selector` looks: in namespaces with these labels; `global()` for objects without a namespace. Absent: in
    the policy's own namespace, or everywhere where the policy has none."""
    service_accounts: ServiceAccounts | None = None
    """The address is that of a workload that runs as one of these accounts."""
    services: Services | None = None
    """Refused: there is no registry of services here. Match the service's workloads by selector."""
    ports: Annotated[tuple[PortField, ...], Field(max_length=MAX_PORTS)] | None = None
    """The port is one of these: 443, '1000:2000', or a name that endpoints declare. Numbers need `protocol`. An empty
    list matches nothing."""
    not_ports: Annotated[tuple[PortField, ...], Field(max_length=MAX_PORTS)] | None = None
    """The port is none of these."""
    domains: RuleDomains | None = None
    """The address was learned for a name that one of these matches: `example.org`, or `*.example.org` where `*` stands
    for one or more whole components. Only in the destination of an egress rule that allows."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:  # noqa: ARG002 - what is broken looks absent
        """What may not stand beside what in one entity."""
        return entity_problems(self)


class RuleMetadata(Model):
    """Annotations of a rule; they never affect what it matches."""

    annotations: Annotations = Field(default_factory=dict)
    """Keys and values that tools keep with the rule."""


class Rule(Model):
    """One rule. An absent `source` or `destination` restricts nothing, as does an empty one."""

    REQUIRED: ClassVar[Mapping[str, str]] = {"action": "V-30"}
    DIRECTION: ClassVar[str] = ""

    action: Annotated[Action, choice(Action, "action", "V-30"), AS_TEXT]
    """`Allow` and `Deny` decide; `Pass` leaves it to the next tier; `Log` shows the packet and goes on with the next
    rule."""
    ip_version: Annotated[int, reads(_read_ip_version, {"type": "integer", "enum": [4, 6]})] | None = None
    """4 or 6: the packet is of this version."""
    protocol: ProtocolField | None = None
    """By name (`TCP`, `UDP`, `ICMP`, `ICMPv6`, `SCTP`, `UDPLite`) or number."""
    not_protocol: ProtocolField | None = None
    """The packet is of any protocol but this one."""
    icmp: ICMP | None = None
    """Needs protocol ICMP or ICMPv6."""
    not_icmp: ICMP | None = Field(default=None, alias="notICMP")
    """Neither this type nor, where a code is written, this code of it."""
    source: EntityRule = EntityRule()
    """Where the packet comes from."""
    destination: EntityRule = EntityRule()
    """Where the packet goes to."""
    http: HTTPMatch | None = None
    """Refused: no HTTP proxy is in the path. Match addresses and ports."""
    metadata: RuleMetadata | None = None
    """Notes on the rule."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """What may not stand beside what in one rule, and what only this direction takes."""
        yield from port_problems(self, broken)
        yield from icmp_problems(self, broken)
        yield from family_problems(self)
        yield from self._direction_problems()
        yield from http_problems(self, egress=self.DIRECTION == "egress")

    def _direction_problems(self) -> Iterable[Problem]:
        egress = self.DIRECTION == "egress"
        for end, entity in (("source", self.source), ("destination", self.destination)):
            if entity.domains is not None and not (egress and end == "destination"):
                yield Problem((end, "domains"), "V-50", "domains belong only into destination of an egress rule")
            if entity.services is not None and egress is (end == "source"):
                yield Problem(
                    (end, "services"),
                    "V-46",
                    "belongs into destination of an egress rule, or source of an ingress rule",
                )
        if egress and self.destination.domains is not None and self.action is not Action.ALLOW:
            yield Problem(
                ("destination", "domains"),
                "V-51",
                f"domains belong only into an Allow rule, not into {self.action.value}",
            )
        services_with_ports = self.destination.services is not None and (
            self.destination.ports is not None or self.destination.not_ports is not None
        )
        if services_with_ports:
            yield Problem(
                ("destination", "services"), "V-47", "a service brings its own ports: leave ports and notPorts out"
            )


class IngressRule(Rule):
    """A rule for packets to the endpoint."""

    DIRECTION: ClassVar[str] = "ingress"


class EgressRule(Rule):
    """A rule for packets from the endpoint."""

    DIRECTION: ClassVar[str] = "egress"
