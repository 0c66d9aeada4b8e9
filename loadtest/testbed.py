"""A node that forwards under policy, between a client and a sink that counts."""

import json
import re
from collections.abc import Callable
from contextlib import ExitStack, closing
from ipaddress import IPv4Address

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Compiled
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.settings import Settings
from dnsguard.netlink.socket import NetfilterSocket
from dnsguard.resources import parse_object
from loadtest import report
from loadtest.flood import PORT, Flood, source_port
from loadtest.layers import FIRST, INTERFACE, TARGET, Layers, counter_of_last_rule, manifests
from tests.support.conntrack import Connections, entry
from tests.support.netns import Namespace, link, namespace

WORKLOADS = "10.64.0.0/14"
_UDP = 17
_COUNTING = f"""
table inet sink {{
    chain every {{
        type filter hook prerouting priority raw
        udp dport {PORT} counter drop
    }}
}}
"""
_COUNTED = re.compile(r"packets (\d+)")
_TRACKING = """
table inet tracking {
    chain forwarded {
        type filter hook forward priority filter
        ct state established,related accept
    }
}
"""


class Testbed:
    """A client, a node that forwards, and a sink that counts; each a network of its own. Empty until told."""

    def __init__(self, stack: ExitStack) -> None:
        self.facts: dict[str, int] = {}
        self.is_tracking = False
        """Whether the node knows connections."""

        self.client, self.node, self.sink = (stack.enter_context(namespace()) for _ in range(3))
        link(self.node, INTERFACE, self.client, "eth0")
        link(self.node, "eth0", self.sink, "eth0")
        self._stack = stack
        self._driver: Driver | None = None
        self._variants = 0
        self._connect()
        with self.node.entered():
            self._connections = stack.enter_context(closing(Connections()))

    def enforce(
        self, layers: Layers, layout: Callable[[Plan], Plan] = lambda plan: plan, *, revokes: bool = False
    ) -> None:
        """Policy is in force. ``layout``: what is loaded in place of the plan. ``revokes``: established connections are
        judged again when it changes."""
        compiled = compile_policy([parse_object(each) for each in manifests(layers)])
        plan = build_plan(compiled, Settings(mark_mask=0x0000_FF00 if revokes else 0))
        with self.node.entered():
            table = self._stack.enter_context(NetfilterSocket())
        self._driver = Driver(table, build_plan(Compiled(), Settings()))
        self._driver.apply(layout(plan))
        self._variants = layers.variants
        self.is_tracking = True
        self.facts = report.shape(compiled, plan)

    def track(self) -> None:
        """The node knows connections, and has no policy."""
        self.node.run("nft -f -", _TRACKING)
        self.is_tracking = True

    def flood(self, sources: list[IPv4Address], packets: int, connections: int | None = None) -> Flood:
        """Packets to send from the client; ``connections``: of how many, where not each is the first of its own."""
        with self.client.entered():
            made = Flood("eth0", self._hardware(), sources, TARGET, packets, connections)
        self._stack.callback(made.close)
        return made

    def forget(self) -> None:
        """All connections that the node knows."""
        if self.is_tracking:
            self._connections.forget()

    def know(self, sources: list[IPv4Address], connections: int) -> None:
        """The connections of such a flood are established, as if they had been allowed and answered."""
        if self.is_tracking:
            self._connections.add(
                *(
                    entry(
                        str(sources[number % len(sources)]),
                        str(TARGET),
                        protocol=_UDP,
                        source_port=source_port(number),
                        port=PORT,
                    )
                    for number in range(connections)
                )
            )

    def arrived(self) -> int:
        """UDP packets, since the beginning."""
        found = _COUNTED.search(self.sink.run("nft list table inet sink"))
        return int(found[1]) if found else 0

    def judged(self) -> int:
        """Packets that the last of all rules allowed, since the beginning."""
        if self._driver is None:
            return 0
        counters = self._driver.counters()
        return sum(counters[counter_of_last_rule(variant)].packets for variant in range(self._variants))

    def _connect(self) -> None:
        """Nobody asks for a hardware address meanwhile: all are known."""
        client, below, above, sink = (
            _hardware(*place)
            for place in (
                (self.client, "eth0"),
                (self.node, INTERFACE),
                (self.node, "eth0"),
                (self.sink, "eth0"),
            )
        )
        for command in (
            "sysctl -qw net.ipv4.ip_forward=1",
            f"ip route add {WORKLOADS} dev {INTERFACE}",
            f"ip route add {TARGET}/32 dev eth0",
            f"ip neigh add {TARGET} lladdr {sink} dev eth0 nud permanent",
            f"ip neigh add {FIRST} lladdr {client} dev {INTERFACE} nud permanent",
        ):
            self.node.run(command)
        for place, own, other, hardware in (
            (self.client, FIRST, TARGET, below),
            (self.sink, TARGET, FIRST, above),
        ):
            place.run(f"ip addr add {own}/32 dev eth0")
            place.run(f"ip route add {other}/32 dev eth0")
            place.run(f"ip neigh add {other} lladdr {hardware} dev eth0 nud permanent")
        self.sink.run("nft -f -", _COUNTING)

    def _hardware(self) -> bytes:
        return bytes.fromhex(_hardware(self.node, INTERFACE).replace(":", ""))


def _hardware(place: Namespace, interface: str) -> str:
    """Address of the interface."""
    return str(json.loads(place.run(f"ip -json link show {interface}"))[0]["address"])
