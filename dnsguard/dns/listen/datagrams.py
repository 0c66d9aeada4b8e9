"""A UDP socket that is drained in batches, and the clients that were met on it: what all listeners over UDP are."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

from dnsguard.dns.client import Client, Handler
from dnsguard.dns.counters import Counters
from dnsguard.dns.ready import Ready, ReadyAnswers

log = logging.getLogger(__name__)

BATCH: Final = 64
"""Queries read before others have their turn."""

ROOM: Final = 4096
"""Octets read at once: a name, an OPT record and its options. What is longer arrives cut and is malformed."""

ANCILLARY: Final = 128
REMEMBERED: Final = 16_384
"""Clients whose addresses need not be read again."""


class Datagrams:
    """Base of listeners. What is ready for a client is looked up by each of them itself: that is the hot path."""

    drain: Callable[[], None]
    """Takes a batch of what is there; set by the listener, before it starts."""

    def __init__(
        self, sock: socket.socket, handler: Handler, counters: Counters, ready: ReadyAnswers | None = None
    ) -> None:
        """Must be made inside a running loop."""
        self.sock = self._sock = sock
        self.port: int = sock.getsockname()[1]
        """The one in use, also where 0 was asked for."""

        self.stopped = False
        self._is_ipv6 = sock.family == socket.AF_INET6
        self._handler = handler
        self._counters = counters
        self._ready = ready or ReadyAnswers()
        self._met: dict[tuple[str, bytes], tuple[Client, Ready]] = {}
        """Sender and where it asked → the client, and what is ready for it."""

        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Read whenever there is something to read."""
        if not self.stopped:
            self._loop.add_reader(self._sock.fileno(), self.drain)

    def stop(self) -> None:
        """Take no more queries; answers to those that were taken still go out."""
        self.stopped = True
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())

    def close(self) -> None:
        """Stop listening. Answers that come later go nowhere."""
        self.stop()
        self._sock.close()

    def _meet(self, source: str, place: bytes, asked: bytes) -> tuple[Client, Ready]:
        """Get to know who sends from ``source`` to ``asked``; ``place`` is that as the kernel has it."""
        if len(self._met) >= REMEMBERED:
            self._met.clear()
        if self._is_ipv6:
            address = socket.inet_pton(socket.AF_INET6, source.partition("%")[0])  # link-local: with its interface
        else:
            address = socket.inet_aton(source)
        client = Client(address, asked, "udp")
        known = self._met[source, place] = client, self._ready.of(client)
        return known

    def _count(self, received: int, ready: int) -> None:
        counters = self._counters
        counters.udp_received += received
        if ready:
            counters.queries += ready
            counters.released += ready
            counters.released_cached += ready
            counters.released_ready += ready

    def _unsent(self, error: OSError) -> None:
        """A full buffer, a client without a route, or an address that nothing can be sent from: the answer is lost as
        any datagram may be, and counted."""
        self._counters.udp_send_errors += 1
        log.debug("sending an answer: %s", error)
