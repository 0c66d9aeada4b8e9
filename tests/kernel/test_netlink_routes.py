from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from dnsguard.controller.explain.routing import Passing, kernel_routing
from dnsguard.netlink.routes import Route, RoutingTable
from tests.support.netns import Namespace, namespace

SETUP = """
ip link add up0 type veth peer name up0-peer
ip link add cali1 type veth peer name cali1-peer
ip address add 192.0.2.7/24 dev up0
ip address add 2001:db8::7/64 dev up0 nodad
ip link set up0 up
ip link set cali1 up
ip link set up0-peer up
ip link set cali1-peer up
ip route add 10.0.0.8/32 dev cali1
ip route add default via 192.0.2.1
ip route add unreachable 198.51.100.0/24
ip route add blackhole 203.0.113.0/24
ip route add local 10.96.0.10/32 dev lo
ip rule add iif cali1 lookup 77
ip route add default dev cali1 table 77
"""
CLIENT, SERVER = ip_address("10.0.0.8"), ip_address("8.8.8.8")


@pytest.fixture(scope="module")
def node() -> Iterator[Namespace]:
    with namespace() as made:
        for line in SETUP.strip().splitlines():
            made.run(line)
        with made.entered():
            yield made


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("8.8.8.8", Route("up0")),
        ("10.0.0.8", Route("cali1")),
        ("192.0.2.7", Route("", local=True)),
        ("192.0.2.255", Route("", local=True)),
        ("127.0.0.9", Route("", local=True)),
        ("10.96.0.10", Route("", local=True)),
        ("2001:db8::9", Route("up0")),
        ("2001:db8::7", Route("", local=True)),
        ("198.51.100.1", None),
        ("203.0.113.1", None),
        ("2001:db8:5::1", None),
    ],
)
@pytest.mark.usefixtures("node")
def test_a_route_is_the_kernels(destination: str, expected: Route | None) -> None:
    with RoutingTable() as table:
        assert table.route(ip_address(destination)) == expected


def test_rules_about_where_it_comes_from_count(node: Namespace) -> None:
    node.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.cali1.rp_filter=0")
    with RoutingTable() as table:
        assert table.route(SERVER, CLIENT, "cali1") == Route("cali1")
        assert table.route(SERVER, CLIENT, "up0") == Route("up0")
        assert table.route(SERVER, CLIENT, "nowhere") == Route("up0"), "an interface that is not there says nothing"


@pytest.mark.usefixtures("node")
def test_the_passings_of_pairs() -> None:
    def interface_of(address: object) -> str:
        return {"10.0.0.8": "cali1", "192.0.2.7": "up0"}.get(str(address), "")

    me, forwarder, stranger = map(ip_address, ("192.0.2.7", "10.96.0.10", "192.0.2.50"))
    beyond = ip_address("198.51.100.1")
    pairs = [(stranger, me), (me, CLIENT), (CLIENT, forwarder), (stranger, CLIENT), (beyond, CLIENT)]
    assert kernel_routing(pairs, interface_of) == [
        Passing("up0", "", frozenset({me})),
        Passing("", "cali1", frozenset({me})),
        Passing("cali1", "", frozenset({forwarder})),
        Passing("up0", "cali1"),
        Passing(
            "",
            "cali1",
            notes=("this node has no route back to 198.51.100.1: which interface it arrives by is not known",),
        ),
    ]
