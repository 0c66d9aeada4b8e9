"""Queries over UDP: one socket, drained in batches, answers sent from the address that was asked."""

import logging
import socket
from functools import partial
from ipaddress import ip_address
from struct import Struct
from typing import Any, Final

from dnsguard.dns.client import Handler
from dnsguard.dns.counters import Counters
from dnsguard.dns.listen.binding import bound_udp, prepare_udp
from dnsguard.dns.listen.datagrams import ANCILLARY, BATCH, ROOM, Datagrams
from dnsguard.dns.ready import ReadyAnswers

log = logging.getLogger(__name__)

_IP_PKTINFO: Final = 8  # linux/in.h; Python 3.11 lacks it
_pktinfo4 = Struct("=I4s4s")
_pktinfo6 = Struct("=16sI")


class UdpListener(Datagrams):
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
        asked = ip_address(address)
        if sock is not None:
            prepare_udp(sock, wildcard=asked.is_unspecified)
        super().__init__(bound_udp(address, port) if sock is None else sock, handler, counters, ready)
        self._address = asked.packed
        self.drain = self._drain_any if asked.is_unspecified else self._drain_one
        if sock is None:
            self.start()

    def _drain_one(self) -> None:
        """Bound to one address: that is what was asked."""
        recvfrom, handler, met = self._sock.recvfrom, self._handler, self._met
        asked, now = self._address, self._loop.time()
        received = sent = 0
        try:
            for _ in range(BATCH):
                data, peer = recvfrom(ROOM)
                received += 1
                known = met.get((peer[0], asked))
                client, ready = known if known is not None else self._meet(peer[0], asked, asked)
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
            for _ in range(BATCH):
                data, ancillary, _, peer = recvmsg(ROOM, ANCILLARY)
                received += 1
                if not ancillary or not peer[1]:
                    continue
                info = ancillary[0][2]
                if self._is_ipv6:
                    asked, interface = _pktinfo6.unpack(info)
                    # The interface is pinned only where the address means nothing without it.
                    pinned = interface if asked[0] == 0xFE else 0
                    back = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _pktinfo6.pack(asked, pinned))]
                else:
                    _, _, asked = _pktinfo4.unpack(info)
                    back = [(socket.IPPROTO_IP, _IP_PKTINFO, _pktinfo4.pack(0, asked, bytes(4)))]
                known = met.get((peer[0], asked))
                client, ready = known if known is not None else self._meet(peer[0], asked, asked)
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
