"""Random packets of every way through the node, each with what connection tracking will make of it."""

from dataclasses import replace
from ipaddress import ip_address
from random import Random

from dnsguard.calc.compiled import Address
from dnsguard.calc.evaluator.packet import ICMP, ICMPV6, IPIP, SCTP, TCP, UDP, Packet, PacketState
from tests.worlds.dice import PORTS, Dice
from tests.worlds.scene import ADDRESSES, BEHIND, OUTSIDE, OWN, ROUTES, SERVICE, WORKLOADS, addresses_of, link_local
from tests.worlds.shot import ACK, RST, SYN, Shot

_ANY_PORT = (*PORTS, *PORTS, 22, 67, 68, 179, 8500, 5353)
_SOURCE_PORT = (40001, 40001, 53, 80, 443, 60000, 1000)
_NEW_TYPES = {ICMP: (8, 13), ICMPV6: (128, 139)}
_STRAY_TYPES = {ICMP: (0, 3, 11), ICMPV6: (129, 1, 3)}
_WAYS = {
    "in": 10, "out": 12, "between": 12, "to node": 10, "from node": 9, "own to node": 6, "query": 3, "node to own": 2,
    "through": 11, "stranger": 3, "spoofed": 2, "borrowed": 2, "wrapped": 3, "discovery": 2, "group": 1, "self": 1,
}  # fmt: skip


class Packets:
    """Draws packets."""

    def __init__(self, seed: int) -> None:
        self._dice = Dice(Random(f"packets {seed}"))

    def draw(self, count: int, first: int = 1) -> list[Shot]:
        """So many, numbered from the first on."""
        return [replace(self._shot(), number=first + each) for each in range(count)]

    def _shot(self) -> Shot:
        dice = self._dice
        (way,) = dice.random.choices(list(_WAYS), list(_WAYS.values()))
        version = dice.one((4, 4, 6))
        mine, other = (f"cali-{name}" for name in dice.random.sample(WORKLOADS, 2))
        near, far = dice.random.sample(OUTSIDE, 2)
        outside = dice.one(self._strangers(near, version))
        match way:
            case "in":
                return self._between(outside, self._behind(mine, version), near, way)
            case "out":
                return self._between(self._behind(mine, version), outside, mine, way)
            case "between":
                return self._between(self._behind(mine, version), self._behind(other, version), mine, way)
            case "to node":
                return self._between(outside, self._own(near, version), near, way)
            case "from node":
                return self._between(self._own(near, version), outside, "", way)
            case "own to node":
                return self._between(self._behind(mine, version), self._own(near, version), mine, way)
            case "query":
                server = dice.one([*map(ip_address, SERVICE), ip_address(OWN["eth0"][0])])
                asked = Packet(self._behind(mine, server.version), server, dice.one((UDP, TCP)), 40001, 53)
                return Shot(0, asked, mine, note=way)
            case "node to own":
                return self._between(self._own(near, version), self._behind(mine, version), "", way)
            case "through":
                return self._between(outside, dice.one(self._strangers(far, version)), near, way)
            case "stranger":
                nobody = ip_address(ADDRESSES[dice.one(("stranger", "r"))][version == 6])
                if dice.often(0.5):
                    return self._between(nobody, self._behind(mine, version), "eth1", way)
                return self._between(self._behind(mine, version), nobody, mine, way)
            case "spoofed":
                pretended = dice.one([self._behind(other, version), outside])
                target = dice.one([self._own(near, version), dice.one(self._strangers(far, version))])
                return self._between(pretended, target, mine, way)
            case "wrapped":
                target = dice.one([self._own(near, version), outside, self._behind(other, version)])
                return self._wrapped(self._between(self._behind(mine, version), target, mine, way))
            case "borrowed":  # a workload's address, from outside
                target = dice.one([self._own(near, version), self._behind(other, version)])
                return self._between(self._behind(mine, version), target, near, way)
            case "discovery":
                return self._discovery(dice.one((*BEHIND,)))
            case "group":
                interface = dice.one((mine, near))
                source, group = dice.one((("0.0.0.0", "255.255.255.255"), (BEHIND[interface][0], "224.0.0.1")))
                return Shot(0, Packet(ip_address(source), ip_address(group), UDP, 68, 67), interface, note=way)
            case _:
                return self._between(self._own(near, version), self._own(far, version), "", way)

    def _own(self, interface: str, version: int) -> Address:
        texts = SERVICE if self._dice.often(0.2) else OWN[interface]
        return next(address for address in map(ip_address, texts) if address.version == version)

    def _behind(self, interface: str, version: int) -> Address:
        return self._dice.one(addresses_of(interface, version))

    def _strangers(self, interface: str, version: int) -> list[Address]:
        """Who is out there and is no workload."""
        return addresses_of(interface, version)[:2]

    def _between(self, source: Address, destination: Address, arrives: str, note: str) -> Shot:
        dice = self._dice
        protocol = dice.one((*[TCP] * 7, *[UDP] * 6, SCTP, SCTP, 136, ICMP, ICMP, ICMPV6, ICMPV6, 89, 99))
        if protocol in (ICMP, ICMPV6) and dice.often(0.9):
            protocol = ICMP if source.version == 4 else ICMPV6
        packet = Packet(source, destination, protocol)
        flags = SYN
        if protocol in (TCP, UDP, SCTP, 136):
            packet = replace(packet, source_port=dice.one(_SOURCE_PORT), destination_port=dice.one(_ANY_PORT))
        if protocol in (ICMP, ICMPV6):
            stray = dice.often(0.1)
            foreign = not packet.is_icmp  # connection tracking makes nothing of the other family's
            kind = dice.one((_STRAY_TYPES if stray else _NEW_TYPES)[protocol])
            state = PacketState.INVALID if stray or foreign else PacketState.NEW
            packet = replace(packet, icmp_type=kind, icmp_code=dice.one((0, 0, 1)), state=state)
        if protocol == TCP and dice.often(0.15):
            flags = dice.one((RST, SYN | ACK, ACK))
            if flags != ACK:  # a connection may be picked up in its middle
                packet = replace(packet, state=PacketState.INVALID)
        return Shot(0, packet, arrives, ROUTES.get(destination, ""), flags=flags, note=note)

    def _wrapped(self, shot: Shot) -> Shot:
        """The same way as VXLAN, as IP in IP, or nearly so."""
        protocol, port = self._dice.one(((UDP, 4789), (UDP, 4789), (IPIP, None), (IPIP, None), (UDP, 4790), (41, None)))
        source = None if port is None else 40001
        packet = Packet(shot.packet.source, shot.packet.destination, protocol, source, port)
        return replace(shot, packet=packet, flags=SYN)

    def _discovery(self, interface: str) -> Shot:
        dice = self._dice
        number = list(BEHIND).index(interface)
        kinds = ((135, f"ff02::1:ff00:1{number:02x}", 255), (133, "ff02::2", 255), (136, "ff02::1", 255),
                 (134, "ff02::1", 255), (143, "ff02::2", 1), (128, "ff02::1", 255), (135, "ff02::2", 64))  # fmt: skip
        kind, group, hops = dice.one(kinds)
        source = addresses_of(interface, 6)[0] if dice.often(0.2) else link_local(number)
        packet = Packet(source, ip_address(group), ICMPV6, icmp_type=kind, icmp_code=0, hop_limit=hops)
        return Shot(0, packet, interface, note="discovery")
