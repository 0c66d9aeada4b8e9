"""What the kernel makes of interception: transparent sockets, IP rule and route, and settings that get in the way."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import INTERCEPTED_MARK, Interception, Settings
from dnsguard.dns.client import Client, Respond
from dnsguard.dns.counters import Counters
from dnsguard.dns.listen.tcp import TcpListener, TcpSettings
from dnsguard.dns.listen.transparent import LOOPBACK, TransparentUdpListener, bound_transparent
from dnsguard.netlink.localdelivery import LocalDelivery, unusable
from tests.support.compiled import compiled, workload
from tests.support.road import Road, road

TAKER = 8055
SETTINGS = Settings(interception=Interception(TAKER))
DELIVERY = LocalDelivery(INTERCEPTED_MARK)
A, A6 = "10.65.0.2", "2001:db8:65::2"
OUT, OUT6 = "198.51.100.10", "2001:db8:d::10"
PATIENCE = 30.0
QUERY = bytes(12)


@pytest.fixture(scope="module")
def way() -> Iterator[Road]:
    with road(SETTINGS) as made:
        made.driver.apply(build_plan(compiled(endpoints=[workload("a", A, A6, interface="cali-a")]), SETTINGS))
        with made.node.entered():
            DELIVERY.ensure()
        yield made


@dataclass
class Desk:
    """Answers each message with the same; notes who asked whom."""

    counters: Counters = field(default_factory=Counters)
    seen: list[Client] = field(default_factory=list)

    def handle(self, data: bytes, client: Client, respond: Respond) -> None:
        self.seen.append(client)
        respond(data)


@asynccontextmanager
async def taking(way: Road) -> AsyncIterator[Desk]:
    """The forwarder's transparent listeners in the node, where everything happens meanwhile: sockets to answer from are
    made when they are needed."""
    desk, listeners = Desk(), contextlib.ExitStack()
    with way.node.entered(), listeners:
        for address in LOOPBACK:
            udp = TransparentUdpListener(address, TAKER, desk.handle, desk.counters)
            listeners.callback(udp.close)
            tcp = TcpListener(desk.handle, desk.counters, TcpSettings())
            listeners.callback(tcp.close)
            await tcp.open(address, TAKER, bound_transparent(address, TAKER, socket.SOCK_STREAM))
            await tcp.start()
        yield desk
    await asyncio.sleep(0)


async def asked(way: Road, server: str, kind: socket.SocketKind = socket.SOCK_DGRAM, place: str = "a") -> bytes:
    """The answer to a query from a workload, over a connected socket: from anybody else it would not come."""
    loop = asyncio.get_running_loop()
    with way.places[place].entered():
        client = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, kind)
    with client:
        client.setblocking(False)
        async with asyncio.timeout(PATIENCE):
            await loop.sock_connect(client, (server, 53))
            framed = QUERY if kind is socket.SOCK_DGRAM else len(QUERY).to_bytes(2, "big") + QUERY
            await loop.sock_sendall(client, framed)
            return await loop.sock_recv(client, 100)


def packed(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


@pytest.mark.parametrize("server", [OUT, OUT6, "203.0.113.1", "2001:db8:ffff::1"])
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_any_server_is_answered_for(way: Road, server: str, kind: socket.SocketKind) -> None:
    """Also one to which the node has no route."""
    async with taking(way) as desk:
        assert QUERY in await asked(way, server, kind)
        (client,) = desk.seen
        source, transport = A6 if ":" in server else A, "udp" if kind is socket.SOCK_DGRAM else "tcp"
        assert (client.address, client.asked, client.transport) == (packed(source), packed(server), transport)


@pytest.mark.parametrize("reverse_path_filter", [0, 1, 2])
async def test_the_check_of_sources_does_not_mind(way: Road, reverse_path_filter: int) -> None:
    for name in "all", "cali-a":
        way.node.run(f"sysctl -qw net.ipv4.conf.{name}.rp_filter={reverse_path_filter}")
    try:
        async with taking(way):
            assert await asked(way, OUT) == QUERY
    finally:
        for name in "all", "cali-a":
            way.node.run(f"sysctl -qw net.ipv4.conf.{name}.rp_filter=0")


async def test_a_setting_that_makes_the_kernel_drop_them_is_named(way: Road) -> None:
    async with taking(way) as desk:
        assert list(unusable()) == []
        way.node.run("sysctl -qw net.ipv4.conf.all.src_valid_mark=1")
        try:
            (said,) = unusable()
            assert said.startswith("net.ipv4.conf.all.src_valid_mark is 1")
            before = martians()
            with way.places["a"].entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(QUERY, (OUT, 53))
            give_up = time.monotonic() + PATIENCE
            while martians() == before:
                assert time.monotonic() < give_up
        finally:
            way.node.run("sysctl -qw net.ipv4.conf.all.src_valid_mark=0")
        assert await asked(way, OUT) == QUERY
        assert len(desk.seen) == 1


def martians() -> str:
    """The kernel's counter of packets on their way in that it found no sense in (in_martian_src)."""
    lines = Path("/proc/net/stat/rt_cache").read_text().splitlines()
    place = lines[0].split().index("in_martian_src")
    return " ".join(line.split()[place] for line in lines[1:])


async def test_behind_nat_the_server_is_the_one_that_is_translated_to(way: Road) -> None:
    """Policy sees every packet after DNAT; the client sees the address that it asked."""
    way.node.run(
        "nft -f -",
        "table inet services { chain pre { type nat hook prerouting priority dstnat\n"
        f"ip daddr 10.96.0.99 dnat ip to {OUT}\n}}\n}}\n",
    )
    try:
        async with taking(way) as desk:
            for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
                assert QUERY in await asked(way, "10.96.0.99", kind)
            assert [client.asked for client in desk.seen] == [packed(OUT)] * 2
    finally:
        way.node.run("nft delete table inet services")


async def test_a_workload_that_is_unknown_or_borrows_an_address_is_not_heard(way: Road) -> None:
    async with taking(way) as desk:
        assert way.send("u", "net", OUT, 53) == "unknown-workload-egress"
        way.places["b"].run(f"ip addr add {A}/32 dev lo")
        assert way.send("b", "net", OUT, 53, bind=A) in ("spoofed-source", "unknown-workload-egress")
        assert desk.seen == []


async def test_where_nobody_takes_it_the_query_goes_nowhere(way: Road) -> None:
    assert way.send("a", "net", OUT, 53) == "no-forwarder"
    assert way.send("a", "net", OUT6, 53) == "no-forwarder"


async def test_what_is_sent_to_the_listener_itself_is_not_taken_for_a_query(way: Road) -> None:
    async with taking(way) as desk:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(QUERY, (LOOPBACK[0], TAKER))
        assert await asked(way, OUT) == QUERY
        assert [client.asked for client in desk.seen] == [packed(OUT)]
        assert desk.counters.udp_received == 2


def test_rule_and_route_are_made_once_and_removed_wholly(way: Road) -> None:
    with way.node.entered():
        assert not DELIVERY.ensure()
        assert DELIVERY.remove()
        assert not DELIVERY.remove()
        assert "fwmark" not in way.node.run("ip rule") + way.node.run("ip -6 rule")
        assert way.node.run("ip route show table all type local").count("default") == 0
        assert DELIVERY.ensure()
        way.node.run("ip -6 rule delete preference 53")
        assert DELIVERY.ensure()
        way.node.run("ip route flush table 10053")
        assert DELIVERY.ensure()
        assert not DELIVERY.ensure()


def test_rules_of_others_are_left_alone(way: Road) -> None:
    way.node.run("ip rule add preference 53 fwmark 0x1/0x1 lookup 10053")
    way.node.run("ip route add 192.0.2.77/32 dev eth0 table 10053")
    with way.node.entered():
        DELIVERY.ensure()
        DELIVERY.remove()
        assert "fwmark 0x1/0x1" in way.node.run("ip rule")
        assert "192.0.2.77" in way.node.run("ip route show table 10053")
        DELIVERY.ensure()
    way.node.run("ip rule delete preference 53 fwmark 0x1/0x1")
    way.node.run("ip route delete 192.0.2.77/32 table 10053")


def test_without_ipv6_that_of_ipv4_is_made(way: Road) -> None:
    with way.node.entered():
        DELIVERY.remove()
        switch = Path("/proc/sys/net/ipv6/conf/lo/disable_ipv6")
        switch.write_text("1")
        try:
            assert DELIVERY.ensure()
            assert not DELIVERY.ensure()
            assert "fwmark" in way.node.run("ip rule")
            assert "fwmark" not in way.node.run("ip -6 rule")
        finally:
            switch.write_text("0")
            assert DELIVERY.ensure()
