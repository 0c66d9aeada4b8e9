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
    forward  -5  the self-test's packets that passed them all are counted

An accept ends one of these chains and the packet goes on to the next, so a packet between two workloads is judged by
both. The ones for host endpoints exist only where a host endpoint needs them. Those that take DNS away from other
servers stand in `interception`.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from dnsguard.calc.compiled import Direction, Stage
from dnsguard.calc.evaluator.failsafe import FailsafePort
from dnsguard.dataplane import naming
from dnsguard.dataplane.additions import Additions
from dnsguard.dataplane.canary import PASSED
from dnsguard.dataplane.denying import marking_chains
from dnsguard.dataplane.forwarding import forwarded
from dnsguard.dataplane.ownnode import from_node, to_node
from dnsguard.dataplane.rejudging import judged_chains, known_connections
from dnsguard.dataplane.rules import (
    AddressWithin,
    Chain,
    ClearMark,
    Count,
    Interface,
    InterfaceIn,
    InterfaceMap,
    Jump,
    Marked,
    Match,
    Port,
    Rule,
    SetMark,
    Side,
    Verdict,
    Way,
    content_chain,
)
from dnsguard.dataplane.setnames import BRIDGE_SET
from dnsguard.netlink.nftables import Hook

RAW_PREROUTING = "raw-prerouting", Hook("filter", "prerouting", -300)
MANGLE_PREROUTING = "mangle-prerouting", Hook("filter", "prerouting", -150)
INPUT = "host-input", Hook("filter", "input", -10)
FORWARD_BRIDGED = "forward-bridged", Hook("filter", "forward", -11)
FORWARD_EGRESS = "forward-egress", Hook("filter", "forward", -10)
FORWARD_INGRESS = "forward-ingress", Hook("filter", "forward", -9)
FORWARD_HOST_INGRESS = "forward-host-ingress", Hook("filter", "forward", -8)
FORWARD_HOST_EGRESS = "forward-host-egress", Hook("filter", "forward", -7)
FORWARD_PASSED = "forward-passed", Hook("filter", "forward", -5)
RAW_OUTPUT = "raw-output", Hook("filter", "output", -300)
OUTPUT = "host-output", Hook("filter", "output", -10)

_ITSELF = Rule((Interface(Way.IN, "lo"), Verdict.ACCEPT), "what the node tells itself")


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
    yield _base(INPUT, [*to_node(additions, sets), *marked_in, *_host(stages, Stage.NORMAL, Direction.INGRESS)])
    yield _base(OUTPUT, [*from_node(additions, sets), *marked_out, *_host(stages, Stage.NORMAL, Direction.EGRESS)])
    if BRIDGE_SET in sets:
        mark = SetMark(settings.at_hooks_mark)
        yield _base(FORWARD_BRIDGED, [Rule((InterfaceIn(Way.IN, BRIDGE_SET), mark), "at the IP hooks")])
    yield _base(FORWARD_EGRESS, forwarded(additions, Direction.EGRESS, sets))
    yield _base(FORWARD_INGRESS, forwarded(additions, Direction.INGRESS, sets))
    if (Stage.FORWARD, Direction.INGRESS) in stages:
        rules = _host(stages, Stage.FORWARD, Direction.INGRESS)
        yield _base(FORWARD_HOST_INGRESS, [known_connections(additions), *marked_in, *rules])
    if (Stage.FORWARD, Direction.EGRESS) in stages:
        rules = _host(stages, Stage.FORWARD, Direction.EGRESS)
        yield _base(FORWARD_HOST_EGRESS, [known_connections(additions), *rules])
    for name, hook, rule in judged_chains(additions):
        yield _base((name, hook), [rule])
    if settings.canary is not None:
        additions.counters.setdefault(PASSED)
        there_and_back = [Interface(way, settings.canary.interface) for way in Way]
        yield _base(FORWARD_PASSED, [Rule((*there_and_back, Count(PASSED)), "the self-test")])


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
