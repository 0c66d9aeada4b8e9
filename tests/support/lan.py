"""A bridge with workloads behind its ports, as on a container host, for tests that send frames through our rules.

::

    a 10.66.0.2 ── veth-a ┐
    b 10.66.0.3 ── veth-b │
    c 10.66.0.4 ── veth-c ├─ br0 10.66.0.1 ── node ── eth0 192.0.2.1 ── net 192.0.2.10, behind masquerade
    u 10.66.0.9 ── veth-u │
    lan 10.66.0.50 ─ eth1 ┘  of nobody

IPv6 alike: 2001:db8:66::2 and so on, 2001:db8:c::1, 2001:db8:c::10.
"""

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import pack

from dnsguard.calc.compiled import Compiled
from dnsguard.dataplane.counted import Counted
from dnsguard.dataplane.counters import CounterTable
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Settings
from dnsguard.dataplane.tables import Tables
from dnsguard.netlink.nftables import BRIDGE, IPV4, IPV6
from dnsguard.netlink.socket import FamilySocket, NetfilterSocket
from tests.support.netns import link, namespace
from tests.support.road import Road

PLUGGED = {"a": ("veth-a", 2), "b": ("veth-b", 3), "c": ("veth-c", 4), "u": ("veth-u", 9), "lan": ("eth1", 50)}
BRIDGE_NAME = "br0"
BRIDGE_PORTS = tuple(sorted((port, BRIDGE_NAME) for port, _ in PLUGGED.values()))
EVERYBODY = bytes((0xFF,)) * 6
_ALL_PROTOCOLS = 3
_SHORTEST = 34
_MASQUERADE = """table ip nat {
    chain out {
        type nat hook postrouting priority srcnat
        ip saddr 10.66.0.0/24 oifname eth0 masquerade
    }
}
"""
_ARP, _IPV4, _IPV6, _ICMP6, _UDP = 0x0806, 0x0800, 0x86DD, 58, 17


def address(place: str, version: int = 4) -> str:
    number = PLUGGED[place][1]
    return f"10.66.0.{number}" if version == 4 else f"2001:db8:66::{number}"


@dataclass(slots=True)
class Lan(Road):
    """The namespaces, and the frames sent between them."""

    tables: Tables = field(kw_only=True)
    """Both our tables."""

    counter_table: CounterTable = field(kw_only=True)

    def counters(self) -> dict[str, Counted]:
        return self.counter_table.counters()

    def mac(self, place: str) -> bytes:
        """Of a place's own end; of the bridge where the place is the node."""
        name = BRIDGE_NAME if place == "node" else "eth0"
        (found,) = json.loads(self.places[place].run(f"ip -j link show {name}"))
        return bytes.fromhex(found["address"].replace(":", ""))

    def throw(self, source: str, target: str, frame: bytes) -> str:
        """Send a frame as it is: ``"arrived"``, or the name of the counter that went up when it did not.

        At the node a datagram has arrived when a socket has it: the IP hooks come after what else could be asked.
        """
        with contextlib.ExitStack() as stack:
            kind = int.from_bytes(frame[12:14], "big")
            if target == "node" and kind in (_IPV4, _IPV6):
                at, length = (30, 4) if kind == _IPV4 else (38, 16)
                port = int.from_bytes(frame[at + length + 2 : at + length + 4], "big")
                receiver = self.listen(target, str(ip_address(frame[at : at + length])), port)
                self.drain(receiver)
            else:
                with self.places[target].entered():
                    receiver = stack.enter_context(_sieve(frame, BRIDGE_NAME if target == "node" else "eth0"))
            with self.places[source].entered():
                sender = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
                sender.bind(("eth0", 0))
            before = self.counters()
            sender.send(frame)
            return self.outcome(receiver, before)

    def calls_hooks(self, on: bool) -> None:
        """Whether bridged packets pass the IP hooks, which br_netfilter brings them to."""
        for family in "iptables", "ip6tables":
            self.node.run(f"sysctl -qw net.bridge.bridge-nf-call-{family}=0")
        self.node.run(f"ip link set {BRIDGE_NAME} type bridge nf_call_iptables {int(on)} nf_call_ip6tables {int(on)}")


class _Sieve(socket.socket):
    """Receives one frame, in the middle of others; without its padding where somebody has looked into it."""

    wanted = b""

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        while True:
            received = super().recv(2048, flags)
            if len(received) > _SHORTEST and self.wanted[12:].startswith(received[12:]):
                return received[:size]


def _sieve(frame: bytes, interface: str) -> _Sieve:
    made = _Sieve(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
    made.bind((interface, _ALL_PROTOCOLS))
    made.wanted = frame
    made.setblocking(False)
    return made


def ethernet(destination: bytes, source: bytes, kind: int, payload: bytes) -> bytes:
    return destination + source + pack(">H", kind) + payload.ljust(46, b"\0")


def arp(sender_mac: bytes, sender: str, target: str, *, source: bytes = b"", reply_to: bytes = b"") -> bytes:
    """A request to everybody, or a reply to one; ``source`` is the Ethernet address where it is another."""
    head = pack(">HHBBH", 1, _IPV4, 6, 4, 2 if reply_to else 1)
    body = head + sender_mac + IPv4Address(sender).packed + (reply_to or bytes(6)) + IPv4Address(target).packed
    return ethernet(reply_to or EVERYBODY, source or sender_mac, _ARP, body)


def udp4(
    destination_mac: bytes, source_mac: bytes, source: str, destination: str, port: int = 9, said: bytes = b"lan!"
) -> bytes:
    datagram = pack(">HHHH", 4242, port, 8 + len(said), 0) + said
    header = pack(">BBHHHBBH", 0x45, 0, 20 + len(datagram), 1, 0, 64, _UDP, 0)
    addresses = IPv4Address(source).packed + IPv4Address(destination).packed
    header = header[:10] + pack(">H", _checksum(header + addresses)) + addresses
    return ethernet(destination_mac, source_mac, _IPV4, header + datagram)


def udp6(
    destination_mac: bytes, source_mac: bytes, source: str, destination: str, port: int = 9, said: bytes = b"lan!"
) -> bytes:
    payload = pack(">HHH", 4242, port, 8 + len(said))
    return _ipv6(destination_mac, source_mac, source, destination, _UDP, payload, said, 64)


def discovery(
    source_mac: bytes, kind: int, source: str, destination: str, target: str, hop_limit: int = 255, mac: bytes = b""
) -> bytes:
    """A neighbour solicitation or advertisement, or whatever else has a target there."""
    head = bytes((kind, 0))
    rest = pack(">I", 0x2000_0000 if kind == 136 else 0) + IPv6Address(target).packed
    rest += bytes((2 if kind == 136 else 1, 1)) + (mac or source_mac)
    group = IPv6Address(destination).packed
    destination_mac = b"\x33\x33" + group[12:] if group[0] == 0xFF else EVERYBODY
    return _ipv6(destination_mac, source_mac, source, destination, _ICMP6, head, rest, hop_limit)


def _ipv6(
    destination_mac: bytes, source_mac: bytes, source: str, destination: str, protocol: int, head: bytes, rest: bytes,
    hop_limit: int,
) -> bytes:  # fmt: skip
    addresses = IPv6Address(source).packed + IPv6Address(destination).packed
    length = len(head) + 2 + len(rest)
    summed = _checksum(addresses + pack(">II", length, protocol) + head + b"\0\0" + rest)
    packet = pack(">IHBB", 0x6000_0000, length, protocol, hop_limit) + addresses + head + pack(">H", summed) + rest
    return ethernet(destination_mac, source_mac, _IPV6, packet)


def _checksum(data: bytes) -> int:
    data += b"\0" * (len(data) & 1)
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@contextlib.contextmanager
def lan(settings: Settings) -> Iterator[Lan]:
    """All of it, with nothing in force yet."""
    with contextlib.ExitStack() as stack:
        node, net = stack.enter_context(namespace()), stack.enter_context(namespace())
        places = {"node": node, "net": net}
        for setting in "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1":
            node.run(f"sysctl -qw {setting}")
        node.run(f"ip link add {BRIDGE_NAME} type bridge")
        node.run(f"ip addr add 10.66.0.1/24 dev {BRIDGE_NAME}")
        node.run(f"ip addr add 2001:db8:66::1/64 dev {BRIDGE_NAME} nodad")
        node.run(f"ip link set {BRIDGE_NAME} up")
        for name, (port, _) in PLUGGED.items():
            places[name] = stack.enter_context(namespace())
            link(node, port, places[name], "eth0")
            node.run(f"ip link set {port} master {BRIDGE_NAME}")
            places[name].run(f"ip addr add {address(name)}/24 dev eth0")
            places[name].run(f"ip addr add {address(name, 6)}/64 dev eth0 nodad")
            places[name].run("ip route add default via 10.66.0.1")
            places[name].run("ip -6 route add default via 2001:db8:66::1")
        link(node, "eth0", net, "eth0")
        for place, text in (node, "192.0.2.1/24"), (net, "192.0.2.10/24"):
            place.run(f"ip addr add {text} dev eth0")
        for place, text in (node, "2001:db8:c::1/64"), (net, "2001:db8:c::10/64"):
            place.run(f"ip addr add {text} dev eth0 nodad")
        net.run("ip -6 route add 2001:db8:66::/64 via 2001:db8:c::1")
        node.run("nft -f -", _MASQUERADE)
        with node.entered():
            kernel = stack.enter_context(NetfilterSocket())
            frames = stack.enter_context(FamilySocket(BRIDGE))
            turning = {
                name: stack.enter_context(FamilySocket(number)) for name, number in (("ip", IPV4), ("ip6", IPV6))
            }
        foundation = build_plan(Compiled(), settings)
        table = Driver(kernel, foundation)
        made = Lan(
            node,
            places,
            kernel,
            table,
            tables=Tables(table, frames, foundation, turning),
            counter_table=CounterTable(kernel, settings.table, frames),
        )
        try:
            yield made
        finally:
            made.close()
