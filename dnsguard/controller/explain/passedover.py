"""Policies of Kubernetes that pass over a workload which a profile then lets through. Pure."""

from collections.abc import Sequence

from dnsguard.calc.compiled import Action
from dnsguard.calc.evaluator.trace import Decider
from dnsguard.calc.policyadvice import passes_over
from dnsguard.controller.explain.judging import Judged
from dnsguard.controller.explain.policystate import PolicyState


def passing_over(state: PolicyState, found: Sequence[Judged]) -> list[str]:
    """A note for each: its author may believe that it isolates the workload, and only a pod it would."""
    let_through = dict.fromkeys(
        (judgement.endpoint, judgement.stage, judgement.direction)
        for each in found
        if each.ruling.allowed
        for judgement in (*each.verdict.judgements, *each.verdict.elsewhere)
        if judgement.decision.decider is Decider.PROFILE and judgement.decision.action is Action.ALLOW
    )
    return [
        f"{policy.id} passes over {endpoint}, which its podSelector matches, since that is no pod:"
        " write orchestrator: k8s in its spec, or a policy of Calico's"
        for endpoint, *place in let_through
        for policy in state.written.policies.values()
        if tuple(place) in policy.places and passes_over(policy, state.compiled.endpoints[endpoint].labels)
    ]
