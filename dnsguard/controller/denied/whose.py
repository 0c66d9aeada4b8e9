"""Whose packet it is, by its addresses and the interfaces that it takes. Pure."""

from collections.abc import Iterable, Iterator

from dnsguard.calc.compiled import ALL_INTERFACES, Compiled, CompiledEndpoint, Direction
from dnsguard.calc.evaluator.trace import Decider
from dnsguard.dataplane.rulenames import RuleNamed
from dnsguard.netlink.headers import Headers
from dnsguard.observe.packetrecord import Party
from dnsguard.span import exchanged

_Place = bytes | str
"""A packed address, or an interface."""


class Whose:
    """The endpoints in force. `follow` them, then ask."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._compiled = Compiled()
        self._endpoints: tuple[CompiledEndpoint, ...] = ()
        self._workloads: dict[_Place, list[CompiledEndpoint]] = {}
        self._hosts: dict[_Place, list[CompiledEndpoint]] = {}

    def follow(self, compiled: Compiled) -> None:
        """The endpoints are these from now on; those that are the same objects as before are not looked at."""
        if compiled is self._compiled:
            return
        self._compiled = compiled
        endpoints = tuple(compiled.endpoints.values())
        gone, came = exchanged(self._endpoints, endpoints)
        self._endpoints = endpoints
        for endpoint in gone:
            for places, place in self._places(endpoint):
                places[place].remove(endpoint)
                if not places[place]:
                    del places[place]
        for endpoint in came:
            for places, place in self._places(endpoint):
                places.setdefault(place, []).append(endpoint)

    def party(self, rule: RuleNamed | None, packet: Headers, interface_in: str, interface_out: str) -> Party:
        """Who it is about, where ``rule`` decided; None where nobody knows what that is."""
        if rule is not None and rule.decider is Decider.SPOOFED:
            # Its source is a lie, so the interface alone tells.
            endpoint = self._behind(interface_in)
            return Party(endpoint, Direction.EGRESS if endpoint else "", self._peer(packet.destination))
        direction = None if rule is None else rule.direction
        egress = self._local(packet.source, interface_in) or self._host(packet.source, interface_out)
        ingress = self._local(packet.destination, interface_out) or self._host(packet.destination, interface_in)
        if direction is None:
            direction = Direction.EGRESS if egress or not ingress else Direction.INGRESS
            if not egress and not ingress:
                return Party()
        if direction is Direction.EGRESS:
            return Party(egress, direction, self._peer(packet.destination))
        return Party(ingress, direction, self._peer(packet.source))

    def _places(self, endpoint: CompiledEndpoint) -> Iterator[tuple[dict[_Place, list[CompiledEndpoint]], _Place]]:
        local = endpoint.is_on(self._node)
        places = self._workloads if endpoint.is_workload else self._hosts
        if endpoint.is_workload or local:
            for address in dict.fromkeys(endpoint.addresses):
                yield places, address.packed
        if endpoint.interface and local:
            yield places, endpoint.interface

    def _local(self, address: bytes, interface: str) -> str:
        found = (each for each in self._workloads.get(address, ()) if each.is_on(self._node))
        return _first(found) or self._behind(interface)

    def _behind(self, interface: str) -> str:
        """The workload whose interface it is; nobody where several share it, as a bridge."""
        found = self._workloads.get(interface, ())
        return _first(found) if len(found) == 1 else ""

    def _host(self, address: bytes, interface: str) -> str:
        """Of an interface that no workload is behind. One that an endpoint names goes before one that all share."""
        if interface in self._workloads:
            return ""
        return _name(self._hosts, interface) or _name(self._hosts, address) or _name(self._hosts, ALL_INTERFACES)

    def _peer(self, address: bytes) -> str:
        return _name(self._workloads, address) or _name(self._hosts, address)


def _name(places: dict[_Place, list[CompiledEndpoint]], place: _Place) -> str:
    return _first(places.get(place, ()))


def _first(endpoints: Iterable[CompiledEndpoint]) -> str:
    """Of two with one address the first by name has it, as in the kernel."""
    found = min((endpoint.id for endpoint in endpoints), default=None)
    return "" if found is None else str(found)
