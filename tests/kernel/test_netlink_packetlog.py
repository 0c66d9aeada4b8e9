"""Packets that rules log, as they come from the kernel."""

import contextlib
import errno
import socket
import time
from collections.abc import Iterator

import pytest

from dnsguard.netlink.headers import headers
from dnsguard.netlink.nflog import Logged
from dnsguard.netlink.packetlog import OCTETS, PacketLog, name_of
from dnsguard.netlink.socket import NetlinkError
from tests.support.netns import Namespace, namespace

GROUP = 101
RULES = """table inet t {
    chain out { type filter hook output priority 0;
        udp dport 7 log prefix "np-a.b-egress-0" group 101
        udp dport 8 log prefix "PREFIX" group 101
        udp dport 9 drop
    }
}"""


@pytest.fixture
def node() -> Iterator[Namespace]:
    with namespace() as made:
        made.run("nft -f -", RULES.replace("PREFIX", "x" * 127))
        yield made


@contextlib.contextmanager
def taken(node: Namespace, buffer_bytes: int = 1 << 20) -> Iterator[PacketLog]:
    log = PacketLog(GROUP, buffer_bytes)
    with node.entered():
        log.open()
    with contextlib.closing(log):
        yield log


def send(node: Namespace, count: int = 1, port: int = 7, size: int = 5, to: str = "127.0.0.1") -> None:
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    with node.entered(), socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.bind((to, 4000))
        for _ in range(count):
            sender.sendto(bytes(size), (to, port))


def read(log: PacketLog, count: int) -> list[Logged]:
    """At least so many."""
    found: list[Logged] = []
    give_up = time.monotonic() + 20
    while len(found) < count and time.monotonic() < give_up:
        some = log.read()
        found += some or ()
        if some is None:
            time.sleep(0.01)
    return found


@pytest.mark.parametrize("to", ["127.0.0.1", "::1"])
def test_a_logged_packet_says_whose_and_which(node: Namespace, to: str) -> None:
    with taken(node) as log:
        send(node, to=to)
        (found,) = read(log, 1)
    assert (found.group, found.prefix, found.sequence, found.interface_in) == (GROUP, "np-a.b-egress-0", 0, 0)
    with node.entered():
        assert name_of(found.interface_out) == "lo"
    packet = headers(found.payload)
    assert packet is not None
    assert (packet.protocol, packet.source_port, packet.destination_port) == (17, 4000, 7)


def test_the_longest_prefix_comes_whole_and_no_more_of_a_packet_than_is_read(node: Namespace) -> None:
    with taken(node) as log:
        send(node, port=8, size=1000)
        (found,) = read(log, 1)
    assert found.prefix == "x" * 127
    assert len(found.payload) == OCTETS


def test_many_packets_come_in_order(node: Namespace) -> None:
    with taken(node) as log:
        send(node, 100)
        found = read(log, 100)
    assert [each.sequence for each in found] == list(range(100))
    assert log.lost == 0


def test_what_did_not_fit_is_counted(node: Namespace) -> None:
    with taken(node, 4096) as log:
        send(node, 5_000)
        found = read(log, 1)
        while log.read():
            pass
        send(node, 40)  # whose numbers tell
        found += read(log, 1)
        while (some := log.read()) is not None or not log.lost:
            found += some or ()
        assert log.lost > 0
        assert len(found) < 5_000


def test_a_group_has_one_reader(node: Namespace) -> None:
    with taken(node) as log:
        with pytest.raises(NetlinkError) as refused, taken(node):
            pass
        assert (refused.value.errno, refused.value.detail) == (errno.EPERM, "another program has it")
        send(node)
        assert len(read(log, 1)) == 1
    with taken(node) as log:
        send(node)
        assert [each.sequence for each in read(log, 1)] == [0]


def test_nobody_waits_for_a_reader_that_is_gone_or_stuck(node: Namespace) -> None:
    send(node, 10)
    with taken(node, 4096):
        send(node, 5_000)
        with pytest.raises(PermissionError):
            send(node, port=9)


def test_an_interface_that_is_not_there_has_no_name() -> None:
    assert name_of(0) == name_of(0x7FFFFFFF) == ""
