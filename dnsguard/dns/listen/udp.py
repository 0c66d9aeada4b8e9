"""Queries over UDP: one socket, drained in batches, answers sent from the address that was asked."""

import asyncio
import logging
import socket
from functools import partial
from ipaddress import ip_address
from struct import Struct
from typing import Any, Final

from dnsguard.dns.client import Client, Handler
from dnsguard.dns.counters import Counters
from dnsguard.dns.listen.binding import bound_udp, prepare_udp
from dnsguard.dns.ready import Ready, ReadyAnswers

log = logging.getLogger(__name__)

_IP_PKTINFO: Final = 8  # linux/in.h; Python 3.11 lacks it
_BATCH: Final = 64
_ROOM: Final = 4096
"""Octets read at once: a name, an OPT record and its options. What is longer arrives cut and is malformed."""

_ANCILLARY: Final = 128
_REMEMBERED: Final = 16_384
"""Clients whose addresses need not be read again."""

_pktinfo4 = Struct("=I4s4s")
_pktinfo6 = Struct("=16sI")


class UdpListener:
    """One UDP socket. ``address`` may be a wildcard; then each answer leaves from the address its query went to."""

    def __init__(
        self,
        address: str,
        port: int,
        handler: Handler,
        counters: Counters,
        ready: ReadyAnswers | None = None,
        sock: socket.socket | None = None,
    ) -> None:
        """Listens at once, on a socket of its own. One that was bound to that place may hold what waits there: it is
        read from ``start`` on. What is ``ready`` is sent without asking the handler. Raises ``OSError``."""
        parsed = ip_address(address)
        self._ipv6 = parsed.version == 6
        self._address = parsed.packed
        self._wildcard = parsed.is_unspecified
        self._handler = handler
        self._counters = counters
        self._ready = ready or ReadyAnswers()
        self._met: dict[tuple[str, bytes], tuple[Client, Ready]] = {}
        """Sender and address asked → the client, and what is ready for it."""

        self._loop = asyncio.get_running_loop()
        if sock is not None:
            prepare_udp(sock, wildcard=self._wildcard)
        self.sock = self._sock = bound_udp(address, port) if sock is None else sock
        self.port: int = self._sock.getsockname()[1]
        """The one in use, also where 0 was asked for."""

        self.stopped = False
        self.drain = self._drain_any if self._wildcard else self._drain_one
        """Takes a batch of what is there."""

        if sock is None:
            self.start()

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

    def _drain_one(self) -> None:
        """Bound to one address: that is what was asked."""
        recvfrom, handler, met = self._sock.recvfrom, self._handler, self._met
        asked, now = self._address, self._loop.time()
        received = sent = 0
        try:
            for _ in range(_BATCH):
                data, peer = recvfrom(_ROOM)
                received += 1
                known = met.get((peer[0], asked))
                client, ready = known if known is not None else self._meet(peer[0], asked)
                found = ready.get(data[2:])
                if found is not None and found[1] > now:
                    self._respond_one(peer, data[:2] + found[0])
                    sent += 1
                elif peer[1]:
                    handler(data, client, partial(self._respond_one, peer))
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            log.debug("receiving a query: %s", error)
        self._count(received, sent)

    def _drain_any(self) -> None:
        """Wildcard: the kernel says with every packet where it was sent."""
        recvmsg, handler, met, now = self._sock.recvmsg, self._handler, self._met, self._loop.time()
        received = sent = 0
        try:
            for _ in range(_BATCH):
                data, ancillary, _, peer = recvmsg(_ROOM, _ANCILLARY)
                received += 1
                if not ancillary or not peer[1]:
                    continue
                info = ancillary[0][2]
                if self._ipv6:
                    asked, interface = _pktinfo6.unpack(info)
                    # The interface is pinned only where the address means nothing without it.
                    pinned = interface if asked[0] == 0xFE else 0
                    back = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _pktinfo6.pack(asked, pinned))]
                else:
                    _, _, asked = _pktinfo4.unpack(info)
                    back = [(socket.IPPROTO_IP, _IP_PKTINFO, _pktinfo4.pack(0, asked, bytes(4)))]
                known = met.get((peer[0], asked))
                client, ready = known if known is not None else self._meet(peer[0], asked)
                found = ready.get(data[2:])
                if found is not None and found[1] > now:
                    self._respond_any(peer, back, data[:2] + found[0])
                    sent += 1
                else:
                    handler(data, client, partial(self._respond_any, peer, back))
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            log.debug("receiving a query: %s", error)
        self._count(received, sent)

    def _meet(self, source: str, asked: bytes) -> tuple[Client, Ready]:
        if len(self._met) >= _REMEMBERED:
            self._met.clear()
        client = Client(_pack6(source) if self._ipv6 else socket.inet_aton(source), asked, "udp")
        known = self._met[source, asked] = client, self._ready.of(client)
        return known

    def _count(self, received: int, ready: int) -> None:
        counters = self._counters
        counters.udp_received += received
        if ready:
            counters.queries += ready
            counters.released += ready
            counters.released_cached += ready
            counters.released_ready += ready

    def _respond_one(self, peer: Any, data: bytes | bytearray) -> None:
        try:
            self._sock.sendto(data, peer)
        except OSError as error:
            self._unsent(error)

    def _respond_any(self, peer: Any, back: list[tuple[int, int, bytes]], data: bytes | bytearray) -> None:
        try:
            self._sock.sendmsg([data], back, 0, peer)
        except OSError as error:
            self._unsent(error)

    def _unsent(self, error: OSError) -> None:
        """A full buffer or a client without a route: the answer is lost as any datagram may be, and counted."""
        self._counters.udp_send_errors += 1
        log.debug("sending an answer: %s", error)


def _pack6(text: str) -> bytes:
    """Packed form of a peer's address; a link-local one comes with its interface."""
    return socket.inet_pton(socket.AF_INET6, text.partition("%")[0])
