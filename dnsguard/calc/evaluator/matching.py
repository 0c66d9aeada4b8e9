"""Does a rule match a packet, and if not, which condition says so."""

from collections.abc import Callable, Collection, Iterator

from dnsguard.calc.compiled import Address, Compiled, CompiledRule, EntityMatch, IcmpMatch
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.calc.networks import contains
from dnsguard.resources.ports import PROTOCOL_NUMBERS, WITH_PORTS

LeaseLookup = Callable[[str, Address, Address], bool]
"""`leased(lease_set, client, address)`: whether the set holds a lease for the client to reach the address."""


def nothing_leased(_lease_set: str, _client: Address, _address: Address) -> bool:
    """The lookup of a node where DNS taught nothing yet."""
    return False


def why_not(rule: CompiledRule, packet: Packet, compiled: Compiled, leased: LeaseLookup) -> str:
    """The first condition of the rule that the packet does not meet, in words; empty where it meets all of them."""
    return next(_unmet(rule, packet, compiled, leased), "")


def _unmet(rule: CompiledRule, packet: Packet, compiled: Compiled, leased: LeaseLookup) -> Iterator[str]:
    if rule.ip_version not in (None, packet.ip_version):
        yield f"the rule is for IPv{rule.ip_version}"
    if rule.protocol not in (None, packet.protocol):
        yield f"the protocol is {_protocol_text(packet.protocol)}, not {_protocol_text(rule.protocol)}"
    if rule.not_protocol == packet.protocol:
        yield f"protocol {_protocol_text(packet.protocol)} is excluded"
    if rule.icmp is not None and not (packet.is_icmp and _is_icmp(rule.icmp, packet)):
        yield f"it is no ICMP packet of {_icmp_text(rule.icmp)}"
    if rule.not_icmp is not None and not (packet.is_icmp and not _is_icmp(rule.not_icmp, packet)):
        yield f"it is no ICMP packet of another kind than {_icmp_text(rule.not_icmp)}"
    match = _EntityTest(packet, compiled, leased)
    yield from match.unmet("source", rule.source, packet.source, packet.source_port)
    yield from match.unmet("destination", rule.destination, packet.destination, packet.destination_port)


class _EntityTest:
    """The conditions on one end, for one packet."""

    def __init__(self, packet: Packet, compiled: Compiled, leased: LeaseLookup) -> None:
        self._packet = packet
        self._compiled = compiled
        self._leased = leased

    def unmet(self, end: str, entity: EntityMatch, address: Address, port: int | None) -> Iterator[str]:
        if entity.nets is not None and not any(address in net for net in entity.nets):
            yield f"{end} {address} is in none of {_listed(entity.nets)}"
        if excluding := [net for net in entity.not_nets if address in net]:
            yield f"{end} {address} is in notNets {_listed(excluding)}"
        if entity.not_members is not None and self._is_member(entity.not_members, address):
            yield f"{end} {address} belongs to {self._compiled.member_sets[entity.not_members].description}"
        if not self._is_named(entity.named_ports, address, port):
            yield from self._unmet_by_number(end, entity, address, port)
        if port is not None and any(port in ports for ports in entity.not_ports):
            yield f"{end} port {port} is in notPorts"
        if self._is_named(entity.not_named_ports, address, port):
            yield f"{end} port {port} is one that notPorts names"

    def _unmet_by_number(self, end: str, entity: EntityMatch, address: Address, port: int | None) -> Iterator[str]:
        """The conditions that a named port would have answered all at once."""
        selected = entity.members is not None or entity.leases is not None
        if selected and not self._is_member(entity.members, address) and not self._is_leased(entity.leases, address):
            yield f"{end} {address} {self._not_selected_text(entity)}"
        if entity.ports is not None and not (port is not None and any(port in ports for ports in entity.ports)):
            yield self._port_text(end, port, "none of", _listed(entity.ports))
        elif entity.ports is None and entity.named_ports is not None:
            yield self._port_text(end, port, "no", self._compiled.port_sets[entity.named_ports].description)

    def _is_member(self, name: str | None, address: Address) -> bool:
        return name is not None and contains(self._compiled.member_sets[name].networks, address)

    def _is_leased(self, name: str | None, address: Address) -> bool:
        return name is not None and self._leased(name, self._packet.source, address)

    def _is_named(self, name: str | None, address: Address, port: int | None) -> bool:
        if name is None or port is None:
            return False
        return (address, self._packet.protocol, port) in self._compiled.port_sets[name].members

    def _port_text(self, end: str, port: int | None, is_no: str, wanted: str) -> str:
        protocol = self._packet.protocol
        if port is None and protocol not in WITH_PORTS:
            return f"{_protocol_text(protocol)} has no ports, and the rule asks for {end} port {wanted}"
        return f"{end} port {'unknown' if port is None else port} is {is_no} {wanted}"

    def _not_selected_text(self, entity: EntityMatch) -> str:
        parts = []
        if entity.members is not None:
            parts.append(f"belongs to nothing that matches {self._compiled.member_sets[entity.members].description}")
        if entity.leases is not None:
            domains = sorted(pattern.canonical for pattern in self._compiled.lease_sets[entity.leases].patterns)
            parts.append(f"was not learned for {self._packet.source} from a name of {_listed(domains)}")
        return " and ".join(parts)


def _is_icmp(wanted: IcmpMatch, packet: Packet) -> bool:
    return wanted.type in (None, packet.icmp_type) and wanted.code in (None, packet.icmp_code)


def _icmp_text(icmp: IcmpMatch) -> str:
    return f"type {icmp.type}" if icmp.code is None else f"type {icmp.type} code {icmp.code}"


def _listed(items: Collection[object], most: int = 5) -> str:
    """The items for a person; a long list is cut, an empty one says so."""
    shown = ", ".join(str(item) for item, _ in zip(items, range(most), strict=False))
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return f"[{shown}{more}]" if items else "an empty list"


def _protocol_text(protocol: int | None) -> str:
    return next((name for name, number in PROTOCOL_NUMBERS.items() if number == protocol), str(protocol))
