"""Queries over TCP (RFC 7766): many on one connection, answered in whatever order the answers come.

Limits: connections in all and per client address, queries waiting per connection (reading stops until some are
answered), octets the client does not take (the connection is dropped), idle time (one sweep for all connections).
Where all connections are taken, the one that has been idle longest makes room (RFC 7766 §6.2.3): who holds many open
keeps nobody else out.
"""

import asyncio
import socket
from collections import defaultdict
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from dnsguard.dns.client import Client, Handler
from dnsguard.dns.counters import Counters
from dnsguard.dns.listen.binding import ACCEPT_QUEUE, bound_tcp

_ACCEPTED_AT_ONCE: Final = 128
"""Connections taken between two looks at everything else."""


@dataclass(frozen=True, slots=True)
class TcpSettings:
    """Limits of one listener."""

    connections: int = 1024
    connections_per_client: int = 64
    waiting_per_connection: int = 128
    unread_octets: int = 1024 * 1024
    """Answers in our buffers that the client has not taken; more drops the connection."""

    idle: float = 10.0
    """Seconds without a query, and with none waiting, until we close (RFC 7766 §6.2.3). Half a query counts as none."""


class TcpListener:
    """One listening socket and its connections."""

    def __init__(self, handler: Handler, counters: Counters, settings: TcpSettings) -> None:
        self.handler = handler
        self.counters = counters
        self.settings = settings
        self.sock: socket.socket
        self.port = 0
        """The one in use, once open."""

        self.stopped = False

        self._connections: dict[_Connection, None] = {}
        """In the order of their last queries."""

        self._by_client: defaultdict[bytes, int] = defaultdict(int)
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    async def open(self, address: str, port: int, sock: socket.socket | None = None) -> None:
        """Listen, on a socket of its own. On one that listens there already connections may wait: they are taken from
        ``start`` on. Raises ``OSError``."""
        self.sock = bound_tcp(address, port) if sock is None else sock
        try:
            self.sock.setblocking(False)
            self.port = self.sock.getsockname()[1]
            self._server = await self._loop.create_server(
                self._connection, sock=self.sock, backlog=_ACCEPTED_AT_ONCE, start_serving=False
            )
            if sock is None:
                await self.start()
        except OSError:
            self.sock.close()
            raise

    async def start(self) -> None:
        """Take connections whenever there are some."""
        if self._server is not None and not self.stopped:
            await self._server.start_serving()
            # asyncio takes one number for both; what waits in the kernel while we restart may be more.
            self.sock.listen(ACCEPT_QUEUE)

    def is_full_for(self, client: bytes) -> bool:
        """Whether this client has as many connections as it may."""
        return self._by_client.get(client, 0) >= self.settings.connections_per_client

    async def take(self, accepted: socket.socket) -> None:
        """Serve a connection that was accepted elsewhere. Refused like any other where it is too much."""
        await self._loop.connect_accepted_socket(self._connection, accepted)

    def _connection(self) -> "_Connection":
        return _Connection(self)

    def stop(self) -> None:
        """Take no more connections; those that stand are still answered."""
        self.stopped = True
        if self._server is not None:
            self._server.close()

    def close(self) -> None:
        """Stop listening and close every connection. Answers that come later go nowhere."""
        if self._server is not None:
            self._server.close()
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self._connections):
            connection.transport.abort()

    def admit(self, connection: "_Connection") -> bool:
        """Whether there is room for one more connection, this client's and in all; if so it is counted."""
        client = connection.client_address
        if self.is_full_for(client) or not self._has_room():
            self.counters.tcp_refused += 1
            return False
        self.counters.tcp_connections += 1
        self._connections[connection] = None
        self._by_client[client] += 1
        if self._timer is None:
            self._timer = self._loop.call_later(self.settings.idle / 4, self._sweep)
        return True

    def _has_room(self) -> bool:
        """Whether one more fits, an idle one being closed for it if need be."""
        if len(self._connections) < self.settings.connections:
            return True
        idle = next((connection for connection in self._connections if not connection.waiting), None)
        if idle is None:
            return False
        self.counters.tcp_idle_closed += 1
        idle.transport.abort()
        self.leave(idle)
        return True

    def asked(self, connection: "_Connection") -> None:
        """It has sent a whole query: of all that are idle it will be the last to go."""
        if self._connections.pop(connection, self) is None:
            self._connections[connection] = None

    def leave(self, connection: "_Connection") -> None:
        """The connection is gone."""
        if connection in self._connections:
            del self._connections[connection]
            self._by_client[connection.client_address] -= 1
            if not self._by_client[connection.client_address]:
                del self._by_client[connection.client_address]

    def _sweep(self) -> None:
        before = self._loop.time() - self.settings.idle
        for connection in list(self._connections):
            if not connection.waiting and connection.last_query < before:
                self.counters.tcp_idle_closed += 1
                connection.transport.close()
        self._timer = self._loop.call_later(self.settings.idle / 4, self._sweep) if self._connections else None


class _Connection(asyncio.Protocol):
    """One client connection."""

    transport: asyncio.Transport
    client_address: bytes

    def __init__(self, listener: TcpListener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._client: Client | None = None
        self._paused = False
        self._ended = False
        self.waiting = 0
        self.last_query = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_server gives no other
        self.transport = transport
        self.client_address = _packed(transport.get_extra_info("peername")[0])
        if not self._listener.admit(self):
            transport.abort()
            return
        self._client = Client(self.client_address, _packed(transport.get_extra_info("sockname")[0]), "tcp")
        transport.set_write_buffer_limits(high=self._listener.settings.unread_octets)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._take()

    def eof_received(self) -> bool:
        """The client sends no more; what it asked is still answered (RFC 7766 §6.2.4)."""
        self._ended = True
        self._loop.call_soon(self._take)
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._client = None
        self._listener.leave(self)

    def pause_writing(self) -> None:
        """The client asks but does not listen."""
        self._listener.counters.tcp_overrun += 1
        self.transport.abort()

    def _take(self) -> None:
        """Hand over whole messages, as many as may wait at a time; close when the client is done and so are we."""
        buffer, limit = self._buffer, self._listener.settings.waiting_per_connection
        while self._client is not None and self.waiting < limit and len(buffer) >= 2:
            end = 2 + int.from_bytes(buffer[:2], "big")
            if len(buffer) < end:
                break
            message = bytes(buffer[2:end])
            del buffer[:end]
            if len(message) < 12 or message[2] & 0x80:
                self.transport.abort()  # it will never have an answer; whoever sends that speaks no DNS
                return
            self.waiting += 1
            self.last_query = self._loop.time()
            self._listener.asked(self)
            self._listener.counters.tcp_received += 1
            self._hand_over(message, self._client)
        if self._ended and not self.waiting:
            self.transport.close()
        else:
            self._throttle(self.waiting >= limit)

    def _hand_over(self, message: bytes, client: Client) -> None:
        answered = False

        def respond(data: bytes | bytearray) -> None:
            nonlocal answered
            if not answered:
                answered = True
                self._answer(data)

        self._listener.handler(message, client, respond)

    def _answer(self, data: bytes | bytearray) -> None:
        self.waiting -= 1
        if self._client is None or self.transport.is_closing():
            return
        self.transport.write(len(data).to_bytes(2, "big") + data)
        if self._paused or self._ended:
            # Not at once: an answer from the cache comes while we are still taking.
            self._loop.call_soon(self._take)

    def _throttle(self, full: bool) -> None:
        if self._client is None or full == self._paused or self.transport.is_closing():
            return
        self._paused = full
        if full:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()


def _packed(text: str) -> bytes:
    return ip_address(text.partition("%")[0]).packed
