"""A verdict of the evaluator, put into words. Pure."""

from collections.abc import Iterator

from dnsguard.api.views.explaining import ExplainDecision, ExplainStep, NearRule, UnselectingPolicy
from dnsguard.calc.compiled import Action, Compiled
from dnsguard.calc.evaluator.trace import Decider, Decision, Judgement, RuleTrace, Verdict
from dnsguard.controller.explain.nearest import Candidate
from dnsguard.controller.explain.ruling import Ruling
from dnsguard.controller.explain.unselecting import Unselecting
from dnsguard.controller.explain.written import Written

ACTIONS = {Action.ALLOW: "Allow", Action.DENY: "Deny", Action.PASS: "Pass", Action.LOG: "Log"}
HOLDS = "every condition holds"
NOBODY = "since neither end is an endpoint that policy applies to"

_SENTENCES = {
    Decider.NO_PROFILE: "since no profile says anything of it",
    Decider.FAILSAFE: "by a failsafe port",
    Decider.END_OF_STAGE: "since no policy there says anything of it",
    Decider.NO_FORWARD_POLICY: "since no policy of the host endpoint is about forwarded packets",
    Decider.ESTABLISHED: "since it belongs to a connection that was allowed",
    Decider.REVOKED: "since it belongs to a connection that policy denies by now",
    Decider.INVALID: "since it belongs to no connection and starts none",
    Decider.SPOOFED: "since the source is not an address of the workload behind that interface",
    Decider.UNKNOWN_WORKLOAD: "since one end is a workload that no endpoint describes",
    Decider.ENCAPSULATED: "since encapsulated packets from workloads are dropped",
    Decider.OWN_NODE: "since workloads do not reach their own node",
    Decider.FORWARDER: "since it goes to the forwarder, which judges each query itself",
    Decider.NEIGHBOUR_DISCOVERY: "since it is IPv6 neighbour discovery",
    Decider.OWN_WORKLOAD: "since the node always reaches its own workloads",
}


def sentence(decision: Decision | None) -> str:
    """On whose authority, as the end of a sentence."""
    if decision is None:
        return NOBODY
    match decision.decider:
        case Decider.RULE:
            return f"by rule {decision.rule_index} of {decision.policy}"
        case Decider.END_OF_TIER:
            return f"by the end of tier {decision.tier}, where no rule matched"
        case Decider.PROFILE:
            return f"by rule {decision.rule_index} of profile {decision.profile}"
        case _:
            return _SENTENCES[decision.decider]


class Words:
    """Puts verdicts on one compiled policy into words."""

    def __init__(self, compiled: Compiled, written: Written) -> None:
        self._compiled = compiled
        self._written = written

    def decision(self, ruling: Ruling) -> ExplainDecision:
        """Who decided."""
        decision, judgement = ruling.decision, ruling.judgement
        if decision is None:
            return ExplainDecision(by="nothing", text=NOBODY, action=ruling.verdict)
        if judgement is None:
            return ExplainDecision(by=decision.decider.value, text=sentence(decision), action=ruling.verdict)
        by_rule = decision.decider in (Decider.RULE, Decider.PROFILE) and decision.rule_index is not None
        return ExplainDecision(
            by=decision.decider.value,
            text=sentence(decision),
            action=ruling.verdict,
            endpoint=str(judgement.endpoint),
            node=self._node(judgement, elsewhere=ruling.elsewhere),
            direction=judgement.direction.value,
            stage=judgement.stage.value,
            tier=decision.tier,
            policy="" if decision.policy is None else str(decision.policy),
            profile=decision.profile,
            rule=decision.rule_index,
            written=self._written.rule(decision.policy, decision.profile, judgement.direction, decision.rule_index or 0)
            if by_rule
            else None,
        )

    def steps(self, verdict: Verdict, ruling: Ruling) -> tuple[ExplainStep, ...]:
        """Everything that was looked at, in order; what the node decides itself comes last."""
        found: list[ExplainStep] = []
        for judgement in verdict.judgements:
            found += _steps(judgement, "", decides=judgement is ruling.judgement)
        for judgement in verdict.elsewhere:
            found += _steps(judgement, self._node(judgement, elsewhere=True), decides=judgement is ruling.judgement)
        if ruling.judgement is None and ruling.decision is not None:
            found.append(
                ExplainStep(action=ruling.verdict, matched=True, decides=True, reason=sentence(ruling.decision))
            )
        return tuple(found)

    def near_rule(self, candidate: Candidate, judgement: Judgement) -> NearRule:
        """A rule that allows and did not come to it."""
        return NearRule(
            endpoint=str(judgement.endpoint),
            direction=judgement.direction.value,
            stage=judgement.stage.value,
            tier=candidate.tier,
            policy=str(candidate.policy) if candidate.policy is not None else f"Profile/{candidate.profile}",
            rule=candidate.rule.index,
            matching=candidate.matching,
            failing=tuple(reason for _, reason in candidate.failing),
            behind=candidate.behind,
            written=self._written.rule(candidate.policy, candidate.profile, judgement.direction, candidate.rule.index),
        )

    def unselecting(self, found: Unselecting, judgement: Judgement) -> UnselectingPolicy:
        """A policy that would allow it and does not select the endpoint."""
        return UnselectingPolicy(
            endpoint=str(judgement.endpoint),
            direction=judgement.direction.value,
            policy=str(found.policy),
            tier=found.tier,
            rule=found.rule,
            missing=found.missing,
        )

    def _node(self, judgement: Judgement, *, elsewhere: bool) -> str:
        return self._compiled.endpoints[judgement.endpoint].node if elsewhere else ""


def _steps(judgement: Judgement, node: str, *, decides: bool) -> Iterator[ExplainStep]:
    where = ExplainStep(
        direction=judgement.direction.value,
        stage=judgement.stage.value,
        endpoint=str(judgement.endpoint),
        node=node,
    )
    decision = judgement.decision
    for tier in judgement.tiers:
        in_tier = where.model_copy(update={"tier": tier.name})
        for policy in tier.policies:
            for rule in policy.rules:
                mine = decides and (decision.policy, decision.rule_index) == (policy.id, rule.index)
                yield _rule_step(in_tier, str(policy.id), rule, decides=mine)
        if not tier.by_rule:
            ends = decides and decision.decider is Decider.END_OF_TIER and decision.tier == tier.name
            yield in_tier.model_copy(
                update={"action": ACTIONS[tier.outcome], "matched": True, "decides": ends, "reason": "no rule matched"}
            )
    for profile in judgement.profiles:
        for rule in profile.rules:
            mine = decides and (decision.profile, decision.rule_index) == (profile.name, rule.index)
            yield _rule_step(where, f"Profile/{profile.name}", rule, decides=mine)
    if decision.decider not in (Decider.RULE, Decider.END_OF_TIER, Decider.PROFILE):
        action = "" if decision.action is None else ACTIONS[decision.action]
        yield where.model_copy(
            update={"action": action, "matched": True, "decides": decides, "reason": sentence(decision)}
        )


def _rule_step(where: ExplainStep, policy: str, rule: RuleTrace, *, decides: bool) -> ExplainStep:
    return where.model_copy(
        update={
            "policy": policy,
            "rule": rule.index,
            "action": ACTIONS[rule.action],
            "matched": rule.matched,
            "decides": decides,
            "reason": rule.why_not or HOLDS,
        }
    )
