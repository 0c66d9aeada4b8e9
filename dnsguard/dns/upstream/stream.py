"""The TCP connection to one server: opened when needed, shared by many questions, closed when idle (RFC 7766 §6.2)."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from dnsguard.dns.upstream.exchange import Attempt
from dnsguard.dns.upstream.sockets import SO_MARK
from dnsguard.servers import Server

CONNECT_SECONDS: Final = 2.0
"""Whoever waits for this connection gives up by then; the kernel alone would try for two minutes."""

IDLE_SECONDS: Final = 10.0
MAX_WAITING: Final = 256
"""Questions on one connection. More means the server does not answer."""

Received = Callable[["StreamLink", bytes], None]
Broken = Callable[["StreamLink", OSError], None]


class StreamLink:
    """A connection that is made again when it is needed again. ``broken`` is told when what is pending has no hope."""

    reliable = True

    def __init__(self, server: Server, server_index: int, mark: int | None, received: Received, broken: Broken) -> None:
        self.server_index = server_index
        self.pending: dict[int, Attempt] = {}
        self._server = server
        self._mark = mark
        self._received = received
        self._broken = broken
        self._connection: _Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: list[bytes] = []
        self._last_use = 0.0

    def send(self, data: bytes) -> None:
        """Write one message, at once or when connected."""
        if len(self.pending) >= MAX_WAITING:
            raise BlockingIOError(f"{len(self.pending)} questions wait on one connection")
        framed = len(data).to_bytes(2, "big") + data
        loop = asyncio.get_running_loop()
        self._last_use = loop.time()
        if self._connection is not None:
            self._connection.transport.write(framed)
            return
        self._waiting.append(framed)
        if self._connecting is None:
            self._connecting = loop.create_task(self._connect(loop), name=f"upstream tcp {self._server}")

    def sweep(self, now: float) -> None:
        """Close an idle connection."""
        if self._connection is not None and not self.pending and now - self._last_use > IDLE_SECONDS:
            connection, self._connection = self._connection, None
            connection.transport.close()

    def close(self) -> list[Attempt]:
        """Close for good; returns what was still pending."""
        orphans = list(self.pending.values())
        self.pending.clear()
        self._waiting.clear()
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.transport.abort()
        return orphans

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> None:
        ipv6 = ":" in self._server.address
        # With the protocol spelled out, for asyncio turns Nagle's algorithm off only then.
        sock = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            sock.setblocking(False)
            if self._mark is not None:
                sock.setsockopt(socket.SOL_SOCKET, SO_MARK, self._mark)
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.sock_connect(sock, (self._server.address, self._server.port))
            await loop.create_connection(lambda: _Connection(self), sock=sock)
        except OSError as error:
            sock.close()
            self._connecting = None
            self._waiting.clear()
            self._broken(self, error)
        except asyncio.CancelledError:
            sock.close()
            raise

    def _made(self, connection: "_Connection") -> None:
        self._connecting = None
        self._connection = connection
        connection.transport.writelines(self._waiting)
        self._waiting.clear()

    def _lost(self, connection: "_Connection", error: Exception | None) -> None:
        if connection is not self._connection:
            return
        self._connection = None
        if self.pending:
            self._broken(self, error if isinstance(error, OSError) else ConnectionResetError("closed by the server"))


class _Connection(asyncio.Protocol):
    """One connection of a link, from made to lost."""

    transport: asyncio.Transport

    def __init__(self, link: StreamLink) -> None:
        self._link = link
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_connection gives no other
        self.transport = transport
        self._link._made(self)

    def data_received(self, data: bytes) -> None:
        """Cut messages out of the stream (RFC 1035 §4.2.2)."""
        buffer = self._buffer
        buffer += data
        position = 0
        while len(buffer) - position >= 2:
            end = position + 2 + int.from_bytes(buffer[position : position + 2], "big")
            if len(buffer) < end:
                break
            self._link._received(self._link, bytes(buffer[position + 2 : end]))
            position = end
        if position:
            del buffer[:position]

    def connection_lost(self, exc: Exception | None) -> None:
        self._link._lost(self, exc)
