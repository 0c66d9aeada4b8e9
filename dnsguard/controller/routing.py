"""Which interfaces of this node a packet takes: the kernel's routing table knows, so nobody has to guess."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dnsguard.calc.compiled import Address
from dnsguard.netlink.routes import RoutingTable

ROUTING_SECONDS = 1.0
"""How long the kernel may take to say; it answers in less than a millisecond."""

Pair = tuple[Address, Address]
InterfaceOf = Callable[[Address], str]
"""The interface of the workload of this node that has an address; empty where none has."""


@dataclass(frozen=True, slots=True)
class Passing:
    """The interfaces that packets from one address to another take."""

    arrives: str = ""
    """Empty: they start here, or it is not known."""

    leaves: str = ""
    """Empty: they end here, or it is not known."""

    own: frozenset[Address] = frozenset()
    """Those of the two that are this machine's."""

    notes: tuple[str, ...] = ()


Routing = Callable[[Sequence[Pair], InterfaceOf], list[Passing]]
"""One for each pair. Blocks. Raises OSError."""


def kernel_routing(pairs: Sequence[Pair], interface_of: InterfaceOf) -> list[Passing]:
    """A ``Routing``: what the kernel of this machine says, in the network namespace of the calling thread."""
    with RoutingTable() as table:
        return [_passing(table, source, destination, interface_of) for source, destination in pairs]


def _passing(table: RoutingTable, source: Address, destination: Address, interface_of: InterfaceOf) -> Passing:
    notes = []
    back = table.route(source)
    arrives = interface_of(source)
    if not arrives:
        # Which interface a stranger's packets come by is known to them alone; a reply goes back by this one.
        if back is None:
            notes.append(f"this node has no route back to {source}: which interface it arrives by is not known")
        arrives = "" if back is None or back.local else back.interface
    route = table.route(destination, source, arrives)
    leaves = interface_of(destination)
    if route is None:
        notes.append(f"this node has no route to {destination}: the packet goes nowhere, whatever policy says")
    elif leaves and route.interface != leaves:
        where = "itself" if route.local else f"interface {route.interface}"
        notes.append(f"this node routes {destination} to {where}, but its endpoint says {leaves}")
    if not leaves and route is not None:
        leaves = route.interface
    local = ((source, back), (destination, route))
    own = frozenset(address for address, found in local if found is not None and found.local)
    return Passing(arrives, leaves, own, tuple(notes))
