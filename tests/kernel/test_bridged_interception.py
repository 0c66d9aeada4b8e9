"""DNS for other servers, of workloads behind ports of a bridge."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from dnsguard.calc.compiled import Compiled, Direction
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import INTERCEPTED_MARK, Interception, Listen, Settings
from dnsguard.netlink.localdelivery import LocalDelivery
from tests.kernel.test_interception import PATIENCE, QUERY, TAKER, asked, packed, taking
from tests.support.compiled import compiled, policy_class, workload
from tests.support.lan import BRIDGE_PORTS, PLUGGED, Lan, address, lan, udp4

NODE, NET, NET6, B = "10.66.0.1", "192.0.2.10", "2001:db8:c::10", address("b")
SETTINGS = Settings(bridge_ports=BRIDGE_PORTS, interception=Interception(TAKER), listen=(Listen(ip_address(NODE)),))
DOCKER = "add table ip others; add chain ip others forward {type filter hook forward priority 0; policy drop;}"
ARRIVED = "arrived"


def policies() -> Compiled:
    return compiled(
        endpoints=[
            workload(
                place, address(place), address(place, 6), interface=PLUGGED[place][0],
                egress=policy_class(Direction.EGRESS),
            )
            for place in ("a", "b")
        ]
    )  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Iterator[Lan]:
    """With a filter of reverse paths that is strict, and a table of others that lets nothing be forwarded."""
    with lan(SETTINGS) as yard:
        with yard.node.entered():
            LocalDelivery(INTERCEPTED_MARK).ensure()
        for name in "all", "br0", "veth-a", "lo":
            yard.node.run(f"sysctl -qw net.ipv4.conf.{name}.rp_filter=1")
        yield yard


@pytest.fixture(params=[True, False], ids=["br_netfilter", "no br_netfilter"])
def yard(made: Lan, request: pytest.FixtureRequest) -> Lan:
    made.calls_hooks(request.param)
    made.tables.apply(build_plan(policies(), SETTINGS))
    return made


@pytest.mark.parametrize("server", [NET, NET6, "8.8.8.8", "2001:db8:ffff::1"])
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_any_server_is_answered_for_and_learns_nothing(yard: Lan, server: str, kind: socket.SocketKind) -> None:
    """The answer comes from the server that was asked, or a connected socket would not take it."""
    there = yard.listen("net", NET6 if ":" in server else NET, 53)
    yard.drain(there)
    yard.node.run("nft -f -", DOCKER)
    try:
        async with taking(yard) as desk:
            assert QUERY in await asked(yard, server, kind)
            (client,) = desk.seen
            assert client.address == packed(address("a", 6 if ":" in server else 4))
            assert client.asked == packed(server)
    finally:
        yard.node.run("nft delete table ip others")
    with pytest.raises(BlockingIOError):
        there.recv(100)


@pytest.mark.parametrize("server", [NET, NET6])
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_who_goes_on_asking_is_answered_again(yard: Lan, server: str, kind: socket.SocketKind) -> None:
    """By the same socket: an answer must not make the connection one that the server began."""
    there = yard.listen("net", server, 53)
    yard.drain(there)
    loop = asyncio.get_running_loop()
    with yard.places["a"].entered():
        client = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, kind)
    framed = QUERY if kind is socket.SOCK_DGRAM else len(QUERY).to_bytes(2, "big") + QUERY
    async with taking(yard) as desk:
        with client:
            client.setblocking(False)
            async with asyncio.timeout(PATIENCE):
                await loop.sock_connect(client, (server, 53))
                for number in range(1, 4):
                    await loop.sock_sendall(client, framed)
                    assert QUERY in await loop.sock_recv(client, 100)
                    assert len(desk.seen) == number
    with pytest.raises(BlockingIOError):
        there.recv(100)


async def test_a_neighbour_and_the_node_are_asked_as_ever(made: Lan) -> None:
    """The neighbour is judged as with any packet, which br_netfilter brings to the hooks of policy."""
    made.calls_hooks(True)
    made.tables.apply(build_plan(policies(), SETTINGS))
    async with taking(made) as desk:
        assert made.send("a", "b", B, 53) == ARRIVED
        assert made.send("a", "b", address("b", 6), 53) == ARRIVED
        assert made.send("a", "node", NODE, 53) == ARRIVED
        assert desk.seen == []


async def test_nobody_asks_in_the_name_of_another(yard: Lan) -> None:
    async with taking(yard) as desk:
        for thief in "b", "u", "lan":
            frame = udp4(yard.mac("node"), yard.mac(thief), address("a"), NET, 53, QUERY)
            assert yard.throw(thief, "net", frame) != ARRIVED
        assert QUERY in await asked(yard, NET)
        assert [client.address for client in desk.seen] == [packed(address("a"))]


@pytest.mark.parametrize("family", ["ip", "ip6"])
def test_without_the_table_that_turns_them_round_or_without_a_forwarder_they_go_nowhere(yard: Lan, family: str) -> None:
    server = NET if family == "ip" else NET6
    there = yard.listen("net", server, 53)
    yard.drain(there)
    frame = socket.AF_INET if family == "ip" else socket.AF_INET6
    for command in "", f"nft delete table {family} dnsguard":
        if command:
            yard.node.run(command)
        with yard.places["a"].entered(), socket.socket(frame, socket.SOCK_DGRAM) as sender:
            sender.sendto(QUERY, (server, 53))
            assert yard.send("a", "net", server, 9) == ARRIVED, "what came before has come or not by now"
    with pytest.raises(BlockingIOError):
        there.recv(100)
    assert yard.tables.lost()
    yard.tables.apply(build_plan(policies(), SETTINGS))
    assert f"table {family} dnsguard" in yard.node.run("nft list tables")


async def test_nothing_of_it_stays_without_interception(yard: Lan) -> None:
    yard.tables.apply(build_plan(policies(), replace(SETTINGS, interception=None)))
    assert yard.node.run("nft list tables").splitlines() == [
        "table ip nat",
        "table inet dnsguard",
        "table bridge dnsguard",
    ]
    await asyncio.sleep(0)
    yard.tables.apply(build_plan(policies(), SETTINGS))
    yard.tables.uninstall()
    assert yard.node.run("nft list tables").splitlines() == ["table ip nat"]
