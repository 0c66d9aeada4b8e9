"""Bridges, their ports and what is heard of them, beside what `ip` makes and shows; what the kernel can do for them."""

import socket
from collections.abc import Iterator

import pytest

from dnsguard.netlink.bridges import (
    all_call,
    concerns_bridges,
    has_bridge_hooks,
    machine_bridges,
    set_calls,
    watch_links,
)
from dnsguard.netlink.nftables import BRIDGE
from dnsguard.netlink.probe import has_family
from dnsguard.netlink.socket import FamilySocket
from tests.support.netns import Namespace, namespace

UNKNOWN_FAMILY = 12
"""NFPROTO_DECNET: no kernel has chains of it."""


@pytest.fixture
def node() -> Iterator[Namespace]:
    with namespace() as made, made.entered():
        for name in "br0", "br1":
            made.run(f"ip link add {name} type bridge")
        for name in "veth-a", "veth-b", "free":
            made.run(f"ip link add {name} type veth peer name {name}-far")
        yield made


def heard(news: socket.socket) -> bool:
    """Whether any of the news so far are about bridges."""
    found = False
    while True:
        try:
            found = concerns_bridges(news.recv(65536)) or found
        except BlockingIOError:
            return found


def test_what_is_plugged_where(node: Namespace) -> None:
    assert machine_bridges().ports == ()
    node.run("ip link set veth-b master br0")
    node.run("ip link set veth-a master br1")
    assert machine_bridges().ports == (("veth-a", "br1"), ("veth-b", "br0"))
    node.run("ip link set veth-a master br0")
    node.run("ip link set veth-b nomaster")
    assert machine_bridges().ports == (("veth-a", "br0"),)
    assert set(machine_bridges().bridges) == {"br0", "br1"}


@pytest.mark.parametrize(
    ("before", "command", "told"),
    [
        ("", "link set veth-a master br0", True),
        ("link set veth-a master br0", "link set veth-a master br1", True),
        ("link set veth-a master br0", "link set veth-a nomaster", True),
        ("link set veth-a master br0", "link del veth-a", True),
        ("link set veth-a master br0", "link set veth-a name other", True),
        ("link set veth-a master br0", "link del br0", True),
        ("", "link add br2 type bridge", True),
        ("", "link set free up", False),
        ("", "link add more type veth peer name more-far", False),
        ("", "link del free", False),
    ],
)
def test_news_of_ports(node: Namespace, before: str, command: str, told: bool) -> None:
    if before:
        node.run(f"ip {before}")
    with watch_links() as news:
        node.run(f"ip {command}")
        assert heard(news) is told


def test_calling_the_hooks_of_one_bridge(node: Namespace) -> None:
    assert has_bridge_hooks(), "this kernel has no br_netfilter: what is tested here cannot be"
    for calls in (True, True), (False, True), (False, False):
        set_calls(machine_bridges().bridges["br1"].link, calls)
        assert machine_bridges().bridges["br1"].calls == calls
        assert machine_bridges().bridges["br0"].calls == (False, False)
    shown = node.run("ip -d link show br1")
    assert "nf_call_iptables 0" in shown
    node.run("sysctl -qw net.bridge.bridge-nf-call-iptables=0")
    assert all_call() == (False, True)


def test_a_bridge_that_is_none(node: Namespace) -> None:
    with pytest.raises(OSError, match="No such device"):
        set_calls(4711, (True, True))
    assert node


@pytest.mark.parametrize(("family", "there"), [(BRIDGE, True), (UNKNOWN_FAMILY, False)])
def test_whether_there_are_tables_of_a_family(node: Namespace, family: int, there: bool) -> None:
    with FamilySocket(family) as kernel:
        assert has_family(kernel) is there
    assert node.run("nft list tables") == ""
