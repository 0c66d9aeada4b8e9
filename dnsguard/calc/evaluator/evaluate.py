"""The evaluator: what happens to a packet on its way through a node, and why.

Everything that answers "what would happen" asks here, and the kernel must agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from dnsguard.calc.compiled import Action, Address, Compiled, CompiledEndpoint, Direction, EndpointId, Stage
from dnsguard.calc.evaluator.hosts import HostEndpoints
from dnsguard.calc.evaluator.judge import Judge
from dnsguard.calc.evaluator.matching import LeaseLookup, nothing_leased
from dnsguard.calc.evaluator.node import Node
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.calc.evaluator.passage import Passage, Surroundings
from dnsguard.calc.evaluator.trace import Decider, Judgement, Verdict

_HOST_INGRESS = (Stage.UNTRACKED, Stage.PRE_DNAT, Stage.NORMAL)
_HOST_EGRESS = (Stage.UNTRACKED, Stage.NORMAL)
_WORKLOAD = (Stage.NORMAL,)
_ANY_NODE = Node()
"""A node that judges for every endpoint there is."""


def _has_precedence(endpoint: CompiledEndpoint, other: CompiledEndpoint) -> bool:
    """Whose address it is where both claim it: a workload's before a host's, then the first's by name."""
    return (other.is_workload, endpoint.id) < (endpoint.is_workload, other.id)


@dataclass(frozen=True, slots=True)
class _Leg:
    """One endpoint on the packet's way, and the stages it passes there."""

    endpoint: CompiledEndpoint
    direction: Direction
    stages: tuple[Stage, ...]


class Evaluator:
    """Evaluates packets against one compiled policy, as one node does."""

    def __init__(self, compiled: Compiled, node: Node = _ANY_NODE) -> None:
        self._compiled = compiled
        self._node = node
        self._by_address: dict[Address, CompiledEndpoint] = {}
        for endpoint in compiled.endpoints.values():
            for address in endpoint.addresses:
                other = self._by_address.get(address)
                if other is None or _has_precedence(endpoint, other):
                    self._by_address[address] = endpoint
        self._around = _surroundings(compiled, self._node)

    def endpoint_of(self, address: Address) -> CompiledEndpoint | None:
        """The endpoint that has this address."""
        return self._by_address.get(address)

    def evaluate(
        self,
        packet: Packet,
        leased: LeaseLookup = nothing_leased,
        *,
        arrives: str = "",
        leaves: str = "",
    ) -> Verdict:
        """What becomes of a packet on its whole way through the node.

        `arrives` and `leaves` are the interfaces that it comes in and goes out by. Empty is not known; or that it
        starts or ends here. A workload's interface is known from its endpoint, and what ends or starts at an address
        of the node is taken to pass by the interface that has it. Where it still matters, the verdict is about the
        rest of the way, and says so in `unjudged`.
        """
        judge = Judge(self._compiled, packet, leased, self._node.failsafe)
        passage = Passage(self._around, judge, packet, arrives, leaves)
        passage.run()
        decisions = passage.decisions
        denied = next((decision for decision in decisions if decision.action is Action.DENY), None)
        decision = denied or (decisions[-1] if decisions else None)
        return Verdict(
            decision.action if decision is not None else None,
            decision,
            tuple(passage.judgements),
            () if passage.intercepted else tuple(self._elsewhere(judge, packet)),
            tuple(passage.unjudged),
        )

    def judge(
        self,
        endpoint: EndpointId,
        direction: Direction,
        packet: Packet,
        leased: LeaseLookup = nothing_leased,
        stage: Stage = Stage.NORMAL,
    ) -> Judgement:
        """What one endpoint says in one direction and stage. Raises KeyError where there is no such endpoint."""
        return Judge(self._compiled, packet, leased, self._node.failsafe).judge(
            self._compiled.endpoints[endpoint], stage, direction
        )

    def _elsewhere(self, judge: Judge, packet: Packet) -> Iterator[Judgement]:
        """What the ends that are on other nodes say, as far as that follows from their addresses."""
        source, destination = self.endpoint_of(packet.source), self.endpoint_of(packet.destination)
        for leg in _legs(source, destination):
            if not self._node.has(leg.endpoint):
                yield from _judgements(judge, leg)


def _surroundings(compiled: Compiled, node: Node) -> Surroundings:
    workloads = sorted((each for each in compiled.endpoints.values() if each.is_workload), key=lambda each: each.id)
    here = [each for each in workloads if node.has(each)]
    hosts = HostEndpoints(compiled.endpoints.values(), node)
    local: dict[Address, CompiledEndpoint] = {}
    for endpoint in here:
        for address in endpoint.addresses:
            local.setdefault(address, endpoint)
    bridges = dict(node.bridge_ports)
    located = [(each, bridges.get(each.interface, each.interface)) for each in here if each.interface]
    own = node.addresses.union(*(addresses for _, addresses in node.interface_addresses))
    return Surroundings(
        node=node,
        hosts=hosts,
        local=local,
        remote=frozenset(address for each in workloads if not node.has(each) for address in each.addresses),
        own=own or frozenset(address for each in hosts.all for address in each.addresses),
        bridges=bridges,
        links=frozenset((interface, address) for each, interface in located for address in each.addresses),
        interfaces=frozenset(interface for each, interface in located if interface == each.interface),
        of_workloads=frozenset(interface for each, interface in located if interface != each.interface),
        unlocated=frozenset(address for each in here if not each.interface for address in each.addresses),
    )


def _legs(source: CompiledEndpoint | None, destination: CompiledEndpoint | None) -> Iterator[_Leg]:
    """The two ends of a packet's way, egress first."""
    from_host = source is not None and not source.is_workload
    to_host = destination is not None and not destination.is_workload
    at_home = _are_host_and_own_workload(source, destination)
    if at_home and from_host:
        return  # probes of the host must reach its workloads, whatever the policies
    if source is not None:
        yield _Leg(source, Direction.EGRESS, _HOST_EGRESS if from_host else _WORKLOAD)
    if destination is not None and not at_home:
        yield _Leg(destination, Direction.INGRESS, _HOST_INGRESS if to_host else _WORKLOAD)


def _are_host_and_own_workload(one: CompiledEndpoint | None, other: CompiledEndpoint | None) -> bool:
    """Whether one is a host and the other a workload on it. An endpoint that names no node is on every one."""
    if one is None or other is None or one.is_workload is other.is_workload:
        return False
    return "" in (one.node, other.node) or one.node == other.node


def _judgements(judge: Judge, leg: _Leg) -> list[Judgement]:
    """What the stages of one leg say, up to the one that decides; the last one's decision is the leg's."""
    judgements: list[Judgement] = []
    for stage in leg.stages:
        judgement = judge.judge(leg.endpoint, stage, leg.direction)
        judgements.append(judgement)
        decision = judgement.decision
        # Failsafe excuses a packet from its stage alone; the next one judges it again.
        if decision.action is Action.DENY or (decision.action is Action.ALLOW and decision.decider is Decider.RULE):
            break
    return judgements
