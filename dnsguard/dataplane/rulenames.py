"""Counters and log prefixes back to what they stand for. Pure.

A name may be cut and altered (`naming`), so nothing is read out of it: what there can be is named, and looked up.
"""

from collections.abc import Iterator
from typing import NamedTuple

from dnsguard.calc.compiled import Compiled, CompiledPolicy, Direction, PolicyId, RuleOwner
from dnsguard.calc.evaluator.trace import Decider
from dnsguard.dataplane import naming
from dnsguard.dataplane.canary import ALLOWED_IN, ALLOWED_OUT, DENIED_IN, DENIED_OUT, POLICY, TIER
from dnsguard.span import exchanged

_MOST_GONE = 10_000
"""Names whose policy is gone and that are still known: a packet is read a moment after it was denied."""


class RuleNamed(NamedTuple):
    """What a counter or log prefix stands for: who decided about its packets."""

    decider: Decider
    direction: Direction | None
    """Seen from the endpoint; None where nobody's policy was asked."""

    tier: str = ""
    policy: PolicyId | None = None
    profile: str = ""
    rule_index: int | None = None
    """Position in the policy's or profile's list of that direction, from 0."""

    text: str = ""
    """For people, where the decider alone does not say it."""

    def __str__(self) -> str:
        match self.decider:
            case Decider.RULE:
                return f"rule {self.rule_index} of {self.policy}"
            case Decider.END_OF_TIER:
                return f"end of tier {self.tier}"
            case Decider.PROFILE:
                return f"rule {self.rule_index} of profile {self.profile}"
            case Decider.NO_PROFILE:
                return "no profile decided"
            case _:
                return self.text or self.decider.value


_EGRESS, _INGRESS = Direction.EGRESS, Direction.INGRESS
_ALWAYS = {
    naming.COUNTER_WORKLOAD_TO_HOST: RuleNamed(Decider.OWN_NODE, _EGRESS),
    naming.COUNTER_SPOOFED: RuleNamed(Decider.SPOOFED, None),
    naming.COUNTER_UNCHECKED: RuleNamed(Decider.SPOOFED, _EGRESS, text="by no port of the bridge that was looked at"),
    naming.COUNTER_UNJUDGED: RuleNamed(
        Decider.UNKNOWN_WORKLOAD, _EGRESS, text="between ports of a bridge, past the hooks of policy"
    ),
    naming.COUNTER_UNKNOWN_FRAME: RuleNamed(
        Decider.UNKNOWN_WORKLOAD, None, text="neither IP nor ARP, or within a VLAN"
    ),
    naming.COUNTER_ENCAPSULATED: RuleNamed(Decider.ENCAPSULATED, _EGRESS),
    naming.COUNTER_INVALID: RuleNamed(Decider.INVALID, None),
    naming.COUNTER_REVOKED: RuleNamed(Decider.REVOKED, None),
    naming.COUNTER_NO_FORWARDER: RuleNamed(Decider.FORWARDER, _EGRESS, text="intercepted, and no forwarder took it"),
    ALLOWED_OUT: RuleNamed(Decider.RULE, _EGRESS, TIER, POLICY, rule_index=0),
    ALLOWED_IN: RuleNamed(Decider.RULE, _INGRESS, TIER, POLICY, rule_index=0),
    DENIED_OUT: RuleNamed(Decider.END_OF_TIER, _EGRESS, TIER),
    DENIED_IN: RuleNamed(Decider.END_OF_TIER, _INGRESS, TIER),
    naming.COUNTER_UNROUTED: RuleNamed(Decider.FORWARDER, None, text="intercepted, and about to leave all the same"),
}
for _direction in Direction:
    _ALWAYS[naming.counter_of_no_profile(_direction)] = RuleNamed(Decider.NO_PROFILE, _direction)
    _ALWAYS[naming.counter_of_unknown_workload(_direction)] = RuleNamed(Decider.UNKNOWN_WORKLOAD, _direction)


class RuleNames:
    """The names in use. `follow` the policy in force, then ask."""

    def __init__(self) -> None:
        self._compiled = Compiled()
        self._owners: tuple[RuleOwner, ...] = ()
        self._names: dict[str, RuleNamed] = {}
        self._gone = 0

    def follow(self, compiled: Compiled) -> None:
        """Policies and profiles are these from now on; those that are the same objects as before are not looked at."""
        if compiled is self._compiled:
            return
        self._compiled = compiled
        before, self._owners = self._owners, (*compiled.policies.values(), *compiled.profiles.values())
        gone, came = exchanged(before, self._owners)
        self._gone += sum(len(owner.ingress) + len(owner.egress) for owner in gone)
        if self._gone > _MOST_GONE:
            self._gone = 0
            self._names.clear()
            came = list(self._owners)
        for owner in came:
            self._names.update(_named(owner))

    def __call__(self, counter: str) -> RuleNamed | None:
        """What a counter stands for; None where it is none of ours, or of a policy that is gone for long."""
        return _ALWAYS.get(counter) or self._names.get(counter)


def _named(owner: RuleOwner) -> Iterator[tuple[str, RuleNamed]]:
    for direction in Direction:
        if isinstance(owner, CompiledPolicy):
            named = RuleNamed(Decider.RULE, direction, owner.tier, owner.id)
            tier_end = RuleNamed(Decider.END_OF_TIER, direction, owner.tier)
            yield naming.counter_of_tier(owner.tier, direction), tier_end
        else:
            named = RuleNamed(Decider.PROFILE, direction, profile=owner.name)
        for rule in owner.rules(direction):
            yield naming.counter_of_rule(owner, direction, rule.index), named._replace(rule_index=rule.index)
