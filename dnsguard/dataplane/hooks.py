"""The base chains: where in a packet's way what is judged, and in which order. Pure.

::

    prerouting -300  untracked ingress of host endpoints
    prerouting -150  pre-DNAT ingress of host endpoints
    input       -10  workload to node: DNS to the forwarder, then the host action; host endpoints' ingress
    forward     -11  bridged packets are marked as having been here, see `bridging`
    forward     -10  egress of the workload that sends
    forward      -9  ingress of the workload that receives
    forward  -8, -7  host endpoints: ingress of the interface it came by, egress of the one it leaves by
    output     -300  untracked egress of host endpoints
    output      -10  host endpoints' egress; the node reaches its own workloads always
    input -9, forward -6, output -9   what passed them all, where connections are judged again (`rejudging`)

An accept ends one of these chains and the packet goes on to the next, so a packet between two workloads is judged by
both. The ones for host endpoints exist only where a host endpoint needs them. Those that take DNS away from other
servers stand in `interception`.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from dnsguard.calc.compiled import Direction, Stage
from dnsguard.calc.evaluator.failsafe import FailsafePort
from dnsguard.dataplane import naming
from dnsguard.dataplane.additions import Additions
from dnsguard.dataplane.denying import marking_chains
from dnsguard.dataplane.discovery import neighbour_discovery, neighbours_on_link
from dnsguard.dataplane.rejudging import KNOWN, judged_chains, known_connections
from dnsguard.dataplane.rejudging import OUTPUT as REJUDGED_OUTPUT
from dnsguard.dataplane.rules import (
    AddressIn,
    AddressMap,
    AddressWithin,
    Chain,
    ClearMark,
    ConnectionState,
    FromMachine,
    Goto,
    Interface,
    InterfaceIn,
    InterfaceMap,
    Jump,
    Marked,
    Match,
    Port,
    Protocol,
    Rule,
    SetMark,
    Side,
    Verdict,
    Way,
    content_chain,
)
from dnsguard.dataplane.setnames import BRIDGE_SET, cidr_set, local_set, remote_set, workload_map
from dnsguard.dataplane.settings import HostAction, Settings
from dnsguard.dataplane.sources import checked_sources
from dnsguard.netlink.expressions import STATE_INVALID
from dnsguard.netlink.nftables import Hook
from dnsguard.servers import DNS_PORT

_IPIP, _TCP, _UDP = 4, 6, 17
_VXLAN_PORT = 4789
_LINK_LOCAL = ip_network("fe80::/10")

RAW_PREROUTING = "raw-prerouting", Hook("filter", "prerouting", -300)
MANGLE_PREROUTING = "mangle-prerouting", Hook("filter", "prerouting", -150)
INPUT = "host-input", Hook("filter", "input", -10)
FORWARD_BRIDGED = "forward-bridged", Hook("filter", "forward", -11)
FORWARD_EGRESS = "forward-egress", Hook("filter", "forward", -10)
FORWARD_INGRESS = "forward-ingress", Hook("filter", "forward", -9)
FORWARD_HOST_INGRESS = "forward-host-ingress", Hook("filter", "forward", -8)
FORWARD_HOST_EGRESS = "forward-host-egress", Hook("filter", "forward", -7)
RAW_OUTPUT = "raw-output", Hook("filter", "output", -300)
OUTPUT = "host-output", Hook("filter", "output", -10)

_ITSELF = Rule((Interface(Way.IN, "lo"), Verdict.ACCEPT), "what the node tells itself")
_FAMILIES = 4, 6


def host_map(stage: Stage, direction: Direction) -> str:
    """Interfaces with a host endpoint of their own → the class that judges there; accept where none does."""
    return f"interface-{direction}-{stage}"


@dataclass(frozen=True, slots=True)
class HostStage:
    """One stage and direction that some host endpoint has policy for."""

    stage: Stage
    direction: Direction
    every_interface: str | None
    """The chain for interfaces without an endpoint of their own."""

    def rules(self) -> Iterator[Rule]:
        way = Way.IN if self.direction is Direction.INGRESS else Way.OUT
        yield Rule((InterfaceMap(way, host_map(self.stage, self.direction)),))
        if self.every_interface is not None:
            yield Rule((Jump(self.every_interface),), "every other interface")


HostStages = dict[tuple[Stage, Direction], HostStage]


def base_chains(additions: Additions, stages: HostStages, sets: Container[str]) -> Iterator[Chain]:
    """All base chains, given what host endpoints there are, and which of the maps and sets of workload endpoints.
    Adds the chains and counters they need to ``additions``."""
    settings = additions.settings
    untracked_in = stages.get((Stage.UNTRACKED, Direction.INGRESS))
    untracked_out = stages.get((Stage.UNTRACKED, Direction.EGRESS))
    pre_dnat = stages.get((Stage.PRE_DNAT, Direction.INGRESS))
    for chain in marking_chains(settings):
        additions.add(chain)
        additions.counters.setdefault(naming.COUNTER_CUT)
    allowed = Rule((Marked(settings.accept_mark), Verdict.ACCEPT), "an earlier stage allowed it")
    forget = Rule((ClearMark(settings.accept_mark),), "no earlier stage")
    marked_in = [allowed] if untracked_in or pre_dnat else []
    marked_out = [allowed] if untracked_out else []

    if untracked_in:
        yield _base(RAW_PREROUTING, [forget, *untracked_in.rules()])
    if untracked_out:
        yield _base(RAW_OUTPUT, [forget, *untracked_out.rules()])
    if pre_dnat:
        earlier = allowed if untracked_in else forget
        yield _base(MANGLE_PREROUTING, [_ITSELF, earlier, known_connections(additions), *pre_dnat.rules()])
    yield _base(INPUT, [*_input(additions, sets), *marked_in, *_host(stages, Stage.NORMAL, Direction.INGRESS)])
    yield _base(OUTPUT, [*_output(additions, sets), *marked_out, *_host(stages, Stage.NORMAL, Direction.EGRESS)])
    if BRIDGE_SET in sets:
        mark = SetMark(settings.at_hooks_mark)
        yield _base(FORWARD_BRIDGED, [Rule((InterfaceIn(Way.IN, BRIDGE_SET), mark), "at the IP hooks")])
    yield _base(FORWARD_EGRESS, _forward(additions, Direction.EGRESS, sets))
    yield _base(FORWARD_INGRESS, _forward(additions, Direction.INGRESS, sets))
    if (Stage.FORWARD, Direction.INGRESS) in stages:
        rules = _host(stages, Stage.FORWARD, Direction.INGRESS)
        yield _base(FORWARD_HOST_INGRESS, [known_connections(additions), *marked_in, *rules])
    if (Stage.FORWARD, Direction.EGRESS) in stages:
        rules = _host(stages, Stage.FORWARD, Direction.EGRESS)
        yield _base(FORWARD_HOST_EGRESS, [known_connections(additions), *rules])
    for name, hook, rule in judged_chains(additions):
        yield _base((name, hook), [rule])


def failsafe_chain(additions: Additions, stage: Stage, direction: Direction) -> str | None:
    """The chain of ports that host endpoint policy of this stage cannot close; None where there is none.

    Before connection tracking replies are packets like any other, so there the reverse ports pass as well.
    """
    if stage is Stage.FORWARD:
        return None
    failsafe = additions.settings.failsafe
    ingress = direction is Direction.INGRESS
    own, other = failsafe.inbound, failsafe.outbound
    if not ingress:
        own, other = other, own
    remote = Side.SOURCE if ingress else Side.DESTINATION
    rules = [_failsafe(item, Side.DESTINATION, remote) for item in own]
    if stage is Stage.UNTRACKED:
        rules += [_failsafe(item, Side.SOURCE, remote) for item in other]
    if not rules:
        return None
    label = f"failsafe-{direction}" if stage is not Stage.UNTRACKED else f"failsafe-{direction}-{stage}"
    return additions.add(content_chain(label, rules, f"ports that no {direction} policy of the host closes"))


def _failsafe(item: FailsafePort, port_side: Side, remote: Side) -> Rule:
    port: Match = Port(item.protocol, port_side, item.port, item.port)
    if item.net is None:
        return Rule((port, Verdict.ACCEPT))
    return Rule((port, AddressWithin(remote, item.net), Verdict.ACCEPT))


def _base(place: tuple[str, Hook], rules: Iterable[Rule]) -> Chain:
    name, hook = place
    return Chain(name, tuple(rules), hook)


def _host(stages: HostStages, stage: Stage, direction: Direction) -> Iterable[Rule]:
    found = stages.get((stage, direction))
    return found.rules() if found else ()


def _forward(additions: Additions, direction: Direction, sets: Container[str]) -> Iterator[Rule]:
    egress = direction is Direction.EGRESS
    side = Side.SOURCE if egress else Side.DESTINATION
    if egress:
        yield from checked_sources(additions, sets, known=known_connections(additions, "of-workload"))
    yield _of_endpoints(additions, direction, sets)
    if BRIDGE_SET in sets:
        for talk in neighbours_on_link():
            # It crosses no router: it is on its way between two ports.
            yield Rule((InterfaceIn(Way.IN, BRIDGE_SET), *talk, Verdict.ACCEPT), "neighbours on a bridge")
    if egress:
        yield from _encapsulated(additions, sets)
    yield from _by_class(side, direction, sets)
    yield from _unknown_workloads(additions, direction, sets)


def _by_class(side: Side, direction: Direction, sets: Container[str]) -> Iterator[Rule]:
    """Workload endpoints' packets to their classes."""
    for family in _FAMILIES:
        if workload_map(direction, family) in sets:
            yield Rule((AddressMap(side, family, workload_map(direction, family)),))


def _unknown_workloads(additions: Additions, direction: Direction, sets: Container[str]) -> Iterator[Rule]:
    egress = direction is Direction.EGRESS
    way, side = (Way.IN, Side.SOURCE) if egress else (Way.OUT, Side.DESTINATION)
    counter = naming.counter_of_unknown_workload(direction)
    for interface in additions.settings.workload_interfaces:
        yield from additions.deny(
            [Interface(way, interface)], counter, "a workload's interface, but no endpoint", direction
        )
    for family in _FAMILIES:
        if any(network.version == family for network in additions.settings.workload_cidrs):
            elsewhere = (
                [AddressIn(side, family, remote_set(family), negated=True)] if remote_set(family) in sets else []
            )
            within = AddressIn(side, family, cidr_set(family))
            yield from additions.deny([*elsewhere, within], counter, "a workload's address, but no endpoint", direction)


def _of_endpoints(additions: Additions, direction: Direction, sets: Container[str], *, to_node: bool = False) -> Rule:
    """Known connections go on, but those of a workload end with its endpoint: whoever deletes that of a workload that
    was broken into expects so.

    By the interface alone. `workload_cidrs` may hold addresses of other nodes' workloads, and of such that no endpoint
    describes yet; what comes from elsewhere with their addresses was judged when it began. The address counts
    whichever of the interfaces it comes by, as that may be a bridge.
    """
    if not (additions.settings.workload_interfaces and additions.settings.endpoints_known):
        return known_connections(additions)
    egress = direction is Direction.EGRESS
    way, side = (Way.IN, Side.SOURCE) if egress else (Way.OUT, Side.DESTINATION)
    elsewhere = (Interface(way, name, negated=True) for name in additions.settings.workload_interfaces)
    rules = [Rule((*elsewhere, Verdict.ACCEPT), "of no workload")]
    for family in _FAMILIES:
        if local_set(family) in sets:
            rules.append(Rule((AddressIn(side, family, local_set(family)), Verdict.ACCEPT), "its endpoint is there"))
    if to_node:
        # A connection of a link-local address was begun by the node: the first packet of a workload is dropped.
        rules.append(Rule((AddressWithin(side, _LINK_LOCAL), Verdict.ACCEPT), "the node began it"))
    rules += additions.deny([], naming.counter_of_unknown_workload(direction), "its endpoint is gone", direction)
    return known_connections(additions, "input" if to_node else f"{direction}", rules, f"known-{direction}")


def _encapsulated(additions: Additions, sets: Container[str]) -> Iterator[Rule]:
    """What a workload wraps would pass policy unseen, and come out where the node's own tunnels end."""
    settings = additions.settings
    kinds: list[tuple[Match, str]] = []
    if not settings.allow_vxlan:
        kinds.append((Port(_UDP, Side.DESTINATION, _VXLAN_PORT, _VXLAN_PORT), "VXLAN from a workload"))
    if not settings.allow_ipip:
        kinds.append((Protocol(_IPIP), "IP in IP from a workload"))
    for kind, comment in kinds:
        for family in _FAMILIES:
            if local_set(family) in sets:
                own = AddressIn(Side.SOURCE, family, local_set(family))
                yield from additions.deny([kind, own], naming.COUNTER_ENCAPSULATED, comment, connection=True)


def _in_the_name_of_the_node(additions: Additions) -> Iterator[Rule]:
    """Queries from outside with an address of the node itself: for IPv4 the kernel takes none unless it is told to, for
    IPv6 it takes them all. The forwarder would open what they look up to every endpoint."""
    for port in _asking(additions.settings):
        yield from additions.deny([*port, FromMachine()], naming.COUNTER_SPOOFED, "not from the node")


def _asking(settings: Settings) -> Iterator[tuple[Match, ...]]:
    """What goes to the forwarder's sockets, those of interception apart."""
    for listen in settings.listen:
        for protocol in _UDP, _TCP:
            port = Port(protocol, Side.DESTINATION, listen.port, listen.port)
            if listen.address.is_unspecified:
                yield (port,)
            else:
                yield port, AddressWithin(Side.DESTINATION, ip_network(listen.address))


def _input(additions: Additions, sets: Container[str]) -> Iterator[Rule]:
    yield Rule((Interface(Way.IN, "lo"), Verdict.ACCEPT))
    yield from _in_the_name_of_the_node(additions)
    # No endpoint lists the link-local address that its interface has all the same.
    to_link_local = ConnectionState(KNOWN), AddressWithin(Side.SOURCE, _LINK_LOCAL), Verdict.RETURN
    unlisted = *_neighbours(from_router=False), Rule(to_link_local, "the node began it")
    known = known_connections(additions, "input-of-workload")
    yield from checked_sources(additions, sets, known=known, but=unlisted)
    yield _of_endpoints(additions, Direction.EGRESS, sets, to_node=True)
    yield from _neighbours(from_router=False)
    yield from _encapsulated(additions, sets)
    local = [family for family in _FAMILIES if local_set(family) in sets]
    if local:
        workload = _workload_to_host(additions, sets)
        for family in local:
            yield Rule((AddressIn(Side.SOURCE, family, local_set(family)), Goto(workload)))
    yield from _unknown_workloads(additions, Direction.EGRESS, sets)
    yield from _neighbours(from_router=True)


def _output(additions: Additions, sets: Container[str]) -> Iterator[Rule]:
    yield Rule((Interface(Way.OUT, "lo"), Verdict.ACCEPT))
    yield known_connections(additions, REJUDGED_OUTPUT)
    yield from _neighbours(from_router=False)
    yield from _neighbours(from_router=True)
    for interface in additions.settings.workload_interfaces:
        yield Rule((Interface(Way.OUT, interface), Verdict.ACCEPT), "the node reaches its own workloads")
    for family in _FAMILIES:
        if local_set(family) in sets:
            yield Rule((AddressIn(Side.DESTINATION, family, local_set(family)), Verdict.ACCEPT))


def _neighbours(*, from_router: bool) -> Iterator[Rule]:
    """What only routers say is not taken from workloads, so it stands after them."""
    for talk in neighbour_discovery(from_router=from_router):
        yield Rule((*talk, Verdict.ACCEPT))


def _workload_to_host(additions: Additions, sets: Container[str]) -> str:
    settings = additions.settings
    rules = [*additions.deny([ConnectionState(STATE_INVALID)], naming.COUNTER_INVALID, "belongs to no connection")]
    rules += [Rule((*port, Verdict.ACCEPT), "the forwarder judges queries itself") for port in _asking(settings)]
    if settings.interception is not None:
        for protocol in _UDP, _TCP:
            taken = Marked(settings.interception.mark), Port(protocol, Side.DESTINATION, DNS_PORT, DNS_PORT)
            rules.append(Rule((*taken, Verdict.ACCEPT), "the forwarder takes what goes to other servers"))
    if settings.endpoint_to_host is HostAction.DROP:
        comment = "workloads do not reach their node"
        rules += additions.deny([], naming.COUNTER_WORKLOAD_TO_HOST, comment, connection=True)
    else:
        rules += _by_class(Side.SOURCE, Direction.EGRESS, sets)
        rules += additions.deny([], naming.counter_of_unknown_workload(Direction.EGRESS))
    return additions.add(content_chain("workload-to-host", rules, "from this node's workloads to the node itself"))
