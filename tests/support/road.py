"""A node with workloads behind it and a network before it, for tests that send packets through our rules.

::

    a 10.65.0.2 ── cali-a ┐
    b 10.65.0.3 ── cali-b ├─ node ── eth0 ── net  192.0.2.10, 198.51.100.10, 2001:db8:c::10, 2001:db8:d::10
    u 10.65.0.9 ── cali-u ┘                       node's own: 10.65.0.1, 192.0.2.1 and 2001:db8:65::1, 2001:db8:c::1

What became of a packet is read from the counters, so a packet that is denied needs no waiting.
"""

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from dnsguard.calc.compiled import Compiled
from dnsguard.dataplane.counted import Counted
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Settings
from dnsguard.netlink.socket import NetfilterSocket
from tests.support.netns import Namespace, link, namespace

WORKLOADS = {"a": 2, "b": 3, "u": 9}
PATIENCE_SECONDS = 30.0


class Receiver(Protocol):
    """A socket that does not block."""

    def recv(self, size: int, /) -> bytes: ...


@dataclass(slots=True)
class Road:
    """The namespaces, and the packets sent through them."""

    node: Namespace
    places: Mapping[str, Namespace]
    kernel: NetfilterSocket
    """Where the node's tables are."""

    driver: Driver
    """Of our table, which is not there before somebody applies a plan."""

    _listening: dict[tuple[str, str, int], socket.socket] = field(default_factory=dict)

    def send(self, source: str, target: str, address: str, port: int, bind: str = "") -> str:
        """Send one UDP datagram from place to place: ``"arrived"``, or the name of the counter that went up when it
        did not. ``bind`` is the source address, where the place has several."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        receiver = self.listen(target, address, port)
        self.drain(receiver)
        before = self.counters()
        with self.places[source].entered(), socket.socket(family, socket.SOCK_DGRAM) as sender:
            if bind:
                sender.bind((bind, 0))
            with contextlib.suppress(PermissionError):  # that is how the sender learns of a drop in its own output
                sender.sendto(b"?", (address, port))
            return self.outcome(receiver, before)

    def drain(self, receiver: socket.socket) -> None:
        """Forget what came by other ways than the one that is looked at."""
        with contextlib.suppress(BlockingIOError):
            while True:
                receiver.recv(1)

    def pass_on(
        self,
        sender: socket.socket,
        receiver: socket.socket,
        to: tuple[str | int, ...],
        said: bytes = b"!",
        counts: Callable[[str], bool] = lambda _: True,
    ) -> str:
        """What becomes of one more datagram between two sockets; as `send` says it. ``counts``: the counters that may
        be its, where other packets are on their way."""
        before = self.counters()
        with contextlib.suppress(PermissionError):  # that is how the sender learns of a drop in its own output
            sender.sendto(said, to)
        return self.outcome(receiver, before, counts)

    def hardware(self, place: str) -> str:
        """The Ethernet address of the node's end towards a place."""
        interface = "eth0" if place == "net" else f"cali-{place}"
        (link,) = json.loads(self.node.run(f"ip -j link show {interface}"))
        return str(link["address"])

    def listen(self, place: str, address: str, port: int) -> socket.socket:
        key = place, address, port
        if key not in self._listening:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with self.places[place].entered():
                self._listening[key] = socket.socket(family, socket.SOCK_DGRAM)
                self._listening[key].bind((address, port))
                self._listening[key].setblocking(False)
        return self._listening[key]

    def counters(self) -> dict[str, Counted]:
        """What all named counters say."""
        return self.driver.counters()

    def counted(self, before: Mapping[str, Counted]) -> list[str]:
        """Counters that went up since."""
        return [name for name, count in self.counters().items() if count.packets > _packets(before, name)]

    def close(self) -> None:
        for listening in self._listening.values():
            listening.close()

    def outcome(
        self, receiver: Receiver, before: Mapping[str, Counted], counts: Callable[[str], bool] = lambda _: True
    ) -> str:
        """``"arrived"``, or which counter that drops went up since."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:
            with contextlib.suppress(BlockingIOError):
                receiver.recv(1)
                return "arrived"
            dropped = [name for name in self.counted(before) if counts(name) and self._drops(name)]
            if dropped:
                return dropped[0]
        return "lost without a counter"

    def _drops(self, name: str) -> bool:
        """Whether the counter stands in a rule that ends in drop."""
        rules = [line for line in self.node.run("nft list ruleset").splitlines() if f'"{name}" ' in line]
        ends = "drop", "reject", "goto denied-"
        return any(f'"{name}" {end}' in line for line in rules for end in ends)


def _packets(counters: Mapping[str, Counted], name: str) -> int:
    return counters[name].packets if name in counters else 0


@contextlib.contextmanager
def road(settings: Settings) -> Iterator[Road]:
    """All of it, with nothing in force yet."""
    with contextlib.ExitStack() as stack:
        node, net = stack.enter_context(namespace()), stack.enter_context(namespace())
        places = {"node": node, "net": net}
        for setting in "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1":
            node.run(f"sysctl -qw {setting}")
        node.run("ip addr add 10.65.0.1/32 dev lo")
        node.run("ip addr add 2001:db8:65::1/128 dev lo nodad")
        for name, number in WORKLOADS.items():
            places[name] = stack.enter_context(namespace())
            link(node, f"cali-{name}", places[name], "eth0")
            _join(node, f"cali-{name}", places[name], "eth0", f"10.65.0.{number}", f"2001:db8:65::{number}")
        link(node, "eth0", net, "eth0")
        for address in "192.0.2.1/24", "2001:db8:c::1/64":
            node.run(f"ip addr add {address} dev eth0{' nodad' if ':' in address else ''}")
        for address in "192.0.2.10/24", "198.51.100.10/32", "2001:db8:c::10/64", "2001:db8:d::10/128":
            net.run(f"ip addr add {address} dev eth0{' nodad' if ':' in address else ''}")
        node.run("ip route add 198.51.100.0/24 via 192.0.2.10")
        node.run("ip route add 2001:db8:d::/64 via 2001:db8:c::10")
        net.run("ip route add 10.65.0.0/16 via 192.0.2.1")
        net.run("ip route add 2001:db8:65::/64 via 2001:db8:c::1")
        with node.entered():
            kernel = stack.enter_context(NetfilterSocket())
        made = Road(node, places, kernel, Driver(kernel, build_plan(Compiled(), settings)))
        try:
            yield made
        finally:
            made.close()


def _join(node: Namespace, outer: str, inside: Namespace, inner: str, address: str, address6: str) -> None:
    """A workload as container networks make it: its own address, everything else through the node."""
    node.run(f"ip addr add 169.254.1.1/32 dev {outer}")
    node.run(f"ip route add {address}/32 dev {outer}")
    node.run(f"ip addr add fe80::1/64 dev {outer} nodad")
    node.run(f"ip route add {address6}/128 dev {outer}")
    inside.run(f"ip addr add {address}/32 dev {inner}")
    inside.run(f"ip addr add {address6}/128 dev {inner} nodad")
    inside.run(f"ip route add 169.254.1.1/32 dev {inner}")
    inside.run(f"ip route add default via 169.254.1.1 dev {inner}")
    inside.run(f"ip -6 route add default via fe80::1 dev {inner}")
