"""A node that forwards new connections under policy, between a client and a sink that counts."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from ipaddress import IPv4Address

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Compiled
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Settings
from dnsguard.netlink.socket import NetfilterSocket
from dnsguard.resources import parse_object
from loadtest import report
from loadtest.cluster import Manifest, manifest
from loadtest.flood import PORT, Flood
from tests.support.conntrack import Connections
from tests.support.netns import Namespace, link, namespace

CLASSES = 10
POLICIES = 10
"""Of each class, with three rules each."""

INTERFACE = "cali0"
TARGET = IPv4Address("198.51.100.10")
_FIRST = IPv4Address("10.64.0.2")
_COUNTING = f"""
table inet sink {{
    chain every {{
        type filter hook prerouting priority raw
        udp dport {PORT} counter drop
    }}
}}
"""
_COUNTED = re.compile(r"packets (\d+)")


def manifests(endpoints: int) -> Iterator[Manifest]:
    """Ten applications with ten policies each; of the thirty rules only the last one matches."""
    for application in range(CLASSES):
        for number in range(POLICIES):
            rules = []
            for rule in range(3):
                name = f"{application}-{number}-{rule}"
                is_last = (number, rule) == (POLICIES - 1, 2)
                nets = (
                    [f"{TARGET}/32"] if is_last else [f"203.0.113.{application}/32", f"192.0.2.{number * 3 + rule}/32"]
                )
                yield manifest("GlobalNetworkSet", name, {"nets": nets}, labels={"list": name})
                destination = {"selector": f"list == '{name}'", "ports": [PORT]}
                rules.append({"action": "Allow", "protocol": "UDP", "destination": destination})
            spec = {
                "selector": f"app == 'app-{application}'",
                "order": float(number),
                "types": ["Egress"],
                "egress": rules,
            }
            yield manifest("GlobalNetworkPolicy", f"policy-{application}-{number}", spec)
    for number in range(endpoints):
        spec = {"interfaceName": INTERFACE, "ipNetworks": [f"{_FIRST + number}/32"]}
        yield manifest("WorkloadEndpoint", f"endpoint-{number}", spec, "default", {"app": f"app-{number % CLASSES}"})


class Testbed:
    """A client, a node that forwards, and a sink that counts; each a network of its own."""

    def __init__(self, stack: ExitStack, endpoints: int, packets: int, has_rules: bool = True) -> None:
        self.facts: dict[str, int] = {}
        self._client, self._node, self._sink = (stack.enter_context(namespace()) for _ in range(3))
        link(self._node, INTERFACE, self._client, "eth0")
        link(self._node, "eth0", self._sink, "eth0")
        self._connect()
        sources = [_FIRST + number for number in range(endpoints)]
        with self._client.entered():
            self._flood = Flood("eth0", self._hardware(), sources, TARGET, packets)
        stack.callback(self._flood.close)
        with self._node.entered():
            self._connections = stack.enter_context(closing(Connections()))
            self._table = stack.enter_context(NetfilterSocket())
        if has_rules:
            self._enforce(endpoints)

    def send(self) -> float:
        """One flood through the node: seconds a packet."""
        self._connections.forget()
        return self._flood.send()

    def arrived(self) -> int:
        """Packets, since the beginning."""
        found = _COUNTED.search(self._sink.run("nft list table inet sink"))
        return int(found[1]) if found else 0

    def _connect(self) -> None:
        self._node.run("sysctl -qw net.ipv4.ip_forward=1")
        self._node.run(f"ip route add 10.64.0.0/14 dev {INTERFACE}")
        self._node.run(f"ip route add {TARGET}/32 dev eth0")
        self._node.run(f"ip neigh add {TARGET} lladdr {_address(self._sink, 'eth0')} dev eth0 nud permanent")
        self._sink.run("nft -f -", _COUNTING)

    def _hardware(self) -> bytes:
        return bytes.fromhex(_address(self._node, INTERFACE).replace(":", ""))

    def _enforce(self, endpoints: int) -> None:
        compiled = compile_policy([parse_object(each) for each in manifests(endpoints)])
        plan = build_plan(compiled, Settings())
        Driver(self._table, build_plan(Compiled(), Settings())).apply(plan)
        self.facts = report.shape(compiled, plan)


def _address(place: Namespace, interface: str) -> str:
    """Hardware address."""
    return str(json.loads(place.run(f"ip -json link show {interface}"))[0]["address"])
