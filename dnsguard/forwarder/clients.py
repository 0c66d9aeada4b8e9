"""Which clients are served at all, and in whose name their look-ups count.

One rule, in this order; nobody else is served:

====================================  ==========================  ====================================
client                                served                      leases
====================================  ==========================  ====================================
the node: loopback, own addresses     always                      node-wide
a shared resolver of the settings     when there is a policy      node-wide
an address of a known endpoint        as its policy has it        the endpoint's; ``Node``: node-wide
another address in a workload CIDR    never: unknown is closed    –
an address in ``served_clients``      when there is a policy      its own; ``Node``: node-wide, too
any other                             never: no open resolver     –
====================================  ==========================  ====================================
"""

from collections.abc import Collection, Iterable
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_address

Network = IPv4Network | IPv6Network

_REMEMBERED = 65_536
"""Strangers whose place in the rule is kept; then all are forgotten at once, which costs a few microseconds each."""


class Standing(Enum):
    """What a client that is no known endpoint is to us."""

    NODE = "node"
    SHARED = "shared resolver"
    SERVED = "served client"
    UNKNOWN_WORKLOAD = "unknown workload"
    STRANGER = "stranger"


class Clients:
    """The rule's part that does not depend on policy."""

    def __init__(
        self, shared_resolvers: Iterable[bytes], workload_cidrs: Iterable[Network], served: Iterable[Network]
    ) -> None:
        self._shared = frozenset(shared_resolvers)
        self._workloads = tuple(workload_cidrs)
        self._served = tuple(served)
        self._own: frozenset[bytes] = frozenset()
        self._known: dict[bytes, Standing] = {}

    @property
    def own(self) -> frozenset[bytes]:
        """The node's own addresses, packed."""
        return self._own

    def set_own(self, addresses: Collection[bytes]) -> bool:
        """Take over the node's addresses; whether they are others than before."""
        own = frozenset(addresses)
        if own == self._own:
            return False
        self._own = own
        self._known.clear()
        return True

    def standing(self, address: bytes) -> Standing:
        """Where a packed client address stands."""
        found = self._known.get(address)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[address] = self._decide(address)
        return found

    def _decide(self, address: bytes) -> Standing:
        parsed = ip_address(address)
        if address in self._own or parsed.is_loopback:
            return Standing.NODE
        if address in self._shared:
            return Standing.SHARED
        if any(parsed in network for network in self._workloads):
            return Standing.UNKNOWN_WORKLOAD
        if any(parsed in network for network in self._served):
            return Standing.SERVED
        return Standing.STRANGER
