"""A node that protects itself: the automatic host endpoint, its failsafe ports, and who is shut out without them."""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dnslib
import pytest
from dnslib.dns import DNSError

from tests.support.netns import Namespace, link, namespace
from tests.system.apiserver import V3
from tests.system.controller import Controller, until

pytestmark = [pytest.mark.xdist_group("host endpoints"), pytest.mark.timeout(300)]

NODE, NODE6 = "192.0.2.1", "2001:db8::1"
OUTSIDE, OUTSIDE6 = "192.0.2.10", "2001:db8::10"
API_PORT, SSH, WEB = 18053, 22, 80
HEPS, POLICIES, CONFIGURATIONS = (
    f"{V3}/{plural}" for plural in ("hostendpoints", "globalnetworkpolicies", "felixconfigurations")
)
ALLOWED, NOT_ALLOWED = "198.51.100.7", "198.51.100.8"
NO_FAILSAFE = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "FelixConfiguration",
    "metadata": {"name": "default"},
    "spec": {"failsafeInboundHostPorts": [], "failsafeOutboundHostPorts": []},
}
CLOSED = {"selector": "role == 'gateway'", "types": ["Ingress", "Egress"]}


class Whole(Controller):
    """`dnsguard run` in the node, whose API others reach."""

    def start(self, first: str = "") -> None:
        assert not first
        places = {"--state-dir": self.directory / "state", "--run-dir": self.directory / "run"}
        flags = {**places, "--api-listen": f"{NODE}:{API_PORT}", "--upstreams": OUTSIDE, "--node-name": "here"}
        words = [str(word) for flag in flags.items() for word in flag] + list(self._flags)
        self._process = subprocess.Popen([sys.executable, "-m", "dnsguard", "run", *words], stderr=self._log)

    def until_ready(self) -> Any:
        self.until_in_sync()
        return until(lambda: (status := self.status()) and status["ready"] and status)


class Net:
    """A node with something that listens at its ports, and a place outside with a DNS server that cuts its UDP answers
    short."""

    def __init__(self, node: Namespace, outside: Namespace) -> None:
        self.node, self.outside = node, outside
        link(node, "eth0", outside, "eth0")
        for place, address, address6 in ((node, NODE, NODE6), (outside, OUTSIDE, OUTSIDE6)):
            place.run(f"ip address add {address}/24 dev eth0")
            place.run(f"ip address add {address6}/64 dev eth0 nodad")
        node.run(f"ip route add default via {OUTSIDE}")
        for address in ALLOWED, NOT_ALLOWED:
            outside.run(f"ip address add {address}/32 dev lo")
        self._sockets: list[socket.socket] = []
        with node.entered():
            for port in SSH, WEB:
                self._listen(port)
        with outside.entered():
            self._listen(WEB)
            answering = self._listen(53)
            asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asked.bind((OUTSIDE, 53))
        self._sockets.append(asked)
        threading.Thread(target=self._cut_short, args=(asked,), daemon=True).start()
        threading.Thread(target=self._answer, args=(answering,), daemon=True).start()

    def _listen(self, port: int) -> socket.socket:
        made = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        self._sockets.append(made)
        return made

    def _cut_short(self, asked: socket.socket) -> None:
        with suppress(OSError, DNSError):  # what is shut down receives nothing
            while True:
                data, peer = asked.recvfrom(4096)
                reply = dnslib.DNSRecord.parse(data).reply()
                reply.header.tc = 1
                asked.sendto(reply.pack(), peer)

    def _answer(self, answering: socket.socket) -> None:
        with suppress(OSError, DNSError):  # what is shut down receives nothing
            while True:
                peer, _ = answering.accept()
                with peer, suppress(OSError):
                    data = peer.recv(4096)
                    reply = dnslib.DNSRecord.parse(data[2:]).reply()
                    reply.add_answer(*dnslib.RR.fromZone(f"{reply.q.qname} 60 A {ALLOWED}"))
                    packed = reply.pack()
                    peer.sendall(len(packed).to_bytes(2, "big") + packed)

    def reaches(self, place: Namespace, address: str, port: int) -> bool:
        """Whether somebody there gets a connection."""
        with place.entered():
            try:
                socket.create_connection((address, port), timeout=1).close()
            except OSError:
                return False
        return True

    def looks_up(self, name: str) -> bool:
        """Whether the node learns an address of a name from dnsguard."""
        query = dnslib.DNSRecord.question(name)
        with self.node.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(10)
            asking.sendto(query.pack(), ("127.0.0.1", 53))
            return bool(dnslib.DNSRecord.parse(asking.recv(4096)).rr)

    def close(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextmanager
def running(directory: Path, *flags: str) -> Iterator[tuple[Whole, Net]]:
    with namespace() as node, namespace() as outside:
        net = Net(node, outside)
        with node.entered():
            made = Whole(node, directory, *flags)
            try:
                made.start()
                made.until_ready()
                yield made, net
            finally:
                made.stop()
                made.close()
                net.close()


def shuts_out_without_failsafe_ports(whole: Whole, net: Net) -> None:
    """Whoever takes the failsafe ports away is told whom that shuts out, by a dry run before it is done."""
    with net.outside.entered():
        session = socket.create_connection((NODE, SSH), timeout=5)
    with session, whole.client() as client:
        for params in {"dryRun": "All"}, {}:
            assert net.reaches(net.outside, NODE, SSH)
            answer = client.post(CONFIGURATIONS, json=NO_FAILSAFE, params=params)
            assert answer.status_code == 201, answer.text
            warned = "\n".join(answer.headers.get_list("warning"))
            assert f"SSH from {OUTSIDE}, which is connected now, is denied with this" in warned
            assert f"dnsguard's own way to the DNS server {OUTSIDE}:53 is denied with this" in warned
    whole.until_in_sync()
    assert not net.reaches(net.outside, NODE, SSH)
    assert not net.reaches(net.outside, NODE, API_PORT)
    whole.request("DELETE", f"{CONFIGURATIONS}/default")
    whole.until_in_sync()
    assert net.reaches(net.outside, NODE, SSH)


ON = ("--auto-host-endpoint", "On", "--node-labels", "role=gateway")


def test_a_node_protects_itself_and_nobody_is_locked_out(tmp_path: Path) -> None:
    with running(tmp_path, *ON) as (whole, net):
        until(lambda: whole.request("GET", HEPS)["items"])
        (made,) = whole.request("GET", HEPS)["items"]
        assert made["metadata"]["name"] == "here-auto-hep"
        assert made["spec"]["expectedIPs"] == [NODE, NODE6]
        whole.until_in_sync()
        for address in NODE, NODE6:
            assert net.reaches(net.outside, address, WEB), "until a policy applies its profile allows everything"

        whole.create(POLICIES, "GlobalNetworkPolicy", "closed", CLOSED)
        whole.until_in_sync()
        for address, outside in ((NODE, OUTSIDE), (NODE6, OUTSIDE6)):
            assert not net.reaches(net.outside, address, WEB)
            assert not net.reaches(net.node, outside, WEB)
            assert net.reaches(net.outside, address, SSH)
        assert net.reaches(net.outside, NODE, API_PORT)
        assert net.looks_up("open.example"), "over TCP, since the answer over UDP is cut short"
        names = [{"action": "Allow", "destination": {"domains": ["open.example"]}}]
        whole.create(
            POLICIES, "GlobalNetworkPolicy", "names", {**CLOSED, "types": ["Egress"], "order": 1, "egress": names}
        )
        whole.until_in_sync()
        assert net.looks_up("open.example")
        assert net.reaches(net.node, ALLOWED, WEB)
        assert not net.reaches(net.node, NOT_ALLOWED, WEB)
        whole.request("DELETE", f"{POLICIES}/names")
        whole.until_in_sync()
        shuts_out_without_failsafe_ports(whole, net)
        (shown,) = whole.request("GET", "/v1/endpoints")["endpoints"]
        assert (shown["kind"], shown["policies"]) == ("HostEndpoint", ["GlobalNetworkPolicy/closed"])

        net.node.run("ip address add 203.0.113.1/32 dev eth0")
        until(lambda: "203.0.113.1" in whole.request("GET", HEPS)["items"][0]["spec"]["expectedIPs"])
        recorded = (tmp_path / "state" / "audit.jsonl").read_text()
        assert re.search(r"automatic host endpoint here-auto-hep: made", recorded)
        assert "without a record" not in recorded
