"""What became of one packet, held against its verdict; and what a verdict is an example of."""

from collections.abc import Iterator

from dnsguard.calc.compiled import Action
from dnsguard.calc.evaluator.packet import PacketState
from dnsguard.calc.evaluator.trace import Decider, Verdict
from tests.worlds.shot import Shot
from tests.worlds.wire import ESTABLISHED, INVALID, PASSED, RELATED, SEEN, UNTRACKED

_OF_STATE: dict[PacketState, set[str]] = {
    PacketState.NEW: set(),
    PacketState.INVALID: {INVALID},
    PacketState.ESTABLISHED: {ESTABLISHED},
    PacketState.RELATED: {RELATED},
    PacketState.UNTRACKED: {UNTRACKED},
}
_STATES = {INVALID, ESTABLISHED, RELATED, UNTRACKED}


def problem_with(shot: Shot, verdict: Verdict, notes: set[str]) -> str:
    """What is wrong with what became of a packet; empty where nothing is."""
    if SEEN not in notes:
        return "the packet did not come in"
    allowed = verdict.action is not Action.DENY
    if (PASSED in notes) is not allowed:
        return f"the evaluator {'allows' if allowed else 'denies'} it, the kernel does not"
    state = shot.packet.state if shot.packet.is_tracked else PacketState.UNTRACKED
    wanted = {UNTRACKED} if leaves_untracked(verdict) else _OF_STATE[state]
    said = notes & _STATES
    if said != wanted and (said or allowed):
        return f"connection tracking says {said or 'new'}, not {wanted or 'new'}"
    return ""


def shown_by(verdict: Verdict) -> Iterator[tuple[object, ...]]:
    """What a verdict is an example of: what decides where, rules that match, and reasons why others do not; addresses
    and numbers apart."""
    for judgement in verdict.judgements:
        yield judgement.stage, judgement.direction, judgement.decision.decider, judgement.decision.action
        policies = [(policy.id, policy.rules) for tier in judgement.tiers for policy in tier.policies]
        for owner, rules in [*policies, *((profile.name, profile.rules) for profile in judgement.profiles)]:
            for rule in rules:
                reason = " ".join(word for word in rule.why_not.split() if word.isalpha())
                yield judgement.direction, owner, rule.index, reason


def leaves_untracked(verdict: Verdict) -> bool:
    """Whether an untracked policy allows the packet."""
    return any(
        each.stage.value == "untracked"
        and (each.decision.decider, each.decision.action) == (Decider.RULE, Action.ALLOW)
        for each in verdict.judgements
    )
