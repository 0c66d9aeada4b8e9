"""A connection to one server, over TCP or TLS: opened when needed, shared by many questions, closed when idle.

RFC 7766 §6.2, RFC 7858 §3. Nothing else follows from a connection that fails: the server is asked again later, with
pauses that grow, and in no other way than it is to be asked.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import Final

from dnsguard.dns.upstream.exchange import Attempt
from dnsguard.dns.upstream.question import padded
from dnsguard.dns.upstream.sockets import SO_MARK
from dnsguard.dns.upstream.tls import TlsClient
from dnsguard.servers import Server

CONNECT_SECONDS: Final = 2.0
"""For TCP and TLS together. Whoever waits gives up by then; the kernel alone would try for two minutes."""

IDLE_SECONDS: Final = 10.0
IDLE_TLS_SECONDS: Final = 30.0
"""Longer than the pause between two probes: a handshake costs the next look-up two round trips and more."""

SILENT_SECONDS: Final = 0.5
"""A connection that answered nothing for so long is doubted, and others are used."""

MAX_WAITING: Final = 256
"""Questions on one connection. More means the server does not answer."""

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 10.0

Received = Callable[["StreamLink", bytes], None]
Broken = Callable[["StreamLink", OSError], None]


class Backoff:
    """When connections to one server may be tried again, and why not now."""

    def __init__(self) -> None:
        self._until = 0.0
        self._pause = FIRST_PAUSE
        self._why = ""

    def failed(self, now: float, why: str) -> None:
        """A connection could not be made."""
        if now >= self._until:
            self._until = now + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self._why = why

    def succeeded(self) -> None:
        """One was made."""
        self._until, self._pause = 0.0, FIRST_PAUSE

    def check(self, now: float) -> None:
        """Raise ``OSError`` with the last reason while it is too early."""
        if now < self._until:
            raise OSError(errno.EAGAIN, self._why)


class StreamLink:
    """A connection that is made again when it is needed again. ``broken`` is told when what is pending has no hope."""

    reliable = True

    def __init__(
        self,
        server: Server,
        server_index: int,
        mark: int | None,
        received: Received,
        broken: Broken,
        tls: TlsClient | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """``tls`` and ``backoff`` are shared by all connections to a server."""
        self.server_index = server_index
        self.pending: dict[int, Attempt] = {}
        self._server = server
        self._mark = mark
        self._received = received
        self._broken = broken
        self._tls = tls
        self._backoff = backoff or Backoff()
        self._connection: _Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: list[bytes] = []
        self._last_use = 0.0
        self._silent_since: float | None = None
        """Since when it has owed an answer without giving any; None where it does not."""

    def send(self, data: bytes) -> None:
        """Write one message, at once or when connected."""
        if len(self.pending) >= MAX_WAITING:
            raise BlockingIOError(f"{len(self.pending)} questions wait on one connection")
        if self._tls is not None:
            data = padded(data)
        framed = len(data).to_bytes(2, "big") + data
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._connection is None and self._connecting is None:
            self._backoff.check(now)
            self._connecting = loop.create_task(self._connect(loop), name=f"upstream stream {self._server}")
        self._last_use = now
        if not self.pending or self._silent_since is None:
            self._silent_since = now
        if self._connection is not None:
            self._connection.transport.write(framed)
        else:
            self._waiting.append(framed)

    def is_silent(self, now: float) -> bool:
        """Whether it owes answers and has given none for ``SILENT_SECONDS``."""
        return self._silent_since is not None and now - self._silent_since > SILENT_SECONDS

    def sweep(self, now: float) -> None:
        """Close a connection that is idle, or that was asked and never answered: nobody may be there any more."""
        if self.pending or self._connection is None:
            return
        if self.is_silent(now):
            self._drop().transport.abort()
        elif now - self._last_use > (IDLE_SECONDS if self._tls is None else IDLE_TLS_SECONDS):
            self._drop().transport.close()

    def close(self) -> list[Attempt]:
        """Close for good; returns what was still pending."""
        orphans = list(self.pending.values())
        self.pending.clear()
        self._waiting.clear()
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            self._drop().transport.abort()
        return orphans

    def _drop(self) -> "_Connection":
        connection = self._connection
        assert connection is not None  # noqa: S101 - by all who call this
        self._connection = self._silent_since = None
        connection.keep_session()
        return connection

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
                connection = await self._open(loop, sock)
        except (OSError, ValueError) as error:
            sock.close()
            self._connecting = None
            self._waiting.clear()
            explained = self._explained(error)
            self._backoff.failed(loop.time(), explained.strerror or "")
            self._broken(self, explained)
        except asyncio.CancelledError:
            sock.close()
            raise
        else:
            self._made(connection)

    async def _open(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> "_Connection":
        tls = self._tls
        if tls is None:
            return (await loop.create_connection(lambda: _Connection(self), sock=sock))[1]
        context = await tls.context(loop.time())
        _, connection = await loop.create_connection(
            lambda: _Connection(self, tls), sock=sock, ssl=context, server_hostname=tls.name
        )
        assert connection.secured is not None  # noqa: S101 - there is no such connection without
        try:
            tls.examine(connection.secured, loop.time())
        except OSError:
            connection.transport.abort()
            raise
        return connection

    def _explained(self, error: OSError | ValueError) -> OSError:
        """The same with a ``strerror`` for people."""
        if isinstance(error, TimeoutError) and not error.strerror:
            return TimeoutError(errno.ETIMEDOUT, f"no connection within {CONNECT_SECONDS:g} s")
        if isinstance(error, ssl.SSLError) and self._tls is not None:
            return self._tls.explained(error)
        if isinstance(error, OSError) and error.strerror:
            return error
        return OSError(errno.EIO, str(error) or type(error).__name__)

    def _made(self, connection: "_Connection") -> None:
        self._connecting = None
        if connection.is_lost:
            self._waiting.clear()
            self._broken(self, ConnectionResetError(errno.ECONNRESET, "closed by the server at once"))
            return
        self._backoff.succeeded()
        self._connection = connection
        connection.transport.writelines(self._waiting)
        self._waiting.clear()

    def _lost(self, connection: "_Connection", error: Exception | None) -> None:
        if connection is not self._connection:
            return
        self._drop()
        if self.pending:
            said = error if isinstance(error, OSError) else ConnectionResetError("closed by the server")
            self._broken(self, said)

    def _heard(self, message: bytes) -> None:
        self._silent_since = None
        self._received(self, message)


class _Connection(asyncio.Protocol):
    """One connection of a link, from made to lost."""

    transport: asyncio.Transport

    def __init__(self, link: StreamLink, tls: TlsClient | None = None) -> None:
        self.is_lost = False
        self.secured: ssl.SSLObject | None = None
        self._tls = tls
        self._link = link
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_connection gives no other
        self.transport = transport
        self.secured = transport.get_extra_info("ssl_object")

    def keep_session(self) -> None:
        """For the next one."""
        if self._tls is not None and self.secured is not None:
            self._tls.keep_session(self.secured)

    def data_received(self, data: bytes) -> None:
        """Cut messages out of the stream (RFC 1035 §4.2.2)."""
        buffer = self._buffer
        buffer += data
        position = 0
        while len(buffer) - position >= 2:
            end = position + 2 + int.from_bytes(buffer[position : position + 2], "big")
            if len(buffer) < end:
                break
            self._link._heard(bytes(buffer[position + 2 : end]))
            position = end
        if position:
            del buffer[:position]

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._link._lost(self, exc)
