"""The sockets on which DNS is answered: UDP and TCP on every address of the settings."""

import socket
from collections.abc import Iterable
from ipaddress import ip_address

from dnsguard.dns.client import Handler
from dnsguard.dns.counters import Counters
from dnsguard.dns.listen.tcp import TcpListener, TcpSettings
from dnsguard.dns.listen.transparent import LOOPBACK, TransparentUdpListener
from dnsguard.dns.listen.udp import UdpListener
from dnsguard.forwarder.faults import CannotStart
from dnsguard.settings import SocketAddress


class DnsSockets:
    """All listeners together."""

    def __init__(self) -> None:
        self._listeners: list[UdpListener | TcpListener | TransparentUdpListener] = []
        self.addresses: list[tuple[str, int]] = []
        """Address and port of each, wildcards as they are."""

    async def open(self, where: Iterable[SocketAddress], handler: Handler, counters: Counters) -> None:
        """Listen, or ``CannotStart``."""
        for wanted in where:
            address, port = str(wanted.address), wanted.port
            try:
                udp = UdpListener(address, port, handler, counters)
                self._listeners.append(udp)
                tcp = TcpListener(handler, counters, TcpSettings())
                self._listeners.append(tcp)
                await tcp.open(address, udp.port)
            except OSError as error:
                self.close()
                raise CannotStart(f"listen: cannot listen on {wanted}: {error.strerror or error}") from None
            self.addresses.append((address, udp.port))

    async def open_intercepted(self, port: int, handler: Handler, counters: Counters) -> None:
        """Take what the dataplane brings of queries to other servers, or ``CannotStart``."""
        for address in LOOPBACK:
            if ":" in address and not _has_ipv6_loopback():
                continue
            try:
                udp = TransparentUdpListener(address, port, handler, counters)
                self._listeners.append(udp)
                tcp = TcpListener(handler, counters, TcpSettings())
                self._listeners.append(tcp)
                await tcp.open(address, udp.port, transparent=True)
            except OSError as error:
                self.close()
                raise CannotStart(
                    f"intercept_dns: cannot take other servers' packets at {address} port {port}:"
                    f" {error.strerror or error}"
                ) from None

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


def _has_ipv6_loopback() -> bool:
    """Whether ``::1`` is there: a machine may have no IPv6 at all."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True
