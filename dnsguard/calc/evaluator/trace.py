"""What the evaluator answers: the verdict, who decided it, and everything it looked at on the way."""

from dataclasses import dataclass
from enum import StrEnum

from dnsguard.calc.compiled import Action, Direction, EndpointId, PolicyId, Stage


class Decider(StrEnum):
    """What kind of thing decided."""

    RULE = "rule"
    END_OF_TIER = "end of tier"
    PROFILE = "profile"
    NO_PROFILE = "no profile"
    """No rule of any profile matched, or there is no profile."""

    FAILSAFE = "failsafe"
    END_OF_STAGE = "end of stage"
    NO_FORWARD_POLICY = "no applyOnForward policy for the direction"

    # What the node decides besides policy:
    ESTABLISHED = "a connection that was allowed before"
    """Replies, what follows the first packet, and ICMP errors about it."""

    REVOKED = "a connection that policy allowed once and denies by now"
    INVALID = "belongs to no connection"
    SPOOFED = "not the address of the workload behind that interface"
    UNKNOWN_WORKLOAD = "a workload that no endpoint describes"
    ENCAPSULATED = "encapsulated packets from workloads are dropped"
    OWN_NODE = "workloads do not reach their own node"
    FORWARDER = "a query to the forwarder, which judges it itself"
    NEIGHBOUR_DISCOVERY = "IPv6 neighbour discovery"
    OWN_WORKLOAD = "the node reaches its own workloads always"


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to the packet, and on whose authority."""

    decider: Decider
    action: Action | None
    """ALLOW or DENY; None where a stage left it to the next."""

    tier: str = ""
    policy: PolicyId | None = None
    """Of the rule; at the end of a tier the first policy that applies."""

    profile: str = ""
    rule_index: int | None = None
    """Position in the list of that direction, from 0, Log rules counted; -1 at the end of a tier."""

    def __str__(self) -> str:
        match self.decider:
            case Decider.RULE:
                return f"rule {self.rule_index} of {self.policy}"
            case Decider.END_OF_TIER:
                return f"end of tier {self.tier}"
            case Decider.PROFILE:
                return f"profile {self.profile}"
            case _:
                return self.decider.value


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """A rule that was looked at."""

    index: int
    action: Action
    why_not: str
    """Which condition the packet does not meet; empty where the rule matched."""

    @property
    def matched(self) -> bool:
        return not self.why_not


@dataclass(frozen=True, slots=True)
class PolicyTrace:
    """A policy and those of its rules that were looked at."""

    id: PolicyId
    rules: tuple[RuleTrace, ...]


@dataclass(frozen=True, slots=True)
class TierTrace:
    """A tier that applies to the endpoint."""

    name: str
    policies: tuple[PolicyTrace, ...]
    outcome: Action
    """ALLOW, DENY, or PASS for on to the next tier."""

    by_rule: bool
    """False where the tier's default action was reached."""


@dataclass(frozen=True, slots=True)
class ProfileTrace:
    """A profile that was asked after all tiers."""

    name: str
    rules: tuple[RuleTrace, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one endpoint's policies say about a packet, in one stage and direction."""

    endpoint: EndpointId
    stage: Stage
    direction: Direction
    decision: Decision
    tiers: tuple[TierTrace, ...] = ()
    profiles: tuple[ProfileTrace, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to a packet on its whole way through a node."""

    action: Action | None
    """ALLOW or DENY; None where nothing here is concerned with the packet."""

    decision: Decision | None
    """The first Deny; where there is none, the last thing that allowed it."""

    judgements: tuple[Judgement, ...]
    """In the order of the packet's way. All of them are made even when the first denies, so that one answer shows
    everything that has to change."""

    elsewhere: tuple[Judgement, ...] = ()
    """What other nodes say about those of the ends that are theirs. Has no part in ``action``."""

    unjudged: tuple[EndpointId, ...] = ()
    """Host endpoints that judge too if the packet takes their interface, which is not known."""

    @property
    def allowed(self) -> bool:
        return self.action is Action.ALLOW
