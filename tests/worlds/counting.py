"""Who denied a packet, as the kernel's counters say it and as the evaluator does."""

from collections.abc import Mapping

from dnsguard.calc.compiled import Action, Compiled, Direction
from dnsguard.calc.evaluator.trace import Decider, Verdict
from dnsguard.dataplane import naming

_UNKNOWN = "unknown-workload"
_OF_NODE = {
    Decider.INVALID: naming.COUNTER_INVALID,
    Decider.SPOOFED: naming.COUNTER_SPOOFED,
    Decider.ENCAPSULATED: naming.COUNTER_ENCAPSULATED,
    Decider.OWN_NODE: naming.COUNTER_WORKLOAD_TO_HOST,
    Decider.UNKNOWN_WORKLOAD: _UNKNOWN,
}


def counter_of(verdict: Verdict) -> str:
    """The counter of what denied; empty where the packet is not denied."""
    decision = verdict.decision
    if decision is None or decision.action is not Action.DENY:
        return ""
    if decision.decider in _OF_NODE:
        return _OF_NODE[decision.decider]
    direction = next(each.direction for each in verdict.judgements if each.decision is decision)
    match decision.decider:
        case Decider.RULE:
            assert decision.policy is not None
            return naming.counter_of(decision.policy, direction, decision.rule_index or 0)
        case Decider.PROFILE:
            return naming.counter_of_profile(decision.profile, direction, decision.rule_index or 0)
        case Decider.END_OF_TIER:
            return naming.counter_of_tier(decision.tier, direction)
        case _:
            return naming.counter_of_no_profile(direction)


def denying_counters(compiled: Compiled) -> frozenset[str]:
    """The counters of all that denies."""
    found = set(_OF_NODE.values())
    for direction in Direction:
        found |= {naming.counter_of_no_profile(direction), f"{_UNKNOWN}-{direction}"}
        for policy in compiled.policies.values():
            found.add(naming.counter_of_tier(policy.tier, direction))
            denies = (rule.index for rule in policy.rules(direction) if rule.action is Action.DENY)
            found |= {naming.counter_of(policy.id, direction, index) for index in denies}
        for profile in compiled.profiles.values():
            denies = (rule.index for rule in profile.rules(direction) if rule.action is Action.DENY)
            found |= {naming.counter_of_profile(profile.name, direction, index) for index in denies}
    return frozenset(found)


def denied(counted: Mapping[str, int], before: Mapping[str, int], denying: frozenset[str]) -> dict[str, int]:
    """How often each denied since. The two directions of unknown workloads count as one."""
    found: dict[str, int] = {}
    for name, packets in counted.items():
        rose = packets - before.get(name, 0)
        if rose > 0 and name in denying:
            key = _UNKNOWN if name.startswith(_UNKNOWN) else name
            found[key] = found.get(key, 0) + rose
    return found
