"""Queries on their way to other servers, as TPROXY brings them: taken on a port of loopback, answered from the address
that was asked.

Such a socket sees packets whose destination is anybody's address (``IP_TRANSPARENT``), and the kernel says with each
which it was. The answer leaves by a socket bound to that address: one for each server that is asked, which measured
faster than one for all that is told the source with every answer. TCP needs none of this: there the accepted socket is
bound to the address that was asked, see ``TcpListener.open``.
"""

import logging
import socket
from collections import OrderedDict
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import Any, Final

from dnsguard.dns.client import Handler
from dnsguard.dns.counters import Counters
from dnsguard.dns.listen.binding import ACCEPT_QUEUE, prepare_udp
from dnsguard.dns.listen.datagrams import ANCILLARY, BATCH, ROOM, Datagrams
from dnsguard.dns.ready import ReadyAnswers
from dnsguard.servers import DNS_PORT

log = logging.getLogger(__name__)

LOOPBACK: Final = ("127.0.0.1", "::1")
"""Where the rules of the dataplane look for such sockets; nobody else can send there."""

_PORT_OCTETS: Final = DNS_PORT.to_bytes(2, "big")
ANSWER_SOCKETS: Final = 256
"""Servers for which a socket is kept; beyond, the one that was used least recently is closed."""

_IP_TRANSPARENT, _IP_RECVORIGDSTADDR = 19, 20  # linux/in.h
_IPV6_TRANSPARENT, _IPV6_RECVORIGDSTADDR = 75, 74  # linux/in6.h
_BUFFER: Final = 4 * 1024 * 1024
_UNREAD: Final = 1
"""Octets of a receive buffer that nobody reads; the kernel has a least size of its own."""

_sockaddr4 = Struct("=2x2s4s8x")
_sockaddr6 = Struct("=2x2s4x16sI")


def places() -> list[str]:
    """Those of ``LOOPBACK`` that this machine has: it may be without IPv6."""
    return [address for address in LOOPBACK if _is_here(address)]


def _is_here(address: str) -> bool:
    try:
        with socket.socket(_family(address), socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
    except OSError:
        return False
    return True


def is_transparent(sock: socket.socket) -> bool:
    """Whether it is one of ``bound_transparent``, whoever made it."""
    if sock.family is socket.AF_INET6:
        return bool(sock.getsockopt(socket.IPPROTO_IPV6, _IPV6_TRANSPARENT))
    return sock.family is socket.AF_INET and bool(sock.getsockopt(socket.IPPROTO_IP, _IP_TRANSPARENT))


def bound_transparent(address: str, port: int, kind: socket.SocketKind) -> socket.socket:
    """A UDP socket at one of ``LOOPBACK``, or a TCP socket that listens there, for whatever TPROXY brings.

    Raises ``OSError``; EPERM without CAP_NET_ADMIN.
    """
    stream = kind is socket.SOCK_STREAM
    # With the protocol spelled out, for asyncio turns Nagle's algorithm off only then.
    protocol = socket.IPPROTO_TCP if stream else socket.IPPROTO_UDP
    sock = socket.socket(_family(address), kind, protocol)
    try:
        _make_transparent(sock)
        if stream:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            prepare_udp(sock, wildcard=False)
        sock.bind((address, port))
        if stream:
            sock.listen(ACCEPT_QUEUE)
    except OSError:
        sock.close()
        raise
    return sock


def _make_transparent(sock: socket.socket) -> None:
    """Let it be bound to, and take packets for, addresses that are not this machine's; they come with the packets."""
    if sock.family is socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_TRANSPARENT, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVORIGDSTADDR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_TRANSPARENT, 1)
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVORIGDSTADDR, 1)


class TransparentUdpListener(Datagrams):
    """One UDP socket on loopback for all servers of one family, with those that answer in their place."""

    def __init__(
        self,
        address: str,
        port: int,
        handler: Handler,
        counters: Counters,
        ready: ReadyAnswers | None = None,
        sock: socket.socket | None = None,
    ) -> None:
        """``address``: one of ``LOOPBACK``. Listens at once, on a socket of its own. One of ``bound_transparent`` may
        hold what waits there: it is read from ``start`` on. What is ``ready`` is sent without asking the handler.
        Raises ``OSError``."""
        super().__init__(
            bound_transparent(address, port, socket.SOCK_DGRAM) if sock is None else sock, handler, counters, ready
        )
        self._sock.setblocking(False)
        self._answers = AnswerSockets()
        self.drain = self._drain
        if sock is None:
            self.start()

    def close(self) -> None:
        """Stop listening. Answers that come later go nowhere."""
        super().close()
        self._answers.close()

    def _drain(self) -> None:
        recvmsg, handler, met, now = self._sock.recvmsg, self._handler, self._met, self._loop.time()
        received = sent = 0
        try:
            for _ in range(BATCH):
                data, ancillary, _, peer = recvmsg(ROOM, ANCILLARY)
                received += 1
                # To another port: sent to this very socket, by a program of this machine.
                if not ancillary or not peer[1] or (server := ancillary[-1][2])[2:4] != _PORT_OCTETS:
                    continue
                known = met.get((peer[0], server))
                client, ready = known if known is not None else self._meet(peer[0], server, self._asked(server))
                found = ready.get(data[2:])
                if found is not None and found[1] > now:
                    self._respond(server, peer, data[:2] + found[0])
                    sent += 1
                else:
                    handler(data, client, partial(self._respond, server, peer))
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            log.debug("receiving a query: %s", error)
        self._count(received, sent)

    def _asked(self, server: bytes) -> bytes:
        """The packed address in what the kernel says of a server."""
        asked: bytes = (_sockaddr6 if self._is_ipv6 else _sockaddr4).unpack(server)[1]
        return asked

    def _respond(self, server: bytes, peer: Any, data: bytes | bytearray) -> None:
        if self._sock.fileno() < 0:
            return
        try:
            self._answers.of(server).sendto(data, peer)
        except OSError as error:
            self._unsent(error)


class AnswerSockets:
    """Sockets bound to port 53 of servers that were asked, by ``sockaddr_in`` or ``sockaddr_in6`` as the kernel has it.
    Each only sends: what comes for its address is still the listener's."""

    def __init__(self, most: int = ANSWER_SOCKETS) -> None:
        self._most = most
        self._sockets: OrderedDict[bytes, socket.socket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sockets)

    def of(self, server: bytes) -> socket.socket:
        """The one to answer from in the place of this server. Raises ``OSError`` where there can be none."""
        found = self._sockets.get(server)
        if found is not None:
            self._sockets.move_to_end(server)
            return found
        if len(self._sockets) >= self._most:
            self._sockets.popitem(last=False)[1].close()
        made = self._sockets[server] = _bound_to(server)
        return made

    def close(self) -> None:
        for each in self._sockets.values():
            each.close()
        self._sockets.clear()


def _bound_to(server: bytes) -> socket.socket:
    ipv6 = len(server) == _sockaddr6.size
    made = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UNREAD)
        # Another forwarder on this machine may answer in the place of the same server.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _make_transparent(made)
        if ipv6:
            _, packed, scope = _sockaddr6.unpack(server)
            made.bind((str(IPv6Address(packed)), DNS_PORT, 0, scope))
        else:
            made.bind((str(IPv4Address(_sockaddr4.unpack(server)[1])), DNS_PORT))
    except OSError:
        made.close()
        raise
    return made


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
