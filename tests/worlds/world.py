"""One random world: what policy there is, how the node is set, what DNS taught. All of it follows from one number."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from random import Random

from dnsguard.calc.compiled import Address, Compiled
from dnsguard.calc.evaluator.failsafe import DEFAULT_FAILSAFE, FailsafePort, FailsafePorts
from dnsguard.calc.evaluator.node import HostAction, Listen, Node
from dnsguard.calc.evaluator.packet import TCP, UDP
from dnsguard.dataplane.settings import DeniedLog, DenyAction, Interception, Settings
from dnsguard.locations import INTERCEPT_PORT
from dnsguard.resources import Resource, parse_object
from tests.worlds.dice import DOMAINS, Dice, Manifest
from tests.worlds.making import Maker
from tests.worlds.scene import ADDRESSES, INTERFACE_ADDRESSES, NODE_ADDRESSES, NODE_NAME, OWN, ROUTES, SERVICE


@dataclass(frozen=True, slots=True)
class World:
    """Everything that decides about packets."""

    seed: int
    manifests: tuple[Manifest, ...]
    node: Node
    deny: DenyAction
    leases: frozenset[tuple[str, Address, Address]]
    """(domain pattern, client, address): what the client was told by a name that the pattern matches."""

    @property
    def settings(self) -> Settings:
        node = self.node
        return Settings(
            node=node.name,
            workload_interfaces=node.workload_interfaces,
            workload_cidrs=node.workload_cidrs,
            interface_addresses=node.interface_addresses,
            listen=node.listen,
            interception=Interception(INTERCEPT_PORT, trusted=tuple(sorted(node.trusted_servers, key=_versioned)))
            if node.intercepts_dns
            else None,
            endpoint_to_host=node.endpoint_to_host,
            allow_vxlan=node.allow_vxlan,
            allow_ipip=node.allow_ipip,
            deny=self.deny,
            denied_log=DeniedLog(),
            failsafe=node.failsafe,
        )

    def resources(self) -> list[Resource]:
        return [parse_object(manifest) for manifest in self.manifests]

    def leased(self, compiled: Compiled) -> frozenset[tuple[str, Address, Address]]:
        """(lease set, client, address) as the forwarder would have them."""
        sets = {name: {each.canonical for each in found.patterns} for name, found in compiled.lease_sets.items()}
        return frozenset(
            (name, client, address)
            for pattern, client, address in self.leases
            for name, patterns in sets.items()
            if pattern in patterns
        )

    def without(self, number: int) -> "World":
        """The same without one of its objects."""
        return replace(self, manifests=(*self.manifests[:number], *self.manifests[number + 1 :]))


def world_of(seed: int) -> World:
    """The world of a number."""
    dice = Dice(Random(seed))
    manifests = tuple(Maker(dice).manifests())
    world = World(seed, manifests, _node(dice), _deny(dice), frozenset(_leases(dice)))
    # Drawn apart, so that a number of before interception stands for what it stood for.
    return _intercepting(world) if Random(~seed).random() < 0.4 else world


def _intercepting(world: World) -> World:
    """The same where DNS for other servers is intercepted; one workload is a server that is trusted."""
    trusted = frozenset(map(ip_address, ADDRESSES["d"])) if world.seed % 2 else frozenset()
    return replace(world, node=replace(world.node, intercepts_dns=True, trusted_servers=trusted))


def _versioned(address: Address) -> tuple[int, bytes]:
    return address.version, address.packed


def _deny(dice: Dice) -> DenyAction:
    return DenyAction.REJECT if dice.often(0.15) else DenyAction.DROP


def _node(dice: Dice) -> Node:
    listen = tuple(Listen(ip_address(text)) for text in SERVICE) if dice.often(0.7) else ()
    return Node(
        name=NODE_NAME,
        addresses=NODE_ADDRESSES,
        interface_addresses=INTERFACE_ADDRESSES,
        workload_cidrs=(ip_network("10.65.0.0/16"), ip_network("2001:db8:65::/48")) if dice.often(0.5) else (),
        listen=(Listen(ip_address("0.0.0.0")), Listen(ip_address("::"))) if dice.often(0.1) else listen,
        endpoint_to_host=dice.one((HostAction.DROP, HostAction.ACCEPT, HostAction.ACCEPT, HostAction.RETURN)),
        allow_vxlan=dice.often(0.3),
        allow_ipip=dice.often(0.3),
        failsafe=dice.one((DEFAULT_FAILSAFE, FailsafePorts((), ()), _NARROW, _NARROW)),
    )


_NARROW = FailsafePorts(
    inbound=(FailsafePort(TCP, 80), FailsafePort(UDP, 53, ip_network("192.0.2.10/31"))),
    outbound=(FailsafePort(UDP, 53), FailsafePort(TCP, 443, ip_network("2001:db8:c0::/48"))),
)


def _leases(dice: Dice) -> Iterator[tuple[str, Address, Address]]:
    clients = [ip_address(text) for texts in (*ADDRESSES.values(), *OWN.values()) for text in texts]
    for pattern in DOMAINS:
        for client in clients:
            for address in ROUTES:
                if address.version == client.version and dice.often(0.35):
                    yield pattern, client, address
