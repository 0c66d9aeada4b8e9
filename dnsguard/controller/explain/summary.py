"""The answer as a sentence. Pure."""

from collections.abc import Iterable, Sequence

from dnsguard.api.views.explaining import ExplainedFlow, ExplainOutcome
from dnsguard.controller.explain.question import Question

MOST_FLOWS = 3
"""Addresses that a sentence names."""


def summary(question: Question, told: Sequence[ExplainOutcome]) -> str:
    """``shop/cart to api.example.org (192.0.2.1), TCP port 443: allowed by rule 0 of …``."""
    connection = f"{question.source.short} to {_destination(question, told)}, {question.protocol_text}"
    if len(told) == 1:
        return f"{connection}: {_happens(told[0])}"
    return f"{connection}: " + "; ".join(f"{_ends(question, each.flows)} {_happens(each)}" for each in told)


def _destination(question: Question, told: Sequence[ExplainOutcome]) -> str:
    destination = question.destination
    if destination.name is None or len(told) > 1:
        return destination.short
    return f"{destination.short} ({flows_text(told[0].flows)})"


def _happens(outcome: ExplainOutcome) -> str:
    decision = outcome.decision
    where = f" on node {decision.node}" if decision.node else ""
    return f"{'allowed' if outcome.verdict == 'Allow' else 'denied'}{where} {decision.text}"


def _ends(question: Question, flows: Sequence[ExplainedFlow]) -> str:
    """What the flows are told apart by: their destinations, unless a network is their source."""
    if question.source.network is None:
        return flows_text(flows)
    if question.destination.network is None:
        return f"from {_listed(flow.source for flow in flows)}"
    return _listed(f"{flow.source} → {flow.destination}" for flow in flows)


def flows_text(flows: Sequence[ExplainedFlow]) -> str:
    """The destinations, each once."""
    return _listed(flow.destination or "an address new to it" for flow in flows)


def _listed(each: Iterable[str]) -> str:
    texts = list(dict.fromkeys(each))
    more = f" and {len(texts) - MOST_FLOWS} more" if len(texts) > MOST_FLOWS else ""
    return ", ".join(texts[:MOST_FLOWS]) + more
