"""Flows, judged against one state of policy, and put together where the answer is the same. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from dnsguard.api.views.explaining import ExplainedFlow, ExplainOutcome, Outcome, PendingVerdict
from dnsguard.calc.evaluator.matching import LeaseLookup
from dnsguard.calc.evaluator.node import Node
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.calc.evaluator.trace import Verdict
from dnsguard.controller.explain.flows import Flow
from dnsguard.controller.explain.hints import hints_of
from dnsguard.controller.explain.learned import Learned, would_lease
from dnsguard.controller.explain.policystate import PolicyState
from dnsguard.controller.explain.question import Question
from dnsguard.controller.explain.ruling import Ruling, ruling_of


@dataclass(frozen=True, slots=True)
class Judged:
    """A flow with its verdict."""

    flow: Flow
    packet: Packet
    verdict: Verdict
    ruling: Ruling

    @property
    def key(self) -> tuple[object, ...]:
        """Equal where the same thing happens for the same reason."""
        judgement = self.ruling.judgement
        place = None if judgement is None else (judgement.endpoint, judgement.stage, judgement.direction)
        return self.ruling.verdict, self.ruling.decision, place


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with all facts that its answer depends on, besides policy."""

    question: Question
    flows: tuple[Flow, ...]
    node: Node
    learned: Learned

    def judged(self, state: PolicyState) -> tuple[tuple[Judged, ...], tuple[ExplainOutcome, ...]]:
        """What happens to each flow; and the same put together, denials first, else in the order of the flows."""
        found = tuple(self._judged(state, flow) for flow in self.flows)
        groups: dict[tuple[object, ...], list[Judged]] = {}
        for each in found:
            groups.setdefault(each.key, []).append(each)
        ordered = sorted(groups.values(), key=lambda group: group[0].ruling.allowed)
        return found, tuple(self._outcome(state, group) for group in ordered)

    def pending(self, state: PolicyState, enforced: Sequence[ExplainOutcome], *, always: bool) -> PendingVerdict | None:
        """What would happen where what is staged is enforced; None where that is the same, unless ``always``."""
        _, told = self.judged(state)
        differs = [_essence(each) for each in told] != [_essence(each) for each in enforced]
        if not differs and not always:
            return None
        return PendingVerdict(verdict=verdict_of(told), differs=differs, outcomes=told)

    def _judged(self, state: PolicyState, flow: Flow) -> Judged:
        question = self.question
        packet = Packet(
            flow.source,
            flow.destination,
            question.protocol,
            source_port=question.source_port,
            destination_port=question.port,
            icmp_type=question.icmp_type,
            icmp_code=question.icmp_code,
        )
        evaluator = state.evaluator(self.node)
        passing = flow.passing
        leased = self._leased(state, flow)
        verdict = evaluator.evaluate(packet, leased, arrives=passing.arrives, leaves=passing.leaves)
        return Judged(flow, packet, verdict, ruling_of(verdict))

    def _leased(self, state: PolicyState, flow: Flow) -> LeaseLookup:
        """What the kernel holds; where nobody was led yet, all that takes the name will hold the address."""
        return would_lease(state.compiled, flow.names) if flow.stands_in else self.learned.leased

    def _outcome(self, state: PolicyState, group: Sequence[Judged]) -> ExplainOutcome:
        first = group[0]
        hints = hints_of(state, first.verdict, first.packet, self._leased(state, first.flow), first.flow.names)
        outcome = ExplainOutcome(
            verdict=first.ruling.verdict,
            flows=tuple(_flow(each.flow) for each in group),
            decision=state.words.decision(first.ruling),
            steps=state.words.steps(first.verdict, first.ruling),
            nearest=hints.nearest,
            behind=hints.behind,
            unselecting=hints.unselecting,
        )
        return _without_address(outcome, str(first.packet.destination)) if first.flow.stands_in else outcome


def verdict_of(told: Sequence[ExplainOutcome]) -> Outcome:
    """Allow where all of them are allowed."""
    return "Allow" if all(each.verdict == "Allow" for each in told) else "Deny"


def _essence(outcome: ExplainOutcome) -> tuple[object, ...]:
    decision = outcome.decision
    return outcome.verdict, outcome.flows, decision.text, decision.endpoint, decision.direction, decision.stage


def _flow(flow: Flow) -> ExplainedFlow:
    return ExplainedFlow(
        source=flow.source_text,
        destination=flow.destination_text,
        arrives=flow.passing.arrives,
        leaves=flow.passing.leaves,
    )


def _without_address(outcome: ExplainOutcome, address: str) -> ExplainOutcome:
    """The same, with reasons that do not name an address that nobody asked about."""

    def clean(text: str) -> str:
        return text.replace(f"destination {address} ", "destination ")

    return outcome.model_copy(
        update={
            "steps": tuple(step.model_copy(update={"reason": clean(step.reason)}) for step in outcome.steps),
            "nearest": tuple(
                each.model_copy(update={"failing": tuple(map(clean, each.failing))}) for each in outcome.nearest
            ),
        }
    )
