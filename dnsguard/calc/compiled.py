"""What the calculation graph puts out: policy in terms of addresses, ports and ordered lists, no labels left.

Everything downstream reads these values and nothing else: the dataplane's plan, the evaluator, the link to the
forwarder. They are frozen, compared by value, and hold no reference to a resource.

Two kinds of set stand behind rules:

- a *member set*: addresses and CIDRs that policy itself knows (endpoints, the ``nets`` of network sets);
- a *lease set*: addresses that DNS answers lead to, leased per client by the forwarder while the program runs. Here it
  is only an identifier and the domain patterns that feed it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from dnsguard.domains import DomainPattern

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Direction(StrEnum):
    """Seen from the endpoint that the policy applies to."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Stage(StrEnum):
    """Where on a packet's way a policy is judged. Workload endpoints have the normal stage only."""

    UNTRACKED = "untracked"
    PRE_DNAT = "pre-dnat"
    NORMAL = "normal"
    FORWARD = "forward"


class Action(StrEnum):
    """What a rule does with a packet that matches. Log never decides."""

    ALLOW = "allow"
    DENY = "deny"
    PASS = "pass"  # noqa: S105 - no password
    LOG = "log"


@dataclass(frozen=True, slots=True, order=True)
class PolicyId:
    """The identity of a policy, of any kind."""

    kind: str
    """``NetworkPolicy``, ``GlobalNetworkPolicy``, …; ``KubernetesNetworkPolicy`` is the one of networking.k8s.io."""

    namespace: str
    """Empty for kinds without a namespace."""

    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}" if self.namespace else f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class PortRange:
    """An inclusive range of ports; a single port is a range of one."""

    first: int
    last: int

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}:{self.last}"


@dataclass(frozen=True, slots=True)
class IcmpMatch:
    """ICMP for IPv4 packets, ICMPv6 for IPv6 packets. ``None`` means any."""

    type: int | None
    code: int | None


@dataclass(frozen=True, slots=True)
class EntityMatch:
    """Conditions on one end of a packet. Every condition that is present must hold.

    ``None`` is an absent condition; an empty tuple is a condition that nothing meets (for the ``not_…`` fields: that
    excludes nothing).

    The positive address condition is a union: the address is in ``members``, or it is leased in ``leases`` to the
    client that sends the packet. Absent when both are ``None``.

    The positive port condition, when ``ports`` or ``named_ports`` is present, is::

        (address condition holds and port in ports) or (address, protocol, port) in named_ports

    since a named-port set is already filtered by the selector.
    """

    nets: tuple[Network, ...] | None = None
    not_nets: tuple[Network, ...] = ()
    members: str | None = None
    """Identifier in ``Compiled.member_sets``."""

    leases: str | None = None
    """Identifier in ``Compiled.lease_sets``; only ever on the destination of an egress Allow."""

    not_members: str | None = None
    """Identifier in ``Compiled.member_sets``: the address must not be in it."""

    ports: tuple[PortRange, ...] | None = None
    named_ports: str | None = None
    """Identifier in ``Compiled.port_sets``."""

    not_ports: tuple[PortRange, ...] = ()
    not_named_ports: str | None = None
    """Identifier in ``Compiled.port_sets``: the triple must not be in it."""


ANY = EntityMatch()


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule; a packet matches when every condition present holds."""

    index: int
    """Position in the policy's list of that direction, counted from 0; stays what the user wrote."""

    action: Action
    ip_version: int | None = None
    """4, 6 or ``None`` for both. Set by the compiler too where a rule's CIDRs confine it to one family."""

    protocol: int | None = None
    """IANA protocol number."""

    not_protocol: int | None = None
    icmp: IcmpMatch | None = None
    not_icmp: IcmpMatch | None = None
    source: EntityMatch = ANY
    destination: EntityMatch = ANY


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy's rules, shared by every class that lists it."""

    id: PolicyId
    tier: str
    ingress: tuple[CompiledRule, ...] = ()
    egress: tuple[CompiledRule, ...] = ()

    def rules(self, direction: Direction) -> tuple[CompiledRule, ...]:
        return self.ingress if direction is Direction.INGRESS else self.egress


@dataclass(frozen=True, slots=True)
class CompiledProfile:
    """What decides when no tier did. A profile that an endpoint lists and nobody defined has one Deny rule each way."""

    name: str
    ingress: tuple[CompiledRule, ...] = ()
    egress: tuple[CompiledRule, ...] = ()

    def rules(self, direction: Direction) -> tuple[CompiledRule, ...]:
        return self.ingress if direction is Direction.INGRESS else self.egress


RuleOwner = CompiledPolicy | CompiledProfile
"""Whose rules they are."""


@dataclass(frozen=True, slots=True)
class TierSlice:
    """The part of one tier that applies: its policies in order, and what happens after the last of them."""

    tier: str
    default_action: Action
    """``DENY`` or ``PASS``; in the untracked and pre-DNAT stages always ``PASS``."""

    policies: tuple[PolicyId, ...]
    """Never empty."""


@dataclass(frozen=True, slots=True)
class PolicyClass:
    """A distinct ordered list of tiers, policies and profiles: all that a verdict depends on besides the packet.

    Endpoints with equal classes share them, and share their chain in the kernel.
    """

    direction: Direction
    stage: Stage
    tiers: tuple[TierSlice, ...]
    profiles: tuple[str, ...]
    """Names in ``Compiled.profiles``; consulted in the normal stage only. Nothing decided after the last: Deny."""


@dataclass(frozen=True, slots=True, order=True)
class EndpointId:
    """The identity of a workload or host endpoint."""

    kind: str
    """``WorkloadEndpoint`` or ``HostEndpoint``."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


ALL_INTERFACES = "*"
"""The interface of a host endpoint that stands for every one without an endpoint of its own."""


@dataclass(frozen=True, slots=True)
class CompiledEndpoint:
    """One endpoint, with the class that judges it for each stage and direction that concerns it."""

    id: EndpointId
    node: str
    """Empty when the resource names none: then it belongs to every node."""

    interface: str
    """Name; ``ALL_INTERFACES`` for the other ones of a host; empty where a host endpoint is bound by its addresses."""

    addresses: tuple[Address, ...]
    labels: Mapping[str, str] = field(hash=False)
    """Effective labels: automatic and profile labels included."""

    classes: Mapping[tuple[Stage, Direction], PolicyClass] = field(hash=False)
    """Workload: (NORMAL, INGRESS) and (NORMAL, EGRESS), always both. Host: those two always; the others when at least
    one policy applies there."""

    profile_ids: tuple[str, ...] = ()
    mac: str = ""
    """The Ethernet address, where the resource says it."""

    @property
    def is_workload(self) -> bool:
        return self.id.kind == "WorkloadEndpoint"

    def is_on(self, node: str) -> bool:
        """Whether a node judges for it; one without a name of its own judges for all."""
        return not node or self.node in ("", node)


@dataclass(frozen=True, slots=True)
class MemberSet:
    """Addresses and CIDRs that an effective selector stands for now; disjoint and collapsed, per family."""

    id: str
    description: str
    """The canonical effective selector, for comments and explanations."""

    networks: tuple[Network, ...]
    """IPv4 first, ascending."""


@dataclass(frozen=True, slots=True)
class PortSet:
    """(address, protocol number, port) triples: where endpoints offer one of some port names."""

    id: str
    description: str
    members: frozenset[tuple[Address, int, int]]


@dataclass(frozen=True, slots=True)
class LeaseSet:
    """The domain patterns whose learned addresses one rule destination accepts.

    The identifier follows the selector or the rule's list, so that a domain added to a network set changes the
    patterns and not a single kernel rule.
    """

    id: str
    description: str
    patterns: frozenset[DomainPattern]


@dataclass(frozen=True, slots=True)
class Compiled:
    """Everything a node enforces, at one moment."""

    endpoints: Mapping[EndpointId, CompiledEndpoint] = field(default_factory=dict)
    """In no particular order."""

    policies: Mapping[PolicyId, CompiledPolicy] = field(default_factory=dict)
    """Only policies that at least one class refers to."""

    profiles: Mapping[str, CompiledProfile] = field(default_factory=dict)
    member_sets: Mapping[str, MemberSet] = field(default_factory=dict)
    port_sets: Mapping[str, PortSet] = field(default_factory=dict)
    lease_sets: Mapping[str, LeaseSet] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    """What an operator should know: a policy whose tier is missing, an untracked policy that selects a workload, …"""

    def lease_sets_of(self, endpoint: CompiledEndpoint) -> frozenset[str]:
        """Identifiers of the lease sets that the endpoint's egress policies and profiles refer to, in any stage."""
        found: set[str] = set()
        for (_, direction), policy_class in endpoint.classes.items():
            if direction is Direction.EGRESS:
                rules = [self.policies[policy].egress for tier in policy_class.tiers for policy in tier.policies]
                rules += [self.profiles[name].egress for name in policy_class.profiles]
                found.update(
                    leases for each in rules for rule in each if (leases := rule.destination.leases) is not None
                )
        return frozenset(found)
