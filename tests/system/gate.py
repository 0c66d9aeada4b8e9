"""What leases are for: a door before all that the workload of a rig may connect to, open where a lease says so.

Every address of 198.18.0.0/15 is the node's (for its routes, not for dnsguard), and one server answers on all of them.
It judges the first packet of a connection, and counts what it denies: one that came through at its second try is seen.
"""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator

from tests.system.forwarder import LISTEN, TABLE, WORKLOAD, Rig

NETWORK = "198.18.0.0/15"
PORT = 8000
RULES = f"""
table inet {TABLE} {{
  counter denied {{ }}
  chain gate {{
    type filter hook input priority 0; policy accept;
    ip daddr != {NETWORK} accept
    tcp flags & (syn | ack) != syn accept
    ip saddr . ip daddr @d4-web accept
    counter name "denied" drop
  }}
}}
"""


class Gate:
    """Needs the set ``d4-web``."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def denied(self) -> int:
        """Packets so far."""
        listing = self._rig.node.run(f"nft list counter inet {TABLE} denied")
        found = re.search(r"packets (\d+)", listing)
        assert found
        return int(found[1])

    async def connect(self, address: str, source: str = WORKLOAD) -> socket.socket:
        """A connection of the workload, answered once. Raises ``TimeoutError`` where the door stays shut."""
        loop = asyncio.get_running_loop()
        with self._rig.workload.entered():
            sock = socket.socket()
        sock.setblocking(False)
        try:
            sock.bind((source, 0))
            async with asyncio.timeout(5):
                await loop.sock_connect(sock, (address, PORT))
            await self.use(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    async def reach(self, address: str, source: str = WORKLOAD) -> None:
        """Connect and hang up."""
        (await self.connect(address, source)).close()

    @staticmethod
    async def use(sock: socket.socket) -> None:
        """One octet there and back."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(5):
            await loop.sock_sendall(sock, b"x")
            assert await loop.sock_recv(sock, 1) == b"x"


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while octets := await reader.read(64):
            writer.write(octets)
    writer.close()


@contextlib.asynccontextmanager
async def gate(rig: Rig) -> AsyncIterator[Gate]:
    """The door in place, and somebody behind it."""
    rig.node.run(f"ip route add local {NETWORK} dev lo")
    rig.workload.run(f"ip route add default via {LISTEN}")
    rig.node.run("nft -f -", RULES)
    server = await asyncio.start_server(_echo, "0.0.0.0", PORT)
    try:
        yield Gate(rig)
    finally:
        server.close()
