"""Which of the kernel's counters count a packet. Pure."""

from dnsguard.calc.compiled import Direction
from dnsguard.calc.evaluator.trace import Decider, Decision, Verdict
from dnsguard.controller.explain.ruling import Ruling
from dnsguard.dataplane import naming


def counters_of(verdict: Verdict, ruling: Ruling) -> tuple[str, ...]:
    """The counters of this node's kernel of packets decided in this way, in their order.

    Who allows a packet counts it and hands it on to the next; who denies it is the last to see it.
    """
    if ruling.elsewhere or ruling.decision is None:
        return ()
    if ruling.allowed:
        found = [_counter(each.decision, each.direction) for each in verdict.judgements]
    elif ruling.judgement is not None:
        found = [_counter(ruling.decision, ruling.judgement.direction)]
    else:
        found = [_counter_of_node(ruling.decision.decider, verdict)]
    return tuple(dict.fromkeys(filter(None, found)))


def _counter(decision: Decision, direction: Direction) -> str | None:
    index = decision.rule_index
    match decision.decider:
        case Decider.RULE if decision.policy is not None and index is not None:
            return naming.counter_of(decision.policy, direction, index)
        case Decider.PROFILE if index is not None:
            return naming.counter_of_profile(decision.profile, direction, index)
        case Decider.END_OF_TIER:
            return naming.counter_of_tier(decision.tier, direction)
        case Decider.NO_PROFILE:
            return naming.counter_of_no_profile(direction)
        case _:
            return None


def _counter_of_node(decider: Decider, verdict: Verdict) -> str | None:
    match decider:
        case Decider.UNKNOWN_WORKLOAD:
            # Of two strangers it is the sender that is found out.
            known = any(each.direction is Direction.EGRESS for each in verdict.judgements)
            return naming.counter_of_unknown_workload(Direction.INGRESS if known else Direction.EGRESS)
        case Decider.OWN_NODE:
            return naming.COUNTER_WORKLOAD_TO_HOST
        case Decider.ENCAPSULATED:
            return naming.COUNTER_ENCAPSULATED
        case Decider.SPOOFED:
            return naming.COUNTER_SPOOFED
        case Decider.INVALID:
            return naming.COUNTER_INVALID
        case _:
            return None
