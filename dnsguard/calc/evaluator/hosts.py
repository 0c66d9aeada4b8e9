"""Which host endpoint an interface of the node has."""

from collections.abc import Iterable

from dnsguard.calc.compiled import ALL_INTERFACES, Address, CompiledEndpoint
from dnsguard.calc.evaluator.node import Node, is_of_host


class HostEndpoints:
    """The host endpoints of one node, by interface. Of several for one interface the first by name has it."""

    def __init__(self, endpoints: Iterable[CompiledEndpoint], node: Node) -> None:
        self._node = node
        self.all = sorted((each for each in endpoints if not each.is_workload and node.has(each)), key=lambda e: e.id)
        self._every: CompiledEndpoint | None = None
        self._named: dict[str, CompiledEndpoint] = {}
        for endpoint in self.all:
            if endpoint.interface == ALL_INTERFACES:
                self._every = self._every or endpoint
            for interface in self._interfaces(endpoint):
                self._named.setdefault(interface, endpoint)

    @property
    def differ(self) -> bool:
        """Whether it takes the interface to tell which one judges."""
        return bool(self._named) or any(not each.interface for each in self.all)

    def at(self, interface: str) -> CompiledEndpoint | None:
        """The endpoint of an interface; empty stands for one that has no endpoint of its own."""
        return self._named.get(interface, self._every)

    def of_address(self, address: Address) -> CompiledEndpoint | None:
        """The endpoint of the interface that has this address of the node; where that is not known, the one that
        claims the address."""
        interface = self._node.interface_with(address)
        claiming = next((each for each in self.all if address in each.addresses), None)
        return self.at(interface) if interface else claiming

    def _interfaces(self, endpoint: CompiledEndpoint) -> list[str]:
        if endpoint.interface:
            found = [endpoint.interface] if endpoint.interface != ALL_INTERFACES else []
        else:
            wanted = set(endpoint.addresses)
            found = [name for name, addresses in self._node.interface_addresses if wanted.intersection(addresses)]
        return [name for name in found if is_of_host(name, self._node.workload_interfaces)]
