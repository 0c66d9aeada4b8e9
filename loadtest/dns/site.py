"""Where look-ups are measured: clients, a node that a forwarder runs on, and a name server, each a network of its own.

::

    clients 10.9.0.2 …  ── w0 10.9.0.1  node  10.9.1.1 up0 ──  10.9.1.2 name server

Without a forwarder the node forwards packets, so that clients can ask the name server directly over the same way.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from tests.support.netns import Namespace, link, namespace

LISTEN = "10.9.0.1"
UPSTREAM = "10.9.1.2"
CLIENTS = "10.9.0.0/24"
_FIRST_CLIENT = IPv4Address("10.9.0.2")


FIRST_PORT = 20_480
"""Source port of the first client where `spread` is in force; its low bits are 0."""


def client(number: int = 0) -> str:
    """The address of a client."""
    return str(_FIRST_CLIENT + number)


_SPREADING = """
table ip spread {{
    chain asks {{
        type filter hook output priority raw
        udp sport >= 20480 udp dport 53 ip saddr set udp sport & {mask} map {{ {addresses} }}
    }}
    chain hears {{
        type filter hook prerouting priority raw
        udp dport >= 20480 udp sport 53 ip daddr set {first}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Three networks, and a directory for what programs write."""

    clients: Namespace
    node: Namespace
    server: Namespace
    directory: Path


@contextmanager
def site(directory: Path, clients: int = 1) -> Iterator[Site]:
    """A site with that many addresses of clients. The process must be alone in its network."""
    with namespace() as asking, namespace() as node, namespace() as server:
        link(node, "w0", asking, "eth0")
        link(node, "up0", server, "eth0")
        node.run(f"ip addr add {LISTEN}/24 dev w0")
        node.run("ip addr add 10.9.1.1/24 dev up0")
        node.run("sysctl -qw net.ipv4.ip_forward=1")
        for number in range(clients):
            asking.run(f"ip addr add {client(number)}/24 dev eth0")
        asking.run(f"ip route add default via {LISTEN}")
        server.run(f"ip addr add {UPSTREAM}/24 dev eth0")
        server.run("ip route add default via 10.9.1.1")
        yield Site(asking, node, server, directory)


@contextmanager
def spread(place: Site, count: int) -> Iterator[None]:
    """Questions of the first client come from that many (a power of 2) in turn, by their source port; stateless.

    Load generators ask from one address, and a node has many pods.
    """
    if count > 1:
        addresses = ", ".join(f"{number} : {client(number)}" for number in range(count))
        place.clients.run("nft -f -", _SPREADING.format(addresses=addresses, mask=count - 1, first=client()))
    try:
        yield
    finally:
        if count > 1:
            place.clients.run("nft delete table ip spread")


def started(place: Namespace, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """A program that runs there until it is ended, and dies with us in any case."""
    with place.entered(), log.open("ab") as output:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def ended(process: subprocess.Popen[bytes], patience: float = 10.0) -> None:
    """Ask it to end; kill it if it does not."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
