"""Host endpoints that are asked for by name: their own policy judges, wherever their interface is now. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dnsguard.calc.compiled import ALL_INTERFACES, Address, Compiled, CompiledEndpoint
from dnsguard.calc.evaluator.hosts import HostEndpoints
from dnsguard.calc.evaluator.node import Node
from dnsguard.controller.explain.flows import Flow
from dnsguard.controller.explain.question import Party, Question


def taken_by_name(
    question: Question, compiled: Compiled, node: Node, flows: Sequence[Flow]
) -> tuple[tuple[Flow, ...], Node, tuple[str, ...]]:
    """The flows by the interfaces of the host endpoints of this node that are named, the node as if it had their
    addresses, and notes where that is not how it is now."""
    source, destination = _host(question.source, node), _host(question.destination, node)
    named = [each for each in (source, destination) if each is not None]
    if not named:
        return tuple(flows), node, ()
    way = _Way(compiled, node, named)
    found = []
    for flow in flows:
        passing = flow.passing
        if source is not None:
            leaves = way.interface(source, flow.source, flow.destination, passing.leaves)
            passing = replace(passing, arrives="", leaves=leaves)
        if destination is not None:
            arrives = way.interface(destination, flow.destination, flow.source, passing.arrives)
            passing = replace(passing, arrives=arrives, leaves="")
        found.append(replace(flow, passing=passing))
    return tuple(found), way.node, tuple(dict.fromkeys(way.notes))


def _host(party: Party, node: Node) -> CompiledEndpoint | None:
    endpoint = party.endpoint if party.by_name else None
    return endpoint if endpoint is not None and not endpoint.is_workload and node.has(endpoint) else None


class _Way:
    """Between named host endpoints and the other ends; gathers notes."""

    def __init__(self, compiled: Compiled, node: Node, named: Sequence[CompiledEndpoint]) -> None:
        self._today = node
        self._hosts = HostEndpoints(compiled.endpoints.values(), node)
        self._workloads = {
            address
            for each in compiled.endpoints.values()
            if each.is_workload and node.has(each)
            for address in each.addresses
        }
        self.node = node
        for endpoint in named:
            self.node = self._with(self.node, endpoint)
        self._own = self.node.addresses.union(*(addresses for _, addresses in self.node.interface_addresses))
        self.notes: list[str] = []

    def interface(self, endpoint: CompiledEndpoint, address: Address, other: Address, today: str) -> str:
        """That by which packets between the address of a host endpoint and another leave or arrive. ``today``: the
        one by the kernel's routes."""
        taken = self._interface(endpoint, address, today)
        self.notes += self._notes(endpoint, address, taken)
        if other in self._workloads or other in self._own:
            return today  # it does not leave the node
        if taken != today and self._has(address):
            by = taken or "its interface"
            self.notes.append(f"taken to pass by {by}, that of host endpoint {endpoint.id}, not by {today or 'none'}")
        return taken

    def _interface(self, endpoint: CompiledEndpoint, address: Address, today: str) -> str:
        """Empty where no interface is the endpoint's: the one that claims the address judges then."""
        if endpoint.interface not in ("", ALL_INTERFACES):
            return endpoint.interface
        own = self._today.interface_with(address)
        return next((each for each in (today, own) if each and self._hosts.at(each) is endpoint), "")

    def _notes(self, endpoint: CompiledEndpoint, address: Address, taken: str) -> Iterator[str]:
        names = [name for name, _ in self._today.interface_addresses]
        if names and taken and taken not in names:
            yield f"interface {taken} of host endpoint {endpoint.id} is not there now, or has no address"
        if not self._has(address):
            yield f"no interface of this node has {address} now: it is judged as if that of {endpoint.id} had"

    def _has(self, address: Address) -> bool:
        """Whether this node has the address; where its addresses are not known, it has all that are claimed."""
        today = self._today
        known = bool(today.interface_addresses or today.addresses)
        return not known or address in today.addresses or bool(today.interface_with(address))

    def _with(self, node: Node, endpoint: CompiledEndpoint) -> Node:
        claimed = frozenset(each for each in endpoint.addresses if not self._has(each) or self._is_idle(each))
        interfaces = tuple(
            (name, tuple(each for each in addresses if each not in claimed))
            for name, addresses in node.interface_addresses
        )
        return replace(node, addresses=node.addresses | claimed, interface_addresses=interfaces)

    def _is_idle(self, address: Address) -> bool:
        """Whether it is on an interface that no host endpoint judges, as that of loopback."""
        interface = self._today.interface_with(address)
        return bool(interface) and self._hosts.at(interface) is None
