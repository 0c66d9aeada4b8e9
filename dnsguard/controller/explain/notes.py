"""What the asker should know besides the answer. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from dnsguard.calc.compiled import Action, Address, Compiled, CompiledEndpoint, Direction, Stage
from dnsguard.calc.evaluator.judge import Judge
from dnsguard.calc.evaluator.matching import nothing_leased
from dnsguard.calc.evaluator.node import Node
from dnsguard.calc.evaluator.trace import Decider
from dnsguard.controller.explain.judging import Judged
from dnsguard.controller.explain.question import Question
from dnsguard.controller.explain.words import sentence
from dnsguard.dataplane.canary import Canary

MOST_ROUTES = 4
"""Notes on routes, before the rest is counted."""
_ADVICE = {
    Decider.UNKNOWN_WORKLOAD: "a WorkloadEndpoint with that address and its interface makes it known",
    Decider.ENCAPSULATED: (
        "allowVXLANPacketsFromWorkloads or allowIPIPPacketsFromWorkloads: true leaves it to policy, which sees only the"
        " outer packet"
    ),
    Decider.OWN_NODE: "defaultEndpointToHostAction: Accept lets workloads reach their node",
    Decider.SPOOFED: "its WorkloadEndpoint names another interface, or the address is another workload's",
}


def notes_on(question: Question, compiled: Compiled, node: Node, found: Sequence[Judged]) -> Iterator[str]:
    """What the answer leaves open or takes for granted, and what would change it."""
    for party in (question.source, question.destination):
        if party.endpoint is not None:
            yield from _notes_on_endpoint(party.endpoint, party.addresses, compiled, node)
    yield from _notes_on_routes(found)
    for each in found:
        for host in each.verdict.unjudged:
            yield f"host endpoint {host} judges it too if it takes its interface, which is not known"
        decider = None if each.ruling.decision is None else each.ruling.decision.decider
        if decider in _ADVICE:
            yield _ADVICE[decider]
        if decider is Decider.FORWARDER and node.intercepts(each.packet):
            yield from _note_on_interception(each, compiled, node)
    if any(each.flow.stands_in for each in found):
        where = f"{question.destination.short} led {question.source.short} nowhere yet"
        yield f"{where}: judged for a new address of it that a name may open"


def notes_on_canary(addresses: Iterable[Address], canary: Canary | None) -> Iterator[str]:
    """Where one of them is the self-test's: no policy speaks of it, so nothing else here knows what becomes of it."""
    own = set() if canary is None else {address for road in canary.roads() for address in road}
    for address in dict.fromkeys(addresses):
        if address in own:
            yield f"{address} is the self-test's: whatever policy says, others neither send from it nor reach it"


def _note_on_interception(judged: Judged, compiled: Compiled, node: Node) -> Iterator[str]:
    """What the forwarder goes by where it takes a query to another server."""
    packet = judged.packet
    if packet.destination in node.addresses or node.interface_with(packet.destination):
        return
    judge = Judge(compiled, packet, nothing_leased, node.failsafe)
    for client in compiled.endpoints.values():
        if client.is_workload and node.has(client) and packet.source in client.addresses:
            decision = judge.judge(client, Stage.NORMAL, Direction.EGRESS).decision
            allowed = decision.action is Action.ALLOW
            said, answered = ("allows", "every name") if allowed else ("denies", "only names that its rules allow")
            yield (
                f"the forwarder answers in the place of {packet.destination}, which hears nothing of it: {answered},"
                f" since policy {said} it to ask there {sentence(decision)}"
            )


def _notes_on_routes(found: Sequence[Judged]) -> Iterator[str]:
    """A network has many pieces, and of all of them the same is said; of an address that stands in, nothing."""
    told = list(dict.fromkeys(note for each in found if not each.flow.stands_in for note in each.flow.passing.notes))
    yield from told[:MOST_ROUTES]
    if len(told) > MOST_ROUTES:
        yield f"… and {len(told) - MOST_ROUTES} more such notes on routes of this node"


def _notes_on_endpoint(
    endpoint: CompiledEndpoint, addresses: Sequence[Address], compiled: Compiled, node: Node
) -> Iterator[str]:
    if not node.has(endpoint):
        yield f"{endpoint.id} is on node {endpoint.node}: that node enforces its policy, and knows what it looked up"
    for address in addresses:
        if node.has(endpoint) and not endpoint.is_workload and _is_elsewhere(address, node):
            yield (
                f"no interface of this node has {address} now: it is judged as an address elsewhere,"
                f" not as host endpoint {endpoint.id}"
            )
        claiming = [each for each in compiled.endpoints.values() if address in each.addresses]
        owner = min(claiming, key=lambda each: (not each.is_workload, not node.has(each), each.id))
        if owner.id != endpoint.id:
            yield f"{address} is also that of {owner.id}: its packets are judged as those of {owner.id}"


def _is_elsewhere(address: Address, node: Node) -> bool:
    """Whether it is known that this node does not have the address."""
    return bool(node.interface_addresses) and not node.interface_with(address) and address not in node.addresses
