"""The kernel's table of connections is full: what needs a new entry is lost, and nothing passes for it."""

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from dnsguard.calc.compiled import Action, CompiledRule, Direction
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Settings
from dnsguard.netlink.codec import header
from dnsguard.netlink.conntrack import SUBSYSTEM
from tests.support.compiled import compiled, nets, policy, policy_class, tier, workload
from tests.support.conntrack import Connections, entry
from tests.support.road import Road, road

SETTINGS = Settings()
A, ALLOWED, DENIED = "10.65.0.2", "198.51.100.10", "192.0.2.10"
MOST = 1_000_000
"""Entries of 300 octets each: a machine that takes more is not filled for a test."""

_BATCH = 500


@pytest.fixture
def way() -> Iterator[Road]:
    with road(SETTINGS) as made:
        allowing = policy("allowing", [CompiledRule(0, Action.ALLOW, destination=nets(f"{ALLOWED}/32"))])
        egress = policy_class(Direction.EGRESS, tier("application", allowing))
        state = compiled(endpoints=[workload("a", A, interface="cali-a", egress=egress)], policies=[allowing])
        made.driver.apply(build_plan(state, SETTINGS))
        yield made


def bound() -> int:
    return int(Path("/proc/sys/net/netfilter/nf_conntrack_max").read_text())


def fill(way: Road) -> None:
    """To the last entry, with connections that the kernel gives up for nobody."""
    with way.node.entered(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as kernel:
        kernel.settimeout(0.0)
        whole = entry("203.0.113.1", "203.0.113.2")
        (place,) = (at for at in range(len(whole) - 4) if whole[at : at + 4] == ip("203.0.113.1") and at < 30)
        other = whole.index(ip("203.0.113.1"), place + 4)
        made = bytearray(whole)
        for first in range(0, bound() + 2 * _BATCH, _BATCH):
            batch = bytearray()
            for number in range(first, first + _BATCH):
                source = struct.pack("!I", 0x0B00_0000 + number)
                made[place : place + 4] = made[other : other + 4] = source
                batch += header(len(made), SUBSYSTEM << 8, 0x401, 1) + made
            kernel.send(batch)
            with contextlib.suppress(BlockingIOError, OSError):
                while True:
                    kernel.recv(65_536)


def ip(text: str) -> bytes:
    return socket.inet_aton(text)


def drops(way: Road) -> int:
    """Packets that the kernel dropped for want of an entry; it counts hexadecimal, a row a processor."""
    head, *rows = way.node.run("cat /proc/net/stat/nf_conntrack").splitlines()
    column = head.split().index("drop")
    return sum(int(row.split()[column], 16) for row in rows)


@pytest.mark.timeout(300)
def test_new_connections_are_lost_old_ones_go_on_and_nothing_passes(way: Road) -> None:
    if bound() > MOST:
        pytest.skip(f"this machine takes {bound()} connections")
    inside, outside = way.places["a"], way.places["net"]
    with outside.entered():
        server = socket.create_server((ALLOWED, 443))
    with server, inside.entered(), socket.socket() as client:
        client.connect((ALLOWED, 443))
        there, _ = server.accept()
        with there:
            fill(way)
            before = drops(way)
            assert not arrives(way, ALLOWED)
            assert not arrives(way, DENIED)
            assert drops(way) > before
            client.sendall(b"x")
            there.settimeout(5.0)
            assert there.recv(1) == b"x", "what is known goes on"
            with way.node.entered(), contextlib.closing(Connections()) as connections:
                connections.forget()
            assert way.send("a", "net", ALLOWED, 9) == "arrived", "it heals by itself when entries end"
            assert way.send("a", "net", DENIED, 9) == "tier-application-egress-end"


def arrives(way: Road, address: str) -> bool:
    """Whether one datagram does. Sent before others that do: what was lost needs no waiting for."""
    receiver = way.listen("net", address, 9)
    with way.places["a"].entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(3):
            sender.sendto(b"?", (address, 9))
    receiver.settimeout(0.2)
    try:
        receiver.recv(1)
    except TimeoutError:
        return False
    finally:
        receiver.setblocking(False)
    return True
