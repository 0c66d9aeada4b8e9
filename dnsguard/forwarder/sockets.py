"""The sockets on which DNS is answered: UDP and TCP on every address of the settings."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address

from dnsguard.dns.client import Handler
from dnsguard.dns.counters import Counters
from dnsguard.dns.listen.backlog import take_backlog, take_connections
from dnsguard.dns.listen.datagrams import Datagrams
from dnsguard.dns.listen.handed import Pair, pairs
from dnsguard.dns.listen.tcp import TcpListener, TcpSettings
from dnsguard.dns.listen.transparent import TransparentUdpListener, bound_transparent, places
from dnsguard.dns.listen.udp import UdpListener
from dnsguard.dns.ready import ReadyAnswers
from dnsguard.forwarder.faults import CannotStart
from dnsguard.handover import Handed
from dnsguard.settings import SocketAddress

log = logging.getLogger(__name__)

_OF_OUR_OWN = Pair(None, None)


class DnsSockets:
    """All listeners together."""

    def __init__(self) -> None:
        self._listeners: list[Datagrams | TcpListener] = []
        self._waited_in: list[tuple[Datagrams, TcpListener]] = []
        self.addresses: list[tuple[str, int]] = []
        """Address and port of each, wildcards as they are."""

    async def open(
        self,
        where: Iterable[SocketAddress],
        handler: Handler,
        counters: Counters,
        ready: ReadyAnswers,
        handed: Sequence[Handed] = (),
    ) -> None:
        """Listen, on what was handed down where anything was. Raises CannotStart, BadHandover."""
        wanted = [(wanted, (str(wanted.address), wanted.port)) for wanted in where]
        given = pairs(handed, [place for _, place in wanted])[0] if handed else {}
        for said, place in wanted:
            pair = given.get(place, _OF_OUR_OWN)
            try:
                udp = UdpListener(*place, handler, counters, ready, pair.udp)
                self._listeners.append(udp)
                tcp = TcpListener(handler, counters, TcpSettings())
                self._listeners.append(tcp)
                await tcp.open(place[0], udp.port, pair.tcp)
                if handed:
                    self._waited_in.append((udp, tcp))
            except OSError as error:
                self.close()
                raise CannotStart(f"listen: cannot listen on {said}: {error.strerror or error}") from None
            self.addresses.append((place[0], udp.port))

    async def take_backlog(self, waiting: Callable[[], int]) -> None:
        """Answer what waited in sockets that were handed down; ``waiting``: queries without an answer yet."""
        discarded, _ = await asyncio.gather(
            asyncio.gather(*(take_backlog(udp, waiting) for udp, _ in self._waited_in)),
            asyncio.gather(*(take_connections(tcp) for _, tcp in self._waited_in)),
        )
        if any(discarded):
            log.warning("%d queries had waited too long to be answered", sum(discarded))

    async def open_intercepted(
        self,
        port: int,
        handler: Handler,
        counters: Counters,
        ready: ReadyAnswers,
        handed: Sequence[Handed] = (),
    ) -> None:
        """Take what the dataplane brings of queries to other servers, over what was handed down where anything was.
        Raises CannotStart."""
        given = {(each.socket.getsockname()[:2], each.socket.type): each.socket for each in handed}
        for address in places():
            place = address, port
            own = given.get((place, socket.SOCK_DGRAM)), given.get((place, socket.SOCK_STREAM))
            try:
                udp = TransparentUdpListener(address, port, handler, counters, ready, own[0])
                self._listeners.append(udp)
                tcp = TcpListener(handler, counters, TcpSettings())
                self._listeners.append(tcp)
                await tcp.open(address, port, own[1] or bound_transparent(address, port, socket.SOCK_STREAM))
            except OSError as error:
                self.close()
                raise CannotStart(
                    f"intercept_dns: cannot take other servers' packets at {address} port {port}:"
                    f" {error.strerror or error}"
                ) from None
            self._waited_in.append((udp, tcp))

    def stop(self) -> None:
        """Take no more queries."""
        for listener in self._listeners:
            listener.stop()

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()


def addresses_behind(listening: Iterable[tuple[str, int]], own: Iterable[bytes]) -> tuple[str, ...]:
    """``ADDRESS#PORT`` of each socket, with every address of the node in place of a wildcard."""
    found: dict[str, None] = {}
    for text, port in listening:
        address = ip_address(text)
        if address.is_unspecified:
            local = sorted(a for a in own if len(a) == len(address.packed))
            found.update(dict.fromkeys(f"{ip_address(a)}#{port}" for a in local))
        else:
            found[f"{address}#{port}"] = None
    return tuple(found)
