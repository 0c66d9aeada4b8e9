"""Workload endpoints behind ports of bridges, as sets. Pure.

At the IP hooks what comes through a port bears the name of the bridge. So there the bridge may send all addresses of
the workloads behind it, and which port sends which is for the table of family ``bridge`` (`bridging`).
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv6Address
from typing import NamedTuple

from dnsguard.calc.compiled import CompiledEndpoint
from dnsguard.calc.evaluator.node import is_one_of
from dnsguard.dataplane.setnames import (
    BRIDGE_SET,
    BRIDGED_MAC_SET,
    BRIDGED_TARGET_SET,
    CLOSED_PORT_SET,
    MAC_PORT_SET,
    MAC_SET,
    MANAGED_BRIDGE_SET,
    OTHER_PORT_SET,
    PORT_SET,
    PORT_TARGET_SET,
    bridged_set,
    port_source_set,
    source_set,
)
from dnsguard.dataplane.sets import HashSet, KeyType, interface_key

_NO_MARKS = {ord(mark): None for mark in ":-."}

BridgePorts = tuple[tuple[str, str], ...]
"""Port and bridge of everything that is plugged into a bridge of the node."""

PORT_SETS = {
    PORT_SET: KeyType.INTERFACE,
    MAC_PORT_SET: KeyType.INTERFACE,
    MAC_SET: KeyType.INTERFACE_ETHER,
    BRIDGED_MAC_SET: KeyType.ETHER,
    port_source_set(4): KeyType.INTERFACE_IPV4,
    port_source_set(6): KeyType.INTERFACE_IPV6,
    PORT_TARGET_SET: KeyType.INTERFACE_TARGET,
    bridged_set(4): KeyType.IPV4,
    bridged_set(6): KeyType.IPV6,
    BRIDGED_TARGET_SET: KeyType.TARGET,
}
"""Those of the table of family ``bridge`` that follow endpoints."""


def port_keys(endpoint: CompiledEndpoint, bridge: str) -> Iterator[tuple[str, list[bytes]]]:
    """The sets that say what may come from an endpoint's port, and its keys there."""
    port, own_bridge, mac = interface_key(endpoint.interface), interface_key(bridge), _ethernet(endpoint.mac)
    yield BRIDGE_SET, [own_bridge]
    yield PORT_SET, [port]
    for family in 4, 6:
        packed = [address.packed for address in endpoint.addresses if address.version == family]
        yield source_set(family), [own_bridge + address for address in packed]
        yield bridged_set(family), packed
        if family == 6:
            yield BRIDGED_TARGET_SET, packed
            packed = [*packed, _link_local(mac)] if mac else packed
            yield PORT_TARGET_SET, [port + address for address in packed]
        yield port_source_set(family), [port + address for address in packed]
    if mac:
        yield MAC_PORT_SET, [port]
        yield MAC_SET, [port + mac.ljust(8, b"\0")]
        yield BRIDGED_MAC_SET, [mac]


def _ethernet(text: str) -> bytes:
    """A MAC address as bytes; none where it is not one of Ethernet."""
    packed = bytes.fromhex(text.translate(_NO_MARKS))
    return packed if len(packed) == 6 else b""


def _link_local(mac: bytes) -> bytes:
    """The address that an interface gives itself (RFC 4291, appendix A)."""
    identifier = bytes((mac[0] ^ 2,)) + mac[1:3] + b"\xff\xfe" + mac[3:]
    return IPv6Address(b"\xfe\x80".ljust(8, b"\0") + identifier).packed


class Plugged(NamedTuple):
    """What is plugged into bridges with workloads, besides workloads."""

    bridges: HashSet
    managed: HashSet
    closed: HashSet
    others: HashSet


class Plugging:
    """Follows what is plugged into which bridge."""

    def __init__(self) -> None:
        self.ports: BridgePorts = ()
        self._listed = self._managed = tuple[str, ...]()
        self._owned = self._owners = frozenset[bytes]()
        self._made: Plugged | None = None

    def follow(self, ports: BridgePorts, listed: tuple[str, ...], managed: tuple[str, ...]) -> None:
        """``listed``: the names of what is for workloads, a trailing ``*`` is a wildcard; ``managed``: bridges of which
        every port is."""
        if (ports, listed, managed) != (self.ports, self._listed, self._managed):
            self.ports, self._listed, self._managed, self._made = ports, listed, managed, None

    def sets(self, owned: HashSet, owners: HashSet) -> Plugged:
        """``owned``: ports with an endpoint; ``owners``: their bridges. The same objects as long as nothing changes."""
        if self._made is None or owned.keys is not self._owned or owners.keys is not self._owners:
            self._owned, self._owners = owned.keys, owners.keys
            self._made = self._renewed()
        return self._made

    def _renewed(self) -> Plugged:
        listed = *self._listed, *self._managed
        managed = frozenset(map(interface_key, self._managed))
        for_workloads = {port for port, bridge in self.ports if is_one_of(bridge, listed) or is_one_of(port, listed)}
        bridges = {interface_key(bridge) for port, bridge in self.ports if port in for_workloads}
        bridges |= managed | self._owners
        nobodys = [(port, bridge) for port, bridge in self.ports if interface_key(port) not in self._owned]
        closed = [port for port, _ in nobodys if port in for_workloads]
        others = [port for port, bridge in nobodys if port not in for_workloads and interface_key(bridge) in bridges]
        return Plugged(
            HashSet(BRIDGE_SET, KeyType.INTERFACE, frozenset(bridges)),
            HashSet(MANAGED_BRIDGE_SET, KeyType.INTERFACE, managed),
            _interfaces(CLOSED_PORT_SET, closed),
            _interfaces(OTHER_PORT_SET, others),
        )


def _interfaces(name: str, names: Sequence[str]) -> HashSet:
    return HashSet(name, KeyType.INTERFACE, frozenset(map(interface_key, names)))
