"""A verdict of the evaluator, put into words. Pure."""

from collections.abc import Iterator

from api.models import ExplainStep
from dnsguard.calc.compiled import Action, Compiled, CompiledRule, Direction, PolicyClass
from dnsguard.calc.matching import LeaseLookup, why_not
from dnsguard.calc.packet import Packet
from dnsguard.calc.trace import Decider, Decision, Judgement, RuleTrace, Verdict
from dnsguard.dataplane import naming

ACTIONS = {Action.ALLOW: "Allow", Action.DENY: "Deny", Action.PASS: "Pass", Action.LOG: "Log"}


def steps_of(verdict: Verdict) -> tuple[ExplainStep, ...]:
    """Everything that was looked at, in order."""
    return tuple(step for judgement in verdict.judgements for step in _steps(judgement))


def _steps(judgement: Judgement) -> Iterator[ExplainStep]:
    where = ExplainStep(direction=judgement.direction.value, stage=judgement.stage.value)
    for tier in judgement.tiers:
        in_tier = where.model_copy(update={"tier": tier.name})
        for policy in tier.policies:
            for rule in policy.rules:
                yield _rule_step(in_tier, str(policy.id), rule)
        if not tier.by_rule:
            yield in_tier.model_copy(
                update={"action": ACTIONS[tier.outcome], "matched": True, "reason": "no rule matched"}
            )
    for profile in judgement.profiles:
        for rule in profile.rules:
            yield _rule_step(where, f"Profile/{profile.name}", rule)
    decision = judgement.decision
    if decision.decider not in (Decider.RULE, Decider.END_OF_TIER, Decider.PROFILE):
        action = "" if decision.action is None else ACTIONS[decision.action]
        yield where.model_copy(update={"action": action, "matched": True, "reason": decision.decider.value})


def _rule_step(where: ExplainStep, policy: str, rule: RuleTrace) -> ExplainStep:
    return where.model_copy(
        update={
            "policy": policy,
            "rule": rule.index,
            "action": ACTIONS[rule.action],
            "matched": rule.matched,
            "reason": rule.why_not or "every condition holds",
        }
    )


def deciding(verdict: Verdict) -> Judgement | None:
    """The judgement whose decision is the verdict's."""
    return next((each for each in verdict.judgements if each.decision is verdict.decision), None)


def counter_of(decision: Decision, direction: Direction) -> str | None:
    """The kernel's counter of packets decided in this way; None where there is none."""
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


def nearest_allow(judgement: Judgement, packet: Packet, compiled: Compiled, leased: LeaseLookup) -> str:
    """The Allow rule that came closest to a packet that was denied, and why it did not help; empty without any."""
    policy_class = compiled.endpoints[judgement.endpoint].classes.get((judgement.stage, judgement.direction))
    if policy_class is None:
        return ""
    best, best_rank = "", -1
    for name, rule in _allows(policy_class, compiled):
        reason = why_not(rule, packet, compiled, leased)
        if not reason:
            return f"rule {rule.index} of {name} would allow it, but {judgement.decision} decides before it"
        if (rank := _nearness(reason)) > best_rank:
            best, best_rank = f"the nearest rule that allows is rule {rule.index} of {name}, but {reason}", rank
    return best


def _allows(policy_class: PolicyClass, compiled: Compiled) -> Iterator[tuple[str, CompiledRule]]:
    for tier in policy_class.tiers:
        for policy in tier.policies:
            for rule in compiled.policies[policy].rules(policy_class.direction):
                if rule.action is Action.ALLOW:
                    yield str(policy), rule
    for profile in policy_class.profiles:
        for rule in compiled.profiles[profile].rules(policy_class.direction):
            if rule.action is Action.ALLOW:
                yield f"Profile/{profile}", rule


def _nearness(reason: str) -> int:
    """Conditions are tried in a fixed order, so the later the first that fails, the more of them hold."""
    beginnings = ("the rule is for IPv", "the protocol", "source", "destination", "destination port")
    return max((place for place, text in enumerate(beginnings) if reason.startswith(text)), default=1)
