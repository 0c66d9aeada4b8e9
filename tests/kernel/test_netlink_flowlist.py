"""Connections as the kernel knows them: between two namespaces, over a node that forwards and tracks."""

import contextlib
import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from dnsguard.netlink.conntrack import CLOSE_WAIT, ESTABLISHED, FIN_WAIT, TCP, Flow
from dnsguard.netlink.flowlist import FEW, FlowList
from tests.support.conntrack import Connections, entry
from tests.support.netns import Namespace, link, namespace

CLIENTS = {4: "10.1.0.2", 6: "fd01::2"}
SERVERS = {4: "10.2.0.2", 6: "fd02::2"}
UDP = 17


@pytest.fixture
def road() -> Iterator[tuple[Namespace, Namespace, Namespace]]:
    """Client, node and server."""
    with namespace() as client, namespace() as node, namespace() as server:
        for number, (end, name) in enumerate(((client, "c"), (server, "s")), 1):
            link(node, name, end, "eth0")
            for prefix, length in ((f"10.{number}.0.", "24"), (f"fd0{number}::", "64")):
                at_once = "nodad" if ":" in prefix else ""
                node.run(f"ip addr add {prefix}1/{length} dev {name} {at_once}")
                end.run(f"ip addr add {prefix}2/{length} dev eth0 {at_once}")
                end.run(f"ip route add default via {prefix}1")
        node.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        node.run("nft -f -", "table inet t { chain c { type filter hook forward priority 0; ct state new accept; }; }")
        yield client, node, server


@contextlib.contextmanager
def talking(client: Namespace, server: Namespace, version: int, kind: int) -> Iterator[list[socket.socket]]:
    """Both ends of a connection over which something went both ways."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with contextlib.ExitStack() as stack:
        with server.entered():
            listening = stack.enter_context(socket.socket(family, kind))
            listening.bind((SERVERS[version], 7000))
        with client.entered():
            asking = stack.enter_context(socket.socket(family, kind))
        if kind == socket.SOCK_STREAM:
            listening.listen()
            asking.connect((SERVERS[version], 7000))
            answering = stack.enter_context(listening.accept()[0])
        else:
            asking.connect((SERVERS[version], 7000))
            asking.send(b"x")
            listening.connect(listening.recvfrom(1)[1])
            answering = listening
        answering.send(b"y")
        assert asking.recv(1) == b"y"
        yield [asking, answering]


def listed(node: Namespace, *clients: str) -> list[Flow]:
    with node.entered(), contextlib.closing(FlowList()) as flows:
        return list(flows.opened_by(frozenset(ip_address(client).packed for client in clients)))


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("kind", "protocol"), [(socket.SOCK_STREAM, TCP), (socket.SOCK_DGRAM, UDP)])
def test_a_connection_is_live_while_it_lasts(
    road: tuple[Namespace, Namespace, Namespace], version: int, kind: int, protocol: int
) -> None:
    client, node, server = road
    with talking(client, server, version, kind):
        (found,) = listed(node, CLIENTS[version])
        to = ip_address(SERVERS[version]).packed
        assert found[:4] == (ip_address(CLIENTS[version]).packed, to, to, protocol)
        assert found.is_live
        assert listed(node, SERVERS[version]) == [], "it was opened by the other end"


def test_a_connection_that_is_closed_is_live_no_more(road: tuple[Namespace, Namespace, Namespace]) -> None:
    client, node, server = road
    with talking(client, server, 4, socket.SOCK_STREAM) as (asking, answering):
        assert [flow.tcp_state for flow in listed(node, CLIENTS[4])] == [ESTABLISHED]
        asking.shutdown(socket.SHUT_WR)
        assert answering.recv(1) == b""
        answering.send(b"on it goes")
        assert asking.recv(1) == b"o"
        (half,) = listed(node, CLIENTS[4])
        assert half.tcp_state in (FIN_WAIT, CLOSE_WAIT)
        assert half.is_live
        answering.shutdown(socket.SHUT_WR)
        while asking.recv(100):
            pass
    assert [flow.is_live for flow in listed(node, CLIENTS[4])] == [False]


def test_what_nobody_answers_is_no_connection(road: tuple[Namespace, Namespace, Namespace]) -> None:
    client, node, server = road
    server.run("nft -f -", "table inet t { chain c { type filter hook input priority 0; drop; }; }")
    with client.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.sendto(b"x", (SERVERS[4], 7000))
    assert not any(flow.is_live for flow in listed(node, CLIENTS[4]))


@pytest.mark.parametrize("clients", [1, FEW, FEW + 1])
def test_a_large_table_has_those_of_the_clients_asked_for(clients: int) -> None:
    with namespace() as node, node.entered():
        with contextlib.closing(Connections()) as filling:
            for number in range(2_000):
                filling.add(entry(f"10.1.{number % 50}.1", "192.0.2.1", source_port=1024 + number))
                if number % 4 == 0:
                    filling.add(entry(f"fd01::{number % 50:x}:1", "2001:db8::1", source_port=1024 + number))
        asked = [f"10.1.{number}.1" for number in range(clients)] + ["fd01::4:1"]
        found = listed(node, *asked)
        assert len(found) == 40 * clients + 20
        assert {flow.source for flow in found} == {ip_address(client).packed for client in asked}
        assert set(listed(node, *asked, "10.99.0.1")) == set(found)
