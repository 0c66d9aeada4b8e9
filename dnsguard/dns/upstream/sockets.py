"""Connected UDP sockets to one server, each with a port of its own that is given up after some use.

The kernel only delivers what comes from the server's address and port; an attacker has to guess our port, the ID and
the casing at once (RFC 5452). Many sockets with few questions each make that guess cover little.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from dnsguard.dns.upstream.entropy import Entropy
from dnsguard.dns.upstream.exchange import Attempt
from dnsguard.servers import Server

SO_MARK: Final = 36  # linux/asm-generic socket.h; Python has it only on some builds
_BATCH: Final = 64
_BIND_TRIES: Final = 8
_FIRST_PORT: Final = 1024
_ROOM: Final = 4096
"""Octets read at once. We ask for 1232; what is longer arrives cut and is malformed."""

Received = Callable[["UdpLink", bytes], None]
Broken = Callable[["UdpLink", OSError], None]


class UdpLink:
    """One connected socket."""

    reliable = False
    __slots__ = ("_sock", "_watching", "pending", "server_index", "uses")

    def __init__(self, sock: socket.socket, server_index: int) -> None:
        self._sock = sock
        self._watching: asyncio.AbstractEventLoop | None = None
        self.server_index = server_index
        self.pending: dict[int, Attempt] = {}
        self.uses = 0

    def send(self, data: bytes) -> None:
        """One datagram."""
        self.uses += 1
        self._sock.send(data)

    def watch(self, loop: asyncio.AbstractEventLoop, received: Received, broken: Broken) -> None:
        """Report every packet, and every error that the network reported (ICMP)."""
        self._watching = loop
        loop.add_reader(self._sock.fileno(), self._drain, received, broken)

    def close(self) -> None:
        """Let the port go. What is pending must have been settled."""
        if self._watching is not None:
            self._watching.remove_reader(self._sock.fileno())
            self._watching = None
        self._sock.close()

    def _drain(self, received: Received, broken: Broken) -> None:
        recv = self._sock.recv
        for _ in range(_BATCH):
            try:
                data = recv(_ROOM)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                broken(self, error)
                return
            received(self, data)
            if not self.pending:
                return  # nothing more is expected; should something come, we are called again


class UdpLinks:
    """The sockets to one server: at most ``count`` in use, each replaced after ``uses`` questions."""

    def __init__(
        self, server: Server, server_index: int, count: int, uses: int, mark: int | None, entropy: Entropy
    ) -> None:
        self._server = server
        self._index = server_index
        self._uses = uses
        self._mark = mark
        self._entropy = entropy
        self._links: list[UdpLink | None] = [None] * count
        self._retired: list[UdpLink] = []

    def pick(self, loop: asyncio.AbstractEventLoop, received: Received, broken: Broken) -> UdpLink:
        """Any of them. Raises ``OSError`` where no socket can be had, or the server has no route."""
        slot = self._entropy.take(1)[0] % len(self._links)
        link = self._links[slot]
        if link is not None and link.uses < self._uses:
            return link
        if link is not None:
            self._retired.append(link)
            self._links[slot] = None
        link = UdpLink(self._connect(), self._index)
        link.watch(loop, received, broken)
        self._links[slot] = link
        return link

    def renumber(self, server_index: int) -> None:
        """The server has another place in the list now."""
        self._index = server_index
        for link in (*self._links, *self._retired):
            if link is not None:
                link.server_index = server_index

    def sweep(self) -> None:
        """Close the retired ones that wait for nothing."""
        if self._retired:
            for link in self._retired:
                if not link.pending:
                    link.close()
            self._retired = [link for link in self._retired if link.pending]

    def close(self) -> list[Attempt]:
        """Close all; returns what was still pending."""
        orphans: list[Attempt] = []
        for link in (*self._links, *self._retired):
            if link is not None:
                orphans += link.pending.values()
                link.pending.clear()
                link.close()
        self._links = [None] * len(self._links)
        self._retired = []
        return orphans

    def _connect(self) -> socket.socket:
        ipv6 = ":" in self._server.address
        sock = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            if self._mark is not None:
                sock.setsockopt(socket.SOL_SOCKET, SO_MARK, self._mark)
            self._bind_somewhere(sock, "::" if ipv6 else "0.0.0.0")  # noqa: S104 - connect() narrows it
            sock.connect((self._server.address, self._server.port))
        except OSError:
            sock.close()
            raise
        return sock

    def _bind_somewhere(self, sock: socket.socket, address: str) -> None:
        """A port from the whole range, not only the ephemeral one; the kernel's choice where ours are taken."""
        for _ in range(_BIND_TRIES):
            port = self._entropy.number()
            if port < _FIRST_PORT:
                continue
            try:
                sock.bind((address, port))
            except OSError:
                continue
            return
