"""What the evaluator knows of a node."""

from ipaddress import ip_address

import pytest

from dnsguard.calc.evaluator.node import Listen, Node
from dnsguard.calc.evaluator.packet import SCTP, TCP, UDP
from tests.support.compiled import workload
from tests.unit.calc.probes import packet


@pytest.mark.parametrize(
    ("name", "node", "here"),
    [("node-a", "node-a", True), ("node-a", "node-b", False), ("node-a", "", True), ("", "node-b", True)],
)
def test_whose_endpoint_it_is(name: str, node: str, here: bool) -> None:
    assert Node(name).has(workload("w", "10.0.0.1", node=node)) is here


@pytest.mark.parametrize(
    ("names", "interface", "expected"),
    [
        (("cali*",), "cali", True),
        (("cali*",), "cali12", True),
        (("cali*",), "eth0", False),
        (("br0", "veth*"), "br0", True),
        (("br0", "veth*"), "br01", False),
        (("cali*",), "", False),
        ((), "cali1", False),
    ],
)
def test_interfaces_of_workloads(names: tuple[str, ...], interface: str, expected: bool) -> None:
    assert Node(workload_interfaces=names).is_for_workloads(interface) is expected


@pytest.mark.parametrize(
    ("address", "port", "destination", "protocol", "asked", "taken"),
    [
        ("10.9.0.1", 53, "10.9.0.1", UDP, 53, True),
        ("10.9.0.1", 53, "10.9.0.1", TCP, 53, True),
        ("10.9.0.1", 53, "10.9.0.1", SCTP, 53, False),
        ("10.9.0.1", 53, "10.9.0.2", UDP, 53, False),
        ("10.9.0.1", 53, "10.9.0.1", UDP, 54, False),
        ("0.0.0.0", 5353, "10.9.0.2", UDP, 5353, True),
    ],
)
def test_queries_for_the_forwarder(
    address: str, port: int, destination: str, protocol: int, asked: int, taken: bool
) -> None:
    assert Listen(ip_address(address), port).takes(packet("10.0.0.1", destination, protocol, asked)) is taken


def test_the_interface_that_has_an_address() -> None:
    node = Node(interface_addresses=(("eth0", (ip_address("10.9.0.1"),)), ("eth1", (ip_address("10.9.1.1"),))))
    assert node.interface_with(ip_address("10.9.1.1")) == "eth1"
    assert node.interface_with(ip_address("10.9.2.1")) == ""
