"""One packet's way through a node: what it meets there, in order.

::

    from outside, or from a workload                                   from the node itself
      untracked ingress of the host endpoint it arrives by               untracked egress of the one it leaves by
      pre-DNAT ingress of the same                                       known connections pass
      known connections pass, those of deleted workloads not             to own workloads always
      DNS of own workloads is intercepted: it ends here
      ├─ to the node:  own workloads by the host action,                 normal egress
      │                others by the host endpoint's normal ingress
      └─ forwarded:    egress of the source, ingress of the destination,
                       forward ingress where it arrives, forward egress where it leaves
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dnsguard.calc.compiled import Action, Address, CompiledEndpoint, Direction, EndpointId, Stage
from dnsguard.calc.evaluator.hosts import HostEndpoints
from dnsguard.calc.evaluator.judge import Judge
from dnsguard.calc.evaluator.node import LOOPBACK, HostAction, Node
from dnsguard.calc.evaluator.packet import Packet, PacketState
from dnsguard.calc.evaluator.trace import Decider, Decision, Judgement

_BROADCAST = "255.255.255.255"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of the compiled policy is here, and what elsewhere."""

    node: Node
    hosts: HostEndpoints
    local: Mapping[Address, CompiledEndpoint]
    """This node's workloads; of two with one address the first by name has it."""

    remote: frozenset[Address]
    """Addresses of other nodes' workloads."""

    own: frozenset[Address]
    """Addresses of the node itself."""

    bridges: Mapping[str, str]
    """Port → bridge."""

    links: frozenset[tuple[str, Address]]
    """(interface, address) of this node's workloads; the bridge, where the interface is a port of one."""

    interfaces: frozenset[str]
    """Those that one of this node's workloads is known to be behind, bridges apart."""

    of_workloads: frozenset[str]
    """Bridges with workloads behind their ports."""

    unlocated: frozenset[Address]
    """Of this node's workloads whose endpoints name no interface."""


@dataclass(slots=True)
class Passage:
    """The way of one packet. An interface that is not given is that of the workload at that end, if one is."""

    around: Surroundings
    judge: Judge
    packet: Packet
    arrives: str = ""
    leaves: str = ""
    judgements: list[Judgement] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    """Of the judgements, and what the node decides besides them; in order."""

    unjudged: dict[EndpointId, None] = field(default_factory=dict)
    intercepted: bool = False
    """It is DNS for another server, and ends at the forwarder."""

    _settled: bool = False
    """An untracked or pre-DNAT policy decided, so the later stages of the same host endpoint have no say."""

    _tracked: bool = True

    def run(self) -> None:
        """Fill in what the packet meets."""
        source, destination = self.packet.source, self.packet.destination
        self._tracked = self.packet.is_tracked
        to_node = destination in self.around.own
        from_node = not self.arrives and source in self.around.own
        if LOOPBACK in (self.arrives, self.leaves) or (from_node and to_node):
            return  # what the node tells itself is no traffic of any endpoint
        if not self.leaves and destination in self.around.local:
            self.leaves = self.around.local[destination].interface
        self.leaves = self.around.bridges.get(self.leaves, self.leaves)
        if from_node:
            self._sent_by_node()
            return
        if not self.arrives and source in self.around.local:
            self.arrives = self.around.local[source].interface
        self.arrives = self.around.bridges.get(self.arrives, self.arrives)
        to_node = to_node or destination.is_multicast or str(destination) == _BROADCAST
        host = self._host(self.arrives, destination if to_node else None)
        self._early(host, Direction.INGRESS)
        self.intercepted = not to_node and self._is_intercepted()
        if to_node or self.intercepted:
            self._received_by_node(host)
        else:
            self._forwarded(host)

    def _early(self, host: CompiledEndpoint | None, direction: Direction) -> None:
        """The stages before routing."""
        self._pass(host, Stage.UNTRACKED, direction)
        if direction is Direction.INGRESS and not self._settled and not self._is_known():
            self._pass(host, Stage.PRE_DNAT, direction)

    def _sent_by_node(self) -> None:
        host = self._host(self.leaves, self.packet.source)
        self._early(host, Direction.EGRESS)
        if self._is_known():
            self._allow(Decider.ESTABLISHED)
        elif self.packet.is_discovery(from_router=False) or self.packet.is_discovery(from_router=True):
            self._allow(Decider.NEIGHBOUR_DISCOVERY)
        elif self.around.node.is_for_workloads(self.leaves) or self.packet.destination in self.around.local:
            self._allow(Decider.OWN_WORKLOAD)
        elif not self._settled:
            self._pass(host, Stage.NORMAL, Direction.EGRESS)

    def _received_by_node(self, host: CompiledEndpoint | None) -> None:
        source = self.around.local.get(self.packet.source)
        discovery = self.packet.is_discovery(from_router=False)
        # No endpoint lists the link-local address that its interface has all the same.
        unlisted = self.packet.source.version == 6 and self.packet.source.is_link_local
        if self._is_spoofed(excused=discovery or (unlisted and self._is_known())):
            self._deny(Decider.SPOOFED)
        elif self._is_known():
            self._go_on(gone=not unlisted and self._is_nobody(self.arrives, self.packet.source))
        elif discovery:
            self._allow(Decider.NEIGHBOUR_DISCOVERY)
        elif source is not None:
            self._from_own_workload(source)
        elif self._is_unknown(self.arrives, self.packet.source):
            self._deny(Decider.UNKNOWN_WORKLOAD)
        elif self.packet.is_discovery(from_router=True):
            self._allow(Decider.NEIGHBOUR_DISCOVERY)
        elif not self._settled:
            self._pass(host, Stage.NORMAL, Direction.INGRESS)

    def _from_own_workload(self, source: CompiledEndpoint) -> None:
        self._unwrapped()
        if self._is_invalid():
            self._deny(Decider.INVALID)
        elif self.intercepted or any(listen.takes(self.packet) for listen in self.around.node.listen):
            self._allow(Decider.FORWARDER)
        else:
            if self.around.node.endpoint_to_host is HostAction.DROP:
                self._deny(Decider.OWN_NODE)
            self._pass(source, Stage.NORMAL, Direction.EGRESS)

    def _forwarded(self, host: CompiledEndpoint | None) -> None:
        if self._is_known():
            if self._is_spoofed():
                self._deny(Decider.SPOOFED)
            else:
                ends = (self.arrives, self.packet.source), (self.leaves, self.packet.destination)
                self._go_on(gone=any(self._is_nobody(*end) for end in ends))
            return
        source = self.around.local.get(self.packet.source)
        destination = self.around.local.get(self.packet.destination)
        if self._is_spoofed():
            self._deny(Decider.SPOOFED)
        elif self.arrives in self.around.of_workloads and self.packet.is_discovery_on_link:
            self._allow(Decider.NEIGHBOUR_DISCOVERY)  # between two ports: it crosses no router
            return
        elif source is not None:
            self._unwrapped()
            self._pass(source, Stage.NORMAL, Direction.EGRESS)
        elif self._is_unknown(self.arrives, self.packet.source):
            self._deny(Decider.UNKNOWN_WORKLOAD)
        if destination is not None:
            self._pass(destination, Stage.NORMAL, Direction.INGRESS)
        elif self._is_unknown(self.leaves, self.packet.destination):
            self._deny(Decider.UNKNOWN_WORKLOAD)
        if not self._settled:
            self._pass(host, Stage.FORWARD, Direction.INGRESS)
        self._pass(self._host(self.leaves, None), Stage.FORWARD, Direction.EGRESS)

    def _pass(self, endpoint: CompiledEndpoint | None, stage: Stage, direction: Direction) -> None:
        """One stage of one endpoint."""
        if endpoint is None:
            return
        if stage is not Stage.UNTRACKED and self._is_invalid() and (stage, direction) in endpoint.classes:
            self._deny(Decider.INVALID)
            return
        judgement = self.judge.judge(endpoint, stage, direction)
        self.judgements.append(judgement)
        self.decisions.append(judgement.decision)
        # Failsafe excuses a packet from its stage alone; the next one judges it again.
        if stage in (Stage.UNTRACKED, Stage.PRE_DNAT) and judgement.decision.decider is Decider.RULE:
            self._settled = True
            untracked = stage is Stage.UNTRACKED and judgement.decision.action is Action.ALLOW
            self._tracked = self._tracked and not untracked

    def _host(self, interface: str, own: Address | None) -> CompiledEndpoint | None:
        """The host endpoint of an interface; `own` is the address of the node at that end, where the packet ends or
        starts there."""
        hosts = self.around.hosts
        if interface:
            return hosts.at(interface)
        found = hosts.of_address(own) if own is not None else None
        if found is None and hosts.differ:
            self.unjudged |= dict.fromkeys(each.id for each in hosts.all)
            return None
        return found or hosts.at("")

    def _is_known(self) -> bool:
        return self._tracked and self.packet.state in (PacketState.ESTABLISHED, PacketState.RELATED)

    def _is_invalid(self) -> bool:
        return self._tracked and self.packet.state is PacketState.INVALID

    def _is_intercepted(self) -> bool:
        """Whether it is DNS for another server."""
        if self.arrives == self.leaves and self.arrives in self.around.bridges.values():
            return False  # a neighbour is asked
        return self.packet.source in self.around.local and self.around.node.intercepts(self.packet)

    def _is_spoofed(self, *, excused: bool = False) -> bool:
        """What bears a workload's address comes by that workload's interface, and by such an interface comes nothing
        else; ``excused`` is what workloads say with addresses that no endpoint lists."""
        around, source = self.around, self.packet.source
        if not around.links or (self.arrives, source) in around.links:
            return False
        if source in around.local:
            return source not in around.unlocated or self.arrives in around.interfaces
        return self.arrives in around.interfaces and not excused

    def _is_unknown(self, interface: str, address: Address) -> bool:
        """Whether an end that is no endpoint of this node is a workload all the same."""
        node = self.around.node
        within = any(address in network for network in node.workload_cidrs)
        return node.is_for_workloads(interface) or (within and address not in self.around.remote)

    def _is_nobody(self, interface: str, address: Address) -> bool:
        """Whether an end at a workload's interface is no endpoint of this node. By the interface alone: it is only
        asked of connections that were allowed, and an address may be a workload's elsewhere."""
        return self.around.node.is_for_workloads(interface) and address not in self.around.local

    def _go_on(self, *, gone: bool) -> None:
        """A known connection ends when an endpoint of it does."""
        if gone:
            self._deny(Decider.UNKNOWN_WORKLOAD)
        else:
            self._allow(Decider.ESTABLISHED)

    def _unwrapped(self) -> None:
        """What a workload wraps is dropped before policy sees it."""
        if self.around.node.takes_for_encapsulated(self.packet):
            self._deny(Decider.ENCAPSULATED)

    def _allow(self, decider: Decider) -> None:
        self.decisions.append(Decision(decider, Action.ALLOW))

    def _deny(self, decider: Decider) -> None:
        self.decisions.append(Decision(decider, Action.DENY))
