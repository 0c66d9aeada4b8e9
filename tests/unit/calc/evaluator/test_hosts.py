"""Which host endpoint an interface has."""

from ipaddress import ip_address

import pytest

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.evaluator.hosts import HostEndpoints
from dnsguard.calc.evaluator.node import Node
from dnsguard.resources import Resource
from tests.unit.calc.builders import host

NODE = Node(
    "node-a",
    interface_addresses=(
        ("cali9", (ip_address("10.9.9.1"),)),
        ("eth0", (ip_address("10.9.0.1"), ip_address("fd00:9::1"))),
        ("eth1", (ip_address("10.9.1.1"),)),
        ("lo", (ip_address("10.9.8.1"),)),
    ),
)
EVERY = host("every", interfaceName="*")


def by_name(name: str, interface: str) -> Resource:
    return host(name, interfaceName=interface)


def by_address(name: str, *addresses: str) -> Resource:
    return host(name, *addresses, interfaceName="")


@pytest.mark.parametrize(
    ("endpoints", "of"),
    [
        ([by_name("a", "eth0")], {"eth0": "a"}),
        ([host("a", "10.9.1.1", interfaceName="eth0")], {"eth0": "a"}),
        ([by_address("a", "10.9.1.1")], {"eth1": "a"}),
        ([by_address("a", "fd00:9::1", "10.9.1.1")], {"eth0": "a", "eth1": "a"}),
        ([EVERY], {"eth0": "every", "eth1": "every", "cali9": "every", "lo": "every"}),
        ([EVERY, by_name("f", "eth0")], {"eth0": "f", "eth1": "every", "cali9": "every", "lo": "every"}),
        ([by_name("b", "eth0"), by_address("a", "10.9.0.1")], {"eth0": "a"}),
        ([EVERY, host("any", interfaceName="*")], {"eth0": "any", "eth1": "any", "cali9": "any", "lo": "any"}),
        ([host("a", interfaceName="eth0", node="node-b")], {}),
        # An interface of workloads has none of its own, and what the node tells itself is nobody's.
        ([by_name("a", "lo")], {}),
        ([by_address("a", "10.9.8.1")], {}),
        ([by_name("a", "cali9")], {}),
        ([by_address("a", "10.9.9.1", "10.9.0.1")], {"eth0": "a"}),
        ([EVERY, by_name("a", "cali9")], {"eth0": "every", "eth1": "every", "cali9": "every", "lo": "every"}),
    ],
)
def test_whose_an_interface_is(endpoints: list[Resource], of: dict[str, str]) -> None:
    hosts = HostEndpoints(compile_policy(endpoints).endpoints.values(), NODE)
    found = {name: hosts.at(name) for name, _ in NODE.interface_addresses}
    assert {name: each.id.name for name, each in found.items() if each is not None} == of


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        ([EVERY], False),
        ([EVERY, by_name("a", "lo"), by_name("b", "cali9")], False),
        ([EVERY, by_name("a", "eth0")], True),
        ([by_address("a", "10.9.7.7")], True),
        ([], False),
    ],
)
def test_whether_it_takes_the_interface_to_tell(endpoints: list[Resource], expected: bool) -> None:
    assert HostEndpoints(compile_policy(endpoints).endpoints.values(), NODE).differ is expected
