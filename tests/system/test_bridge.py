"""The whole program on a container host: workloads behind the ports of a bridge with an address, and masquerade."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import dnslib
import pytest

from dnsguard.dataplane.settings import Settings
from dnsguard.netlink.bridges import machine_bridges
from tests.support.lan import BRIDGE_NAME, PLUGGED, Lan, address, lan, udp4, udp6
from tests.support.netns import link
from tests.system.controller import API, Controller, until

pytestmark = [pytest.mark.xdist_group("bridge"), pytest.mark.timeout(300)]

NODE, NODE6 = "10.66.0.1", "2001:db8:66::1"
UPSTREAM = "192.0.2.10"
A, A6 = address("a"), address("a", 6)
NAMES = {"open.example.": ("198.51.100.7", "2001:db8:d::7"), "other.example.": ("198.51.100.8", "2001:db8:d::8")}
ARRIVED = "arrived"


class Whole(Controller):
    """`dnsguard run` in the node."""

    def start(self, first: str = "") -> None:
        assert not first
        flags = {
            "--state-dir": str(self.directory / "state"),
            "--run-dir": str(self.directory / "run"),
            "--api-listen": API,
            "--upstreams": UPSTREAM,
            "--listen": f"{NODE},{NODE6}",
            "--node-name": "here",
            "--intercept-dns": "Workloads",
        }
        words = [word for flag in flags.items() for word in flag]
        self._process = subprocess.Popen([sys.executable, "-m", "dnsguard", "run", *words], stderr=self._log)

    def until_ready(self) -> Any:
        self.until_in_sync()
        return until(lambda: (status := self.status()) and status["ready"] and status)


class Upstream:
    """Answers what is asked in a place of its own, and writes down what that was."""

    def __init__(self, yard: Lan) -> None:
        with yard.places["net"].entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((UPSTREAM, 53))
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                data, peer = self._socket.recvfrom(4096)
                query = dnslib.DNSRecord.parse(data)
                name = str(query.q.qname)
                self.asked.append(name.lower())
                reply = query.reply()
                found = NAMES.get(name.lower())
                if found and query.q.qtype == dnslib.QTYPE.A:
                    reply.add_answer(dnslib.RR(query.q.qname, dnslib.QTYPE.A, rdata=dnslib.A(found[0]), ttl=60))
                if found and query.q.qtype == dnslib.QTYPE.AAAA:
                    reply.add_answer(dnslib.RR(query.q.qname, dnslib.QTYPE.AAAA, rdata=dnslib.AAAA(found[1]), ttl=60))
                self._socket.sendto(reply.pack(), peer)


class Host:
    """All of it."""

    def __init__(self, yard: Lan, program: Whole, upstream: Upstream) -> None:
        self.yard = yard
        self.program = program
        self.upstream = upstream

    def look_up(self, place: str, name: str, kind: str = "A", server: str = NODE) -> list[str]:
        """Addresses of the answer to a query from a workload; from whom else it came, it would not be taken."""
        with self.yard.places[place].entered():
            asking = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
        with asking:
            asking.settimeout(10)
            asking.connect((server, 53))
            asking.send(dnslib.DNSRecord.question(name, kind).pack())
            return [str(each.rdata) for each in dnslib.DNSRecord.parse(asking.recv(4096)).rr]

    def leases(self) -> set[tuple[str, str]]:
        text = self.yard.node.run("nft list table inet dnsguard")
        blocks = re.findall(r"\tset d[46]-\S+ \{.*?\n\t\}", text, re.DOTALL)
        return {pair for block in blocks for pair in re.findall(r"([0-9a-f.:]+) \. ([0-9a-f.:]+) timeout", block)}

    def create_endpoint(self, place: str, interface: str, *addresses: str) -> None:
        spec = {"node": "here", "interfaceName": interface, "ipNetworks": list(addresses), "profiles": ["kns.app"]}
        path = "/apis/projectcalico.org/v3/namespaces/app/workloadendpoints"
        self.program.create(path, "WorkloadEndpoint", place, spec, {"name": place}, namespace="app")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """``a`` and ``b`` may look up and reach one name, and each other; ``c`` nothing. No bridge calls the hooks."""
    with lan(Settings()) as yard, contextlib.ExitStack() as stack:
        yard.calls_hooks(False)
        yard.node.run("sysctl -qw net.ipv4.conf.all.rp_filter=0")
        net = yard.places["net"]
        for v4, v6 in NAMES.values():
            net.run(f"ip addr add {v4}/32 dev eth0")
            net.run(f"ip addr add {v6}/128 dev eth0 nodad")
        yard.node.run("ip route add 198.51.100.0/24 via 192.0.2.10")
        yard.node.run("ip -6 route add 2001:db8:d::/64 via 2001:db8:c::10")
        upstream = Upstream(yard)
        stack.callback(upstream.close)
        stack.enter_context(yard.node.entered())
        program = Whole(yard.node, tmp_path_factory.mktemp("bridge"))
        stack.callback(program.close)
        program.start()
        program.until_ready()
        made = Host(yard, program, upstream)
        v3 = "/apis/projectcalico.org/v3"
        program.create("/api/v1/namespaces", "Namespace", "app", {})
        for place in "a", "b", "c":
            made.create_endpoint(place, PLUGGED[place][0], address(place), address(place, 6))
        program.create(f"{v3}/tiers", "Tier", "application", {"order": 1})
        for name, selector, egress in (
            ("application.web", "name in {'a', 'b'}", [
                {"action": "Allow", "destination": {"domains": ["open.example", "other.example"]}},
                {"action": "Allow", "destination": {"selector": "name in {'a', 'b', 'late'}"}},
            ]),
            ("application.none", "name == 'c'", []),
        ):  # fmt: skip
            spec = {"tier": "application", "selector": selector, "types": ["Egress"], "egress": egress}
            program.create(f"{v3}/namespaces/app/networkpolicies", "NetworkPolicy", name, spec, namespace="app")
        program.until_in_sync()
        yield made


def test_it_has_the_bridge_call_the_hooks_of_policy(host: Host) -> None:
    until(lambda: machine_bridges().bridges[BRIDGE_NAME].calls == (True, True))
    assert host.yard.send("a", "b", address("b"), 9) == ARRIVED
    assert host.yard.send("a", "b", address("b", 6), 9) == ARRIVED
    assert host.yard.send("a", "c", address("c"), 9) == "tier-application-egress-end"
    assert host.yard.send("c", "a", A, 9) == "tier-application-egress-end"
    assert host.program.status()["problems"] == []


def test_a_name_opens_for_who_looked_it_up(host: Host) -> None:
    v4, v6 = NAMES["open.example."]
    assert host.yard.send("a", "net", v4, 9) == "tier-application-egress-end"
    assert host.look_up("a", "open.example") == [v4]
    assert host.yard.send("a", "net", v4, 9) == ARRIVED
    assert host.yard.send("b", "net", v4, 9) == "tier-application-egress-end"
    assert host.look_up("a", "open.example", "AAAA") == [v6]
    assert host.yard.send("a", "net", v6, 9) == ARRIVED
    assert host.look_up("b", "open.example") == [v4]
    assert host.yard.send("b", "net", v4, 9) == ARRIVED
    assert host.look_up("c", "open.example") == []


@pytest.mark.parametrize("server", ["8.8.8.8", "2001:db8:ffff::8"])
def test_whoever_else_is_asked_it_answers_as_policy_has_it(host: Host, server: str) -> None:
    (v4, _), before = NAMES["open.example."], len(host.upstream.asked)
    assert host.look_up("a", "open.example", server=server) == [v4]
    assert host.yard.send("a", "net", v4, 9) == ARRIVED
    assert host.look_up("c", "open.example", server=server) == []
    assert host.look_up("a", "unlisted.example", server=server) == []
    assert set(host.upstream.asked[before:]) <= {"open.example."}


@pytest.mark.parametrize("thief", ["b", "u", "lan", "net"])
def test_a_forged_query_opens_nothing(host: Host, thief: str) -> None:
    """Over IPv4 and IPv6, by another port of the bridge and by the uplink."""
    yard, question = host.yard, dnslib.DNSRecord.question("other.example").pack()
    own = yard.mac(thief)
    to = bytes.fromhex(yard.hardware("net").replace(":", "")) if thief == "net" else yard.mac("node")
    with yard.places[thief].entered():
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with sender:
        before = yard.counters()
        with yard.places[thief].entered():
            sender.bind(("eth0", 0))
        sender.send(udp4(to, own, A, NODE, 53, question))
        sender.send(udp6(to, own, A6, NODE6, 53, question))
    until(lambda: yard.counters()["spoofed-source"].packets >= before["spoofed-source"].packets + 2)
    assert host.look_up("b", "open.example")  # whatever came before has been answered by now
    assert "other.example." not in host.upstream.asked
    assert not {pair for pair in host.leases() if pair[1] in NAMES["other.example."]}


def test_others_on_the_bridge_are_left_alone(host: Host) -> None:
    assert host.yard.send("lan", "u", address("u"), 9) == ARRIVED
    assert host.yard.send("u", "net", UPSTREAM, 9) == ARRIVED


def test_a_port_that_comes_late_and_goes_elsewhere(host: Host) -> None:
    """The endpoint is there first; nobody tells dnsguard of the interface."""
    yard, node = host.yard, host.yard.node
    host.create_endpoint("late", "veth-late", "10.66.0.77")
    host.program.until_in_sync()
    place = yard.places["u"]
    link(node, "veth-late", place, "late")
    try:
        node.run(f"ip link set veth-late master {BRIDGE_NAME}")
        place.run("ip addr flush dev eth0")
        place.run("ip addr add 10.66.0.77/24 dev late")
        until(lambda: yard.send("a", "u", "10.66.0.77", 9) == ARRIVED)
        node.run("ip link set veth-late nomaster")
        until(lambda: '"veth-late"' not in node.run("nft list set bridge dnsguard workload-ports"))
        until(lambda: '"veth-late"' in node.run("nft list set inet dnsguard workload-interfaces"))
    finally:
        node.run("ip link del veth-late")
        place.run(f"ip addr add {address('u')}/24 dev eth0")
        place.run("ip route add default via 10.66.0.1")


def test_what_others_flush_is_restored(host: Host) -> None:
    host.yard.node.run("nft delete table bridge dnsguard")
    assert host.yard.send("a", "b", address("b"), 9) in ("unchecked-port", ARRIVED)
    until(lambda: "bridge dnsguard" in host.yard.node.run("nft list tables"))
    until(lambda: host.yard.send("a", "b", address("b"), 9) == ARRIVED)


def test_it_holds_while_nothing_runs_and_is_adopted(host: Host) -> None:
    host.program.stop(signal.SIGKILL)
    assert host.yard.send("a", "b", address("b"), 9) == ARRIVED
    frame = udp4(host.yard.mac("c"), host.yard.mac("b"), A, address("c"))
    assert host.yard.throw("b", "c", frame) == "spoofed-source"
    before = host.yard.counters()["spoofed-source"].packets
    host.program.start()
    host.program.until_ready()
    assert host.yard.counters()["spoofed-source"].packets >= before, "the counters are those of the same tables"
    assert host.yard.send("a", "b", address("b"), 9) == ARRIVED
    assert host.yard.throw("b", "c", frame) == "spoofed-source"


def test_uninstall_takes_all_of_it_away(host: Host) -> None:
    """The last test of this file."""
    host.program.stop()
    command = [sys.executable, "-m", "dnsguard", "uninstall"]
    command += ["--state-dir", str(host.program.directory / "state"), "--run-dir", str(host.program.directory / "run")]
    subprocess.run(command, check=True, capture_output=True)
    assert "dnsguard" not in host.yard.node.run("nft list tables")
    assert machine_bridges().bridges[BRIDGE_NAME].calls == (False, False)
    assert host.yard.send("c", "a", A, 9) == ARRIVED
