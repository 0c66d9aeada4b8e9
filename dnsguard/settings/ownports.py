"""Failsafe ports that dnsguard itself adds to the default lists, which are Calico's. Pure.

A list of one's own replaces all of that.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from dnsguard.calc.evaluator.failsafe import FailsafePort
from dnsguard.calc.evaluator.packet import TCP, UDP
from dnsguard.servers import Server, read_server
from dnsguard.settings.forms import SocketAddress


def of_api(listen: SocketAddress) -> tuple[FailsafePort, ...]:
    """The admin API's, where it is reached from elsewhere."""
    return () if listen.address.is_loopback else (FailsafePort(TCP, listen.port),)


def of_servers(texts: Iterable[str]) -> Iterator[FailsafePort]:
    """Those of trusted DNS servers, each once; of one that is named, and not by its address, anywhere. What is no
    server is left out: the forwarder says what is wrong with it."""
    seen: dict[FailsafePort, None] = {}
    for text in texts:
        try:
            server = read_server(text)
        except ValueError:
            continue
        net = ip_network(server.address) if isinstance(server, Server) else None
        for protocol in (UDP, TCP) if server.tls is None else (TCP,):
            seen[FailsafePort(protocol, server.port, net)] = None
    yield from seen


def joined(listed: tuple[FailsafePort, ...], own: Iterable[FailsafePort]) -> tuple[FailsafePort, ...]:
    """A list, and what of these it does not cover."""
    everywhere = {(each.protocol, each.port) for each in listed if each.net is None}
    return (*listed, *(each for each in own if (each.protocol, each.port) not in everywhere))
