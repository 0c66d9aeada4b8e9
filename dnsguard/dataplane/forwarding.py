"""The rules for packets that workloads send and receive through the node. Pure.

Which endpoint a packet is of, its address says: a map leads to the class that judges it. What is a workload's and no
endpoint's ends here.
"""

from collections.abc import Container, Iterator
from ipaddress import ip_network

from dnsguard.calc.compiled import Direction
from dnsguard.dataplane import naming
from dnsguard.dataplane.additions import Additions
from dnsguard.dataplane.discovery import neighbours_on_link
from dnsguard.dataplane.rejudging import known_connections
from dnsguard.dataplane.rules import (
    AddressIn,
    AddressMap,
    AddressWithin,
    Interface,
    InterfaceIn,
    Match,
    Port,
    Protocol,
    Rule,
    Side,
    Verdict,
    Way,
)
from dnsguard.dataplane.setnames import BRIDGE_SET, cidr_set, local_set, remote_set, workload_map
from dnsguard.dataplane.sources import checked_sources

FAMILIES = 4, 6
LINK_LOCAL = ip_network("fe80::/10")
UDP = 17
_IPIP = 4
_VXLAN_PORT = 4789


def forwarded(additions: Additions, direction: Direction, sets: Container[str]) -> Iterator[Rule]:
    """The chain of one direction, given the maps and sets of workload endpoints that there are."""
    egress = direction is Direction.EGRESS
    side = Side.SOURCE if egress else Side.DESTINATION
    if egress:
        yield from checked_sources(additions, sets, known=known_connections(additions, "of-workload"))
    yield of_endpoints(additions, direction, sets)
    if BRIDGE_SET in sets:
        for talk in neighbours_on_link():
            # It crosses no router: it is on its way between two ports.
            yield Rule((InterfaceIn(Way.IN, BRIDGE_SET), *talk, Verdict.ACCEPT), "neighbours on a bridge")
    if egress:
        yield from encapsulated(additions, sets)
    yield from by_class(side, direction, sets)
    yield from unknown_workloads(additions, direction, sets)


def by_class(side: Side, direction: Direction, sets: Container[str]) -> Iterator[Rule]:
    """Workload endpoints' packets to their classes."""
    for family in FAMILIES:
        if workload_map(direction, family) in sets:
            yield Rule((AddressMap(side, family, workload_map(direction, family)),))


def unknown_workloads(additions: Additions, direction: Direction, sets: Container[str]) -> Iterator[Rule]:
    """What comes from workloads, or goes to them, and is of no endpoint is dropped."""
    egress = direction is Direction.EGRESS
    way, side = (Way.IN, Side.SOURCE) if egress else (Way.OUT, Side.DESTINATION)
    counter = naming.counter_of_unknown_workload(direction)
    for interface in additions.settings.workload_names:
        yield from additions.deny(
            [Interface(way, interface)], counter, "a workload's interface, but no endpoint", direction
        )
    for family in FAMILIES:
        if any(network.version == family for network in additions.settings.workload_cidrs):
            elsewhere = (
                [AddressIn(side, family, remote_set(family), negated=True)] if remote_set(family) in sets else []
            )
            within = AddressIn(side, family, cidr_set(family))
            yield from additions.deny([*elsewhere, within], counter, "a workload's address, but no endpoint", direction)


def of_endpoints(additions: Additions, direction: Direction, sets: Container[str], *, to_node: bool = False) -> Rule:
    """Known connections go on, but those of a workload end with its endpoint: whoever deletes that of a workload that
    was broken into expects so.

    By the interface alone. `workload_cidrs` may hold addresses of other nodes' workloads, and of such that no endpoint
    describes yet; what comes from elsewhere with their addresses was judged when it began. The address counts
    whichever of the interfaces it comes by, as that may be a bridge.
    """
    if not (additions.settings.workload_names and additions.settings.endpoints_known):
        return known_connections(additions)
    egress = direction is Direction.EGRESS
    way, side = (Way.IN, Side.SOURCE) if egress else (Way.OUT, Side.DESTINATION)
    elsewhere = (Interface(way, name, negated=True) for name in additions.settings.workload_names)
    rules = [Rule((*elsewhere, Verdict.ACCEPT), "of no workload")]
    for family in FAMILIES:
        if local_set(family) in sets:
            rules.append(Rule((AddressIn(side, family, local_set(family)), Verdict.ACCEPT), "its endpoint is there"))
    if to_node:
        # A connection of a link-local address was begun by the node: the first packet of a workload is dropped.
        rules.append(Rule((AddressWithin(side, LINK_LOCAL), Verdict.ACCEPT), "the node began it"))
    rules += additions.deny([], naming.counter_of_unknown_workload(direction), "its endpoint is gone", direction)
    return known_connections(additions, "input" if to_node else f"{direction}", rules, f"known-{direction}")


def encapsulated(additions: Additions, sets: Container[str]) -> Iterator[Rule]:
    """What a workload wraps would pass policy unseen, and come out where the node's own tunnels end."""
    settings = additions.settings
    kinds: list[tuple[Match, str]] = []
    if not settings.allow_vxlan:
        kinds.append((Port(UDP, Side.DESTINATION, _VXLAN_PORT, _VXLAN_PORT), "VXLAN from a workload"))
    if not settings.allow_ipip:
        kinds.append((Protocol(_IPIP), "IP in IP from a workload"))
    for kind, comment in kinds:
        for family in FAMILIES:
            if local_set(family) in sets:
                own = AddressIn(Side.SOURCE, family, local_set(family))
                yield from additions.deny([kind, own], naming.COUNTER_ENCAPSULATED, comment, connection=True)
