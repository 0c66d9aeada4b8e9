"""Packets that were sent are the packets that are shown: of each rule, in both directions."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.netns import Namespace, namespace
from tests.system.controller import Controller, until
from tests.unit.observe.test_exposition import check

SHOP = "/apis/projectcalico.org/v3/namespaces/shop"
CART, WEB = "10.0.7.2", "10.0.8.2"
PAYLOAD = b"x" * 72
LENGTH = 20 + 8 + len(PAYLOAD)
"""Octets of a packet as the kernel counts it."""

EGRESS: list[dict[str, Any]] = [
    {"action": "Log", "protocol": "UDP", "destination": {"ports": [1001]}},
    {"action": "Allow", "protocol": "UDP", "destination": {"ports": [1001, 1002]}},
    {"action": "Deny", "protocol": "UDP", "destination": {"ports": [1003]}},
    {"action": "Pass", "protocol": "UDP", "destination": {"ports": [1004]}},
    {"action": "Allow", "protocol": "TCP"},
]
INGRESS = [
    {"action": "Deny", "protocol": "UDP", "destination": {"ports": [1002]}},
    {"action": "Allow", "source": {"nets": [f"{CART}/32"]}},
]


@contextmanager
def workload(node: Namespace, interface: str, address: str) -> Iterator[Namespace]:
    gateway = f"{address.rpartition('.')[0]}.1"
    with namespace() as made:
        node.run(f"ip link add {interface} type veth peer name eth0 netns {made.pid}")
        node.run(f"ip addr add {gateway}/24 dev {interface}")
        node.run(f"ip link set {interface} up")
        made.run(f"ip addr add {address}/24 dev eth0")
        made.run("ip link set eth0 up")
        made.run(f"ip route add default via {gateway}")
        yield made


class Shop:
    """A controller, and two workloads of which one sends."""

    def __init__(self, controller: Controller, cart: Namespace, receiver: socket.socket) -> None:
        self.controller = controller
        self.cart = cart
        self.receiver = receiver

    def send(self, port: int, count: int, to: str = WEB) -> None:
        """Each packet begins a connection of its own."""
        for _ in range(count):
            with self.cart.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(PAYLOAD, (to, port))

    def rules(self, name: str) -> dict[tuple[str, int, str], tuple[int, int]]:
        """What the API says of each rule of a policy: packets and octets."""
        answer = self.controller.request("GET", f"/v1/stats?kind=NetworkPolicy&namespace=shop&name={name}&rules=true")
        return {
            (each["direction"], each["rule"], each["action"]): (each["packets"], each["bytes"])
            for policy in answer["policies"]
            for each in policy["rules"]
        }

    def metrics(self) -> dict[str, float]:
        """Every series that Prometheus is told, by name and labels."""
        text = self.controller.text("/metrics")
        check(text)
        samples = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {series: float(value) for series, _, value in samples}

    def get(self, *words: str) -> str:
        """What `dnsguard get` prints."""
        state = str(self.controller.directory / "state")
        command = [
            sys.executable,
            "-m",
            "dnsguard",
            "get",
            *words,
            "--state-dir",
            state,
            "--server",
            f"unix:{self.controller.socket}",
        ]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def edit(self, name: str, field: str, rules: list[dict[str, Any]]) -> None:
        path = f"{SHOP}/networkpolicies/{name}"
        current = self.controller.request("GET", path)
        current["spec"][field] = rules
        self.controller.request("PUT", path, current)
        self.controller.until_in_sync()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with running(tmp_path) as made:
        yield made


@contextmanager
def running(directory: Path, *flags: str) -> Iterator[Shop]:
    with namespace() as node, workload(node, "cali1", CART) as cart, workload(node, "cali2", WEB) as web:
        node.run("sysctl -q net.ipv4.ip_forward=1")
        with web.entered():
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            receiver.bind((WEB, 1001))
        with node.entered(), receiver:
            controller = Controller(node, directory, *flags)
            try:
                controller.start()
                controller.until_in_sync()
                controller.create("/api/v1/namespaces", "Namespace", "shop", {})
                for name, interface, address in (("cart", "cali1", CART), ("web", "cali2", WEB)):
                    spec = {"interfaceName": interface, "ipNetworks": [f"{address}/32"]}
                    controller.create(f"{SHOP}/workloadendpoints", "WorkloadEndpoint", name, spec, {"app": name})
                policy: dict[str, Any] = {"selector": "app == 'cart'", "types": ["Egress"], "egress": EGRESS}
                controller.create(f"{SHOP}/networkpolicies", "NetworkPolicy", "out", policy)
                policy = {"selector": "app == 'web'", "types": ["Ingress"], "ingress": INGRESS}
                controller.create(f"{SHOP}/networkpolicies", "NetworkPolicy", "in", policy)
                controller.until_in_sync()
                yield Shop(controller, cart, receiver)
            finally:
                controller.close()


def test_what_was_sent_is_what_is_shown_of_each_rule_in_both_directions(shop: Shop) -> None:
    shop.send(1001, 7)
    shop.send(1002, 5)
    shop.send(1003, 3)
    shop.send(1004, 2)
    shop.send(1005, 4)
    until(lambda: shop.rules("out")["egress", 3, "Pass"][0] == 2)
    assert shop.rules("out") == {
        ("egress", 0, "Log"): (7, 7 * LENGTH),
        ("egress", 1, "Allow"): (12, 12 * LENGTH),
        ("egress", 2, "Deny"): (3, 3 * LENGTH),
        ("egress", 3, "Pass"): (2, 2 * LENGTH),
        ("egress", 4, "Allow"): (0, 0),
    }
    assert shop.rules("in") == {
        ("ingress", 0, "Deny"): (5, 5 * LENGTH),
        ("ingress", 1, "Allow"): (7, 7 * LENGTH),
    }
    whole = shop.controller.request("GET", "/v1/stats")
    (tier,) = whole["tiers"]
    assert (tier["endOfEgress"]["packets"], tier["allowed"]["packets"]) == (4, 19)
    assert whole["base"]["no-profile-egress"]["packets"] == 2, "those that were passed on"

    table = [line.split() for line in shop.get("np", "-n", "shop", "--stats").splitlines()]
    assert [line[:8] for line in table] == [
        ["NAME", "TIER", "RULES", "UNMATCHED", "ALLOWED", "DENIED", "PASSED", "LOGGED"],
        ["in", "default", "2", "0", "7", "5", "0", "0"],
        ["out", "default", "5", "1", "12", "3", "2", "7"],
    ]
    _, rules = shop.get("np", "out", "-n", "shop", "--stats").split("\n\n")
    assert [line.split()[:5] for line in rules.splitlines()[1:]] == [
        ["egress", str(place), rule["action"], str(packets), str(packets * LENGTH)]
        for place, (rule, packets) in enumerate(zip(EGRESS, (7, 12, 3, 2, 0), strict=True))
    ]
    listed = json.loads(shop.get("np", "-n", "shop", "--stats", "-o", "json"))
    assert {each["metadata"]["name"]: each["stats"]["unmatched"] for each in listed["items"]} == {"in": 0, "out": 1}


def test_packets_of_a_connection_that_was_allowed_are_not_judged_again(shop: Shop) -> None:
    with shop.cart.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((CART, 4000))
        sender.sendto(PAYLOAD, (WEB, 1001))
        _, peer = shop.receiver.recvfrom(1000)
        shop.receiver.sendto(b"answered", peer)
        sender.recv(1000)
        for _ in range(9):
            sender.sendto(PAYLOAD, (WEB, 1001))
            shop.receiver.recv(1000)
    shop.send(1003, 6)
    until(lambda: shop.rules("out")["egress", 2, "Deny"][0] == 6)
    assert shop.rules("out")["egress", 1, "Allow"] == (1, LENGTH)


def test_who_edits_a_rule_has_its_count_begin_anew_and_no_other(shop: Shop) -> None:
    shop.send(1002, 5)
    shop.send(1003, 3)
    until(lambda: shop.rules("out")["egress", 2, "Deny"][0] == 3)
    closed = [*EGRESS[:1], {**EGRESS[1], "action": "Deny"}, *EGRESS[2:]]
    shop.edit("out", "egress", closed)
    assert shop.rules("out")["egress", 1, "Deny"] == (0, 0), "what it allowed it has not denied"
    assert shop.rules("out")["egress", 2, "Deny"] == (3, 3 * LENGTH)
    assert shop.rules("in")["ingress", 0, "Deny"] == (5, 5 * LENGTH)
    shop.send(1002, 4)
    until(lambda: shop.rules("out")["egress", 1, "Deny"] == (4, 4 * LENGTH))
    shop.controller.stop()
    shop.controller.start()
    shop.controller.until_in_sync()
    shop.send(1003, 2)
    until(lambda: shop.rules("out")["egress", 2, "Deny"] == (5, 5 * LENGTH))
    assert shop.rules("out")["egress", 1, "Deny"] == (4, 4 * LENGTH), "a restart is no edit"


OUT = 'kind="NetworkPolicy",namespace="shop",name="out",tier="default",direction="egress"'


def test_prometheus_is_told_the_same_and_sums_never_fall(shop: Shop) -> None:
    shop.send(1001, 7)
    shop.send(1002, 5)
    shop.send(1003, 3)
    until(lambda: shop.rules("out")["egress", 2, "Deny"][0] == 3)
    told = shop.metrics()
    assert told[f'dnsguard_rule_packets_total{{{OUT},rule="1",action="allow"}}'] == 12
    assert told[f'dnsguard_rule_bytes_total{{{OUT},rule="2",action="deny"}}'] == 3 * LENGTH
    assert told[f'dnsguard_rule_packets_total{{{OUT},rule="4",action="allow"}}'] == 0
    assert told[f'dnsguard_policy_packets_total{{{OUT},action="log"}}'] == 7
    assert told['dnsguard_tier_packets_total{tier="default",direction="ingress",action="deny"}'] == 5
    assert (told["dnsguard_in_sync"], told["dnsguard_counters_known"]) == (1, 1)
    assert told["dnsguard_enforced_revision"] == told["dnsguard_store_revision"]
    assert told['dnsguard_dataplane_transactions_total{step="switch"}'] >= 1
    assert "dnsguard_packet_records_total" in told
    assert told['dnsguard_api_requests_total{method="POST",code="201"}'] == 5

    shop.edit("out", "egress", EGRESS[2:])
    shop.send(1003, 2)
    until(lambda: shop.rules("out")["egress", 0, "Deny"][0] == 2)
    told = shop.metrics()
    assert told[f'dnsguard_rule_packets_total{{{OUT},rule="0",action="deny"}}'] == 2
    assert f'dnsguard_rule_packets_total{{{OUT},rule="1",action="allow"}}' not in told
    assert told[f'dnsguard_policy_packets_total{{{OUT},action="deny"}}'] == 5
    assert told[f'dnsguard_policy_packets_total{{{OUT},action="allow"}}'] == 12
    assert told['dnsguard_tier_packets_total{tier="default",direction="egress",action="log"}'] == 7


def test_beyond_a_bound_rules_have_no_series_of_their_own(tmp_path: Path) -> None:
    with running(tmp_path, "--metrics-series", "6") as shop:
        shop.send(1003, 3)
        until(lambda: shop.rules("out")["egress", 2, "Deny"][0] == 3)
        told = shop.metrics()
    assert not any(series.startswith("dnsguard_rule_") for series in told)
    assert told['dnsguard_series_withheld{family="rule"}'] == 7
    assert told['dnsguard_series_withheld{family="policy"}'] == 0
    assert told[f'dnsguard_policy_packets_total{{{OUT},action="deny"}}'] == 3
