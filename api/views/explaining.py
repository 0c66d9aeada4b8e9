"""The question and the answer of ``POST /v1/explain``."""

from typing import Any, Literal

from pydantic import Field, StrictInt, StrictStr

from dnsguard.api.views.models import View

Outcome = Literal["Allow", "Deny"]


class ExplainQuery(View):
    """One connection that somebody wonders about."""

    source: str = Field(min_length=1, max_length=512)
    """Workload endpoint as ``namespace/name``, name of a host endpoint, IP address, or CIDR. ``workloadendpoint/…`` and
    ``hostendpoint/…`` say which kind is meant."""

    destination: str = Field(min_length=1, max_length=512)
    """The same, or a domain name: then the answer is for the addresses that the name led the source to, or, where there
    are none yet, for a new address that it would lead to. A trailing dot says that it is a domain name."""

    protocol: str | int | None = None
    """``TCP``, ``UDP``, ``SCTP``, ``ICMP``, ``ICMPv6``, ``UDPLite``, or an IANA number. Absent: that of a named port,
    else TCP."""

    port: StrictInt | StrictStr | None = None
    """Of the destination: a number, or the name of a port that the destination endpoint declares. Required for TCP, UDP
    and SCTP."""

    source_port: StrictInt | None = Field(default=None, ge=1, le=65535)
    """Absent: not known, so no rule that asks for one matches."""

    icmp_type: StrictInt | None = Field(default=None, ge=0, le=255)
    """Absent, of ICMP and ICMPv6: that of an echo request."""

    icmp_code: StrictInt | None = Field(default=None, ge=0, le=255)
    pending: bool = False
    """Tell of the pending verdict also where it is the same, or nothing is staged."""


class ExplainDecision(View):
    """Who decided."""

    by: str
    """``rule``, ``end of tier``, ``profile``, ``no profile``, ``failsafe``, …; ``nothing`` where no endpoint is
    concerned."""

    text: str
    """The same for people: ``by rule 0 of NetworkPolicy/shop/names``, ``since no profile says anything of it``."""

    action: Outcome
    endpoint: str = ""
    """Whose policy it is; empty where the node decides."""

    node: str = ""
    """Where that is; empty for this node."""

    direction: str = ""
    """``egress`` (of the source) or ``ingress`` (of the destination)."""

    stage: str = ""
    tier: str = ""
    policy: str = ""
    """``Kind/namespace/name``; at the end of a tier the first policy that applies."""

    profile: str = ""
    rule: int | None = None
    """Index in the list of that direction, from 0; -1 at the end of a tier."""

    written: dict[str, Any] | None = None
    """The rule as it was written; absent where no rule decided."""


class ExplainStep(View):
    """One rule, tier end or profile that was looked at, in the order of evaluation."""

    direction: str = ""
    """``egress`` (of the source) or ``ingress`` (of the destination); empty for what the node decides itself."""

    stage: str = ""
    endpoint: str = ""
    node: str = ""
    """Where that is judged; empty for this node."""

    tier: str = ""
    """Empty for profiles and implicit steps."""

    policy: str = ""
    """``Kind/namespace/name``, ``Profile/name``; empty for the end of a tier."""

    rule: int | None = None
    """Index in the policy's list of that direction, from 0."""

    action: str = ""
    """What the step would do: ``Allow``, ``Deny``, ``Pass``, ``Log``; empty where a stage left it to the next."""

    matched: bool = False
    decides: bool = False
    """This is the step that the verdict comes from."""

    reason: str = ""
    """Why it did or did not match, in one clause."""


class NearRule(View):
    """A rule that allows, and did not come to it."""

    endpoint: str
    direction: str
    stage: str
    tier: str = ""
    policy: str
    """``Kind/namespace/name``, or ``Profile/name``."""

    rule: int
    matching: tuple[str, ...] = ()
    """Conditions that the packet meets: ``protocol``, ``destination``, ``destination port``, …"""

    failing: tuple[str, ...] = ()
    """What the packet does not meet, all of it, in the order in which conditions are tried. Empty: nothing."""

    behind: str = ""
    """What decided before it, where it would have matched."""

    written: dict[str, Any] | None = None


class UnselectingPolicy(View):
    """A policy that would allow it, if it selected the endpoint."""

    endpoint: str
    direction: str
    policy: str
    tier: str
    rule: int
    missing: tuple[str, ...]
    """What its selectors ask for and the endpoint has not."""


class ExplainedFlow(View):
    """One pair of addresses, with the interfaces of this node that it takes."""

    source: str
    destination: str
    """An address or, of a CIDR, the part that is meant; empty for an address that a name may lead to."""

    arrives: str = ""
    """Empty: from this node, or not known."""

    leaves: str = ""


class ExplainOutcome(View):
    """What happens, and why, for all flows for which that is the same."""

    verdict: Outcome
    flows: tuple[ExplainedFlow, ...]
    decision: ExplainDecision
    steps: tuple[ExplainStep, ...] = ()
    """Of the first of the flows."""

    nearest: tuple[NearRule, ...] = ()
    """For each endpoint and direction that denies: the rule that allows and came closest."""

    behind: tuple[NearRule, ...] = ()
    """Rules that would allow it, and stand behind what denies it."""

    unselecting: tuple[UnselectingPolicy, ...] = ()
    """Where no rule of the endpoint comes close: policies that would allow it, and do not select the endpoint."""


class LearnedAlias(View):
    """One step of an alias chain that the source was led along."""

    owner: str
    target: str
    seconds_left: float


class LearnedAddress(View):
    """An address that the source was led to."""

    address: str
    sets: tuple[str, ...] = ()
    """Lease sets that open it to the source now; empty where no policy of it asks for the name."""

    node_wide: bool = False
    """It comes from a look-up of the node itself or of a shared resolver, and counts for every endpoint."""

    seconds_left: float


class WithheldAddress(View):
    """An address that the source was led to and that no name opens."""

    address: str
    reason: str
    """``in 10.0.0.0/8 of unleased_nets``, ``loopback``, ``the node's own address``, …"""

    seconds_left: float


class Carrier(View):
    """A pattern that matches the name, and what asks for it."""

    lease_set: str
    """Empty where no rule in force looks into the set."""

    pattern: str
    """As it was written."""

    origin: str
    """``NetworkSet/shop/partners``, or the rule that lists the domain itself."""

    rules: tuple[str, ...]
    """Rules that look into the lease set."""

    used: bool
    """One of those rules is of a policy or profile of the source: its look-up opens the address for it."""


class ExplainedName(View):
    """What a name means to the source."""

    name: str
    aliases: tuple[LearnedAlias, ...] = ()
    addresses: tuple[LearnedAddress, ...] = ()
    withheld: tuple[WithheldAddress, ...] = ()
    carriers: tuple[Carrier, ...] = ()
    """Those that the source's policies use first."""

    query: str
    """Whether a query for it is answered, and why, in one sentence."""


class PendingVerdict(View):
    """The verdict as if what is staged were enforced."""

    verdict: Outcome
    differs: bool
    """From what is enforced: in verdict, or in who decides."""

    outcomes: tuple[ExplainOutcome, ...]


class Explanation(View):
    """What would happen to that connection now, and why."""

    verdict: Outcome
    """``Allow`` only where every flow is allowed."""

    summary: str
    """One sentence for people."""

    source: str
    """What the question's source was taken for."""

    destination: str
    protocol: str = ""
    """``TCP port 443``."""

    outcomes: tuple[ExplainOutcome, ...] = ()
    """One, or where flows differ (by family, by address) several: what is denied first."""

    name: ExplainedName | None = None
    """Of a question about a domain name."""

    pending: PendingVerdict | None = None
    """Where something staged makes a difference, or was asked for."""

    notes: tuple[str, ...] = ()
    """What the asker should know: the endpoint is on another node, the way is not known, …"""
