"""What the asker should know besides the answer. Pure."""

from collections.abc import Iterator, Sequence

from dnsguard.calc.compiled import Address, Compiled, CompiledEndpoint
from dnsguard.calc.evaluator.node import Node
from dnsguard.calc.evaluator.trace import Decider
from dnsguard.controller.explain.judging import Judged
from dnsguard.controller.explain.question import Question

_ADVICE = {
    Decider.UNKNOWN_WORKLOAD: "a WorkloadEndpoint with that address and its interface makes it known",
    Decider.OWN_NODE: "defaultEndpointToHostAction: Accept lets workloads reach their node",
    Decider.SPOOFED: "its WorkloadEndpoint names another interface, or the address is another workload's",
}


def notes_on(question: Question, compiled: Compiled, node: Node, found: Sequence[Judged]) -> Iterator[str]:
    """What the answer leaves open or takes for granted, and what would change it."""
    for party in (question.source, question.destination):
        if party.endpoint is not None:
            yield from _notes_on_endpoint(party.endpoint, party.addresses, compiled, node)
    for each in found:
        yield from each.flow.passing.notes
        for host in each.verdict.unjudged:
            yield f"host endpoint {host} judges it too if it takes its interface, which is not known"
        decider = None if each.ruling.decision is None else each.ruling.decision.decider
        if decider in _ADVICE:
            yield _ADVICE[decider]
    if any(each.flow.stands_in for each in found):
        yield f"{question.destination.short} led {question.source.short} nowhere yet: judged for a new address of it"


def _notes_on_endpoint(
    endpoint: CompiledEndpoint, addresses: Sequence[Address], compiled: Compiled, node: Node
) -> Iterator[str]:
    if not node.has(endpoint):
        yield f"{endpoint.id} is on node {endpoint.node}: that node enforces its policy, and knows what it looked up"
    for address in addresses:
        claiming = [each for each in compiled.endpoints.values() if address in each.addresses]
        owner = min(claiming, key=lambda each: (not each.is_workload, not node.has(each), each.id))
        if owner.id != endpoint.id:
            yield f"{address} is also that of {owner.id}: its packets are judged as those of {owner.id}"
