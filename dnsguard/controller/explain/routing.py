"""Which interfaces of this node a packet takes: the kernel's routing table knows, so nobody has to guess."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dnsguard.calc.compiled import Address
from dnsguard.netlink.routes import RoutingTable

ROUTING_SECONDS = 1.0
"""How long the kernel may take to say; it answers in less than a millisecond."""

Pair = tuple[Address, Address]
InterfaceOf = Callable[[Address], str]
"""The interface of the workload of this node that has an address, or this node's own that has it; empty where it is
neither's."""


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
    back = table.route(source)
    from_node = back is not None and back.local
    known = "" if from_node else interface_of(source)
    # Which interface a stranger's packets come by is known to them alone; a reply goes back by this one.
    arrives = known or (back.interface if back is not None else "")
    route = table.route(destination, source, arrives)
    expected = interface_of(destination)
    own = frozenset(
        address for address, found in ((source, back), (destination, route)) if found is not None and found.local
    )
    notes = []
    if destination in own and expected and not known and not from_node and expected != arrives:
        notes.append(f"taken to arrive by {expected}, which has {destination}; the way back is by {arrives or 'none'}")
        arrives = expected
    if not arrives and not from_node:
        notes.append(f"this node has no route back to {source}: which interface it arrives by is not known")
    if route is None:
        notes.append(f"this node has no route to {destination}: the packet goes nowhere, whatever policy says")
    elif not route.local and expected and route.interface != expected:
        notes.append(f"this node routes {destination} by {route.interface}, but its endpoint says {expected}")
    leaves = "" if destination in own else expected or (route.interface if route is not None else "")
    return Passing(arrives, leaves, own, tuple(notes))
