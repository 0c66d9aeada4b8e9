"""What comes of a packet in the end, and by whose word. Pure."""

from dataclasses import dataclass

from dnsguard.api.views.explaining import Outcome
from dnsguard.calc.compiled import Action
from dnsguard.calc.evaluator.trace import Decision, Judgement, Verdict


@dataclass(frozen=True, slots=True)
class Ruling:
    """What comes of a packet, the nodes at both ends counted."""

    verdict: Outcome
    decision: Decision | None
    """None where nobody is concerned with it."""

    judgement: Judgement | None
    """The one that the decision is of; None where the node decides."""

    elsewhere: bool = False
    """It is another node's."""

    @property
    def allowed(self) -> bool:
        return self.verdict == "Allow"


def ruling_of(verdict: Verdict) -> Ruling:
    """The first denial; this node's before those of others. Where nobody denies it, what this node says."""
    if verdict.action is not Action.DENY:
        denied = next((each for each in verdict.elsewhere if each.decision.action is Action.DENY), None)
        if denied is not None:
            return Ruling("Deny", denied.decision, denied, elsewhere=True)
    judgement = next((each for each in verdict.judgements if each.decision is verdict.decision), None)
    if verdict.decision is None and verdict.elsewhere:
        last = verdict.elsewhere[-1]
        return Ruling("Allow", last.decision, last, elsewhere=True)
    return Ruling("Deny" if verdict.action is Action.DENY else "Allow", verdict.decision, judgement)


def denials(verdict: Verdict) -> tuple[Judgement, ...]:
    """Every judgement that denies, since each has to change."""
    return tuple(each for each in (*verdict.judgements, *verdict.elsewhere) if each.decision.action is Action.DENY)
