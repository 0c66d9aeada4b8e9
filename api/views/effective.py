"""What ``GET /v1/effective`` returns: everything that applies to one endpoint, in the order of evaluation."""

from typing import Any, Literal

from pydantic import Field

from dnsguard.api.views.models import View

SetKind = Literal["Addresses", "Names", "Ports"]
Does = Literal["Allow", "Deny", "Pass", "Log"]


class EffectiveEnd(View):
    """What a rule asks of one end of a packet: all that is here must hold. Where sets are named, the address must be in
    the one of ``members`` or that of ``names``; ports and named ports are alternatives, too."""

    nets: tuple[str, ...] | None = None
    not_nets: tuple[str, ...] = ()
    members: str = ""
    """Identifier of a set of addresses: the address is in it."""

    names: str = ""
    """Identifier of a set of names: the address was learned from one of its names."""

    not_members: str = ""
    """Identifier of a set of addresses: the address is not in it."""

    ports: tuple[str, ...] | None = None
    """Numbers, and ranges as ``1000:2000``."""

    named_ports: str = ""
    """Identifier of a set of ports: address, protocol and port are in it."""

    not_ports: tuple[str, ...] = ()
    not_named_ports: str = ""
    """Identifier of a set of ports: address, protocol and port are not in it."""


class EffectiveRule(View):
    """One rule, as written and as it is in force."""

    rule: int
    """Its place in the list of that direction, from 0."""

    action: Does
    ip_version: int | None = None
    protocol: str = ""
    """Empty for any."""

    not_protocol: str = ""
    icmp: str = ""
    """``type 8``, ``type 3 code 1``."""

    not_icmp: str = ""
    source: EffectiveEnd | None = None
    """Absent: any."""

    destination: EffectiveEnd | None = None
    written: dict[str, Any] | None = None
    """Absent of a rule that nobody wrote. Of a policy of Kubernetes: the rule of ours that it comes to."""


class EffectivePolicy(View):
    """A policy that selects the endpoint, with its rules for the direction."""

    policy: str
    """``Kind/namespace/name``."""

    staged: Literal["", "ToBeAdded", "ToBeRemoved"] = ""
    """Of one that is staged: it is not in force. Of one that is in force: what is staged takes it away or replaces
    it."""

    rules: tuple[EffectiveRule, ...] = ()
    """None: it only makes the tier apply."""


class EffectiveTier(View):
    """A tier with the policies of it that apply."""

    tier: str
    policies: tuple[EffectivePolicy, ...]
    end: Does
    """What becomes of a packet that none of the rules decides: ``Deny``, or ``Pass`` to the next tier."""

    staged: Literal["", "ToBeAdded"] = ""
    """Only staged policies make it apply: it does not yet."""


class EffectiveProfile(View):
    """A profile that decides when no tier did."""

    profile: str
    rules: tuple[EffectiveRule, ...] = ()


class ImplicitRule(View):
    """What the node decides besides policy."""

    by: str
    """As ``explain`` calls it."""

    action: Literal["Allow", "Deny", "Next"]
    """``Next``: the next stage decides."""

    text: str
    """What packets it is about, and what becomes of them."""


class EffectiveStage(View):
    """One stage of a packet's way in one direction: what comes first decides."""

    direction: Literal["egress", "ingress"]
    """``egress``: what the endpoint sends."""

    stage: str
    """``normal``; of host endpoints also ``untracked``, ``pre-dnat`` and ``forward``."""

    before: tuple[ImplicitRule, ...] = ()
    tiers: tuple[EffectiveTier, ...] = ()
    profiles: tuple[EffectiveProfile, ...] = ()
    end: ImplicitRule
    """What becomes of a packet that nothing decides."""

    then: tuple[str, ...] = ()
    """What else judges a packet that passes."""


class LearnedNow(View):
    """An address that the endpoint may reach now because of a name."""

    name: str
    """That it looked up."""

    address: str
    seconds_left: float


class EffectiveSet(View):
    """A set that rules refer to."""

    id: str
    """Of its kind: addresses and names of one selector have the same."""

    kind: SetKind
    description: str
    """The selector that it stands for, or the names that it is made of."""

    count: int
    """Members: CIDRs, ports of endpoints, or name patterns."""

    members: tuple[str, ...] = ()
    """The first hundred of them."""

    origins: tuple[str, ...] = ()
    """Network sets and endpoints that it is made of, ``Kind/namespace/name``, the first hundred."""

    kernel_sets: tuple[str, ...] = ()
    """Their names in the table, for IPv4 and IPv6; where nothing is in one, it may not be there."""

    learned: tuple[LearnedNow, ...] = ()
    """Of names: where they led this endpoint to."""


class Effective(View):
    """Answer of ``GET /v1/effective``."""

    kind: str
    """``WorkloadEndpoint`` or ``HostEndpoint``."""

    namespace: str = ""
    name: str
    node: str = ""
    interface: str = ""
    addresses: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
    """Effective labels: those of its namespace and profiles included."""

    profiles: tuple[str, ...] = ()
    revision: int
    """Of the store: the state that this is of, and that is in force."""

    problem: str = ""
    """Why it is not enforced on this node; empty when all is well."""

    stages: tuple[EffectiveStage, ...]
    """In the order in which packets meet them, what the endpoint sends first."""

    sets: tuple[EffectiveSet, ...] = ()
    """Those that the rules name, in the order of identifiers."""

    notes: tuple[str, ...] = ()
