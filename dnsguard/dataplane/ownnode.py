"""The rules for packets to the node itself and from it, before host endpoints judge them. Pure."""

from collections.abc import Container, Iterator
from ipaddress import ip_network

from dnsguard.calc.compiled import Direction
from dnsguard.dataplane import naming
from dnsguard.dataplane.additions import Additions
from dnsguard.dataplane.discovery import neighbour_discovery
from dnsguard.dataplane.forwarding import (
    FAMILIES,
    LINK_LOCAL,
    UDP,
    by_class,
    encapsulated,
    of_endpoints,
    unknown_workloads,
)
from dnsguard.dataplane.rejudging import KNOWN, known_connections
from dnsguard.dataplane.rejudging import OUTPUT as REJUDGED_OUTPUT
from dnsguard.dataplane.rules import (
    AddressIn,
    AddressWithin,
    ConnectionState,
    FromMachine,
    Goto,
    Interface,
    Marked,
    Match,
    Port,
    Rule,
    Side,
    Verdict,
    Way,
    content_chain,
)
from dnsguard.dataplane.setnames import local_set
from dnsguard.dataplane.settings import HostAction, Settings
from dnsguard.dataplane.sources import checked_sources
from dnsguard.netlink.expressions import STATE_INVALID
from dnsguard.servers import DNS_PORT

_TCP = 6


def to_node(additions: Additions, sets: Container[str]) -> Iterator[Rule]:
    """Given the maps and sets of workload endpoints that there are. Here workloads' packets end, one way or another."""
    yield Rule((Interface(Way.IN, "lo"), Verdict.ACCEPT))
    yield from _in_the_name_of_the_node(additions)
    # No endpoint lists the link-local address that its interface has all the same.
    to_link_local = ConnectionState(KNOWN), AddressWithin(Side.SOURCE, LINK_LOCAL), Verdict.RETURN
    unlisted = *_neighbours(from_router=False), Rule(to_link_local, "the node began it")
    known = known_connections(additions, "input-of-workload")
    yield from checked_sources(additions, sets, known=known, but=unlisted)
    yield of_endpoints(additions, Direction.EGRESS, sets, to_node=True)
    yield from _neighbours(from_router=False)
    yield from encapsulated(additions, sets)
    local = [family for family in FAMILIES if local_set(family) in sets]
    if local:
        workload = _workload_to_host(additions, sets)
        for family in local:
            yield Rule((AddressIn(Side.SOURCE, family, local_set(family)), Goto(workload)))
    yield from unknown_workloads(additions, Direction.EGRESS, sets)
    yield from _neighbours(from_router=True)


def from_node(additions: Additions, sets: Container[str]) -> Iterator[Rule]:
    """What the node must be able to say, whatever its host endpoints' policy."""
    yield Rule((Interface(Way.OUT, "lo"), Verdict.ACCEPT))
    yield known_connections(additions, REJUDGED_OUTPUT)
    yield from _neighbours(from_router=False)
    yield from _neighbours(from_router=True)
    for interface in additions.settings.workload_names:
        yield Rule((Interface(Way.OUT, interface), Verdict.ACCEPT), "the node reaches its own workloads")
    for family in FAMILIES:
        if local_set(family) in sets:
            yield Rule((AddressIn(Side.DESTINATION, family, local_set(family)), Verdict.ACCEPT))


def _in_the_name_of_the_node(additions: Additions) -> Iterator[Rule]:
    """Queries from outside with an address of the node itself: for IPv4 the kernel takes none unless it is told to, for
    IPv6 it takes them all. The forwarder would open what they look up to every endpoint."""
    for port in _asking(additions.settings):
        yield from additions.deny([*port, FromMachine()], naming.COUNTER_SPOOFED, "not from the node")


def _asking(settings: Settings) -> Iterator[tuple[Match, ...]]:
    """What goes to the forwarder's sockets, those of interception apart."""
    for listen in settings.listen:
        for protocol in UDP, _TCP:
            port = Port(protocol, Side.DESTINATION, listen.port, listen.port)
            if listen.address.is_unspecified:
                yield (port,)
            else:
                yield port, AddressWithin(Side.DESTINATION, ip_network(listen.address))


def _neighbours(*, from_router: bool) -> Iterator[Rule]:
    """What only routers say is not taken from workloads, so it stands after them."""
    for talk in neighbour_discovery(from_router=from_router):
        yield Rule((*talk, Verdict.ACCEPT))


def _workload_to_host(additions: Additions, sets: Container[str]) -> str:
    settings = additions.settings
    rules = [*additions.deny([ConnectionState(STATE_INVALID)], naming.COUNTER_INVALID, "belongs to no connection")]
    rules += [Rule((*port, Verdict.ACCEPT), "the forwarder judges queries itself") for port in _asking(settings)]
    if settings.interception is not None:
        for protocol in UDP, _TCP:
            taken = Marked(settings.interception.mark), Port(protocol, Side.DESTINATION, DNS_PORT, DNS_PORT)
            rules.append(Rule((*taken, Verdict.ACCEPT), "the forwarder takes what goes to other servers"))
    if settings.endpoint_to_host is HostAction.DROP:
        comment = "workloads do not reach their node"
        rules += additions.deny([], naming.COUNTER_WORKLOAD_TO_HOST, comment, connection=True)
    else:
        rules += by_class(Side.SOURCE, Direction.EGRESS, sets)
        rules += additions.deny([], naming.counter_of_unknown_workload(Direction.EGRESS))
    return additions.add(content_chain("workload-to-host", rules, "from this node's workloads to the node itself"))
