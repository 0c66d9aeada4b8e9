"""``dnsTrustedServers``: text to servers, and the names among them to addresses, again and again.

``10.0.0.10``, ``10.0.0.10:5353``, ``fd00::12``, ``[fd00::12]:5353``, ``dns.example.org``, ``dns.example.org:5353``.
"""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import aiodns

from dnsguard.errors import DnsguardError

DNS_PORT = 53
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*\.?", re.IGNORECASE)


class BadTrustedServer(DnsguardError):
    """An entry of dnsTrustedServers that cannot be used. The text names the entry and says why."""


@dataclass(frozen=True, slots=True, order=True)
class Server:
    """One trusted server."""

    address: str
    """Canonical text of an IPv4 or IPv6 address."""

    port: int = DNS_PORT

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class NamedServer:
    """A trusted server given by host name; each of its addresses is a server."""

    name: str
    port: int = DNS_PORT


def parse_trusted_server(text: str) -> Server | NamedServer:
    """One entry. Raises ``BadTrustedServer``."""
    entry = text.strip()
    if not entry:
        raise BadTrustedServer("upstreams: an entry is empty")
    if entry.lower().startswith("k8s-service:"):
        raise BadTrustedServer(
            f"upstreams: {entry!r} names a Kubernetes service, and no Kubernetes API is connected: "
            "give its cluster address instead"
        )
    try:
        return Server(str(ipaddress.ip_address(entry)))
    except ValueError:
        pass
    if entry.startswith("["):
        inside, bracket, rest = entry[1:].partition("]")
        try:
            address = str(ipaddress.IPv6Address(inside))
        except ValueError:
            raise BadTrustedServer(f"upstreams: {entry!r}: {inside!r} is no IPv6 address") from None
        if not bracket or (rest and not rest.startswith(":")):
            raise BadTrustedServer(f"upstreams: {entry!r} is not of the form [ADDRESS]:PORT")
        return Server(address, _port(entry, rest[1:]) if rest else DNS_PORT)
    host, colon, port_text = entry.rpartition(":") if ":" in entry else (entry, "", "")
    if ":" in host:
        raise BadTrustedServer(f"upstreams: {entry!r}: an IPv6 address with a port needs brackets")
    port = _port(entry, port_text) if colon else DNS_PORT
    try:
        return Server(str(ipaddress.IPv4Address(host)), port)
    except ValueError:
        pass
    if re.fullmatch(r"[0-9.]+", host) or not _HOST.fullmatch(host):
        raise BadTrustedServer(f"upstreams: {entry!r} is neither an address nor a host name")
    return NamedServer(host.rstrip(".").lower(), port)


def parse_trusted_servers(entries: Iterable[str]) -> list[Server | NamedServer]:
    """All of them, or one ``BadTrustedServer`` that lists everything that is wrong. An empty list is wrong too."""
    parsed: list[Server | NamedServer] = []
    problems: list[str] = []
    for entry in entries:
        try:
            parsed.append(parse_trusted_server(entry))
        except BadTrustedServer as problem:
            problems.append(str(problem))
    if not parsed and not problems:
        problems.append("upstreams: the list is empty: no name could be resolved")
    if problems:
        raise BadTrustedServer("; ".join(problems))
    return parsed


def refuse_ourselves(servers: Iterable[Server], listening: Collection[tuple[str, int]], local: Collection[str]) -> None:
    """Raise ``BadTrustedServer`` where a server is a socket of our own: every question would go round for ever.

    ``listening``: addresses and ports we listen on, wildcards as ``0.0.0.0`` and ``::``. ``local``: all of ours.
    """
    for server in servers:
        address = ipaddress.ip_address(server.address)
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        plain = mapped or address
        is_local = plain.is_loopback or plain.is_unspecified or str(plain) in local
        for own, port in listening:
            if port != server.port:
                continue
            own_address = ipaddress.ip_address(own)
            same_family = own_address.version == plain.version or own == "::"
            if plain == own_address or (own_address.is_unspecified and same_family and is_local):
                raise BadTrustedServer(f"upstreams: {server} is dnsguard itself, listening on {own} port {port}")


Lookup = Callable[[str], Awaitable[list[str]]]
"""The addresses of a host name; raises ``OSError`` or ``BadTrustedServer`` where there are none."""


async def lookup_host(name: str) -> list[str]:
    """Addresses of ``name`` by the hosts file and the system's resolvers, IPv4 first.

    A fresh resolver each time, because they cache. Raises ``BadTrustedServer``.
    """
    async with aiodns.DNSResolver(timeout=1.0, tries=2) as resolver:
        try:
            result = await resolver.getaddrinfo(name)
        except aiodns.error.DNSError as error:
            problem = str(error.args[-1])
            raise BadTrustedServer(f"upstreams: {name!r} cannot be resolved: {problem}") from None
    found = {ipaddress.ip_address(node.addr[0].decode().partition("%")[0]) for node in result.nodes}
    return [str(address) for address in sorted(found, key=lambda address: (address.version, address.packed))]


async def resolve_trusted(entries: Sequence[Server | NamedServer], lookup: Lookup = lookup_host) -> list[Server]:
    """The servers behind all entries, in their order, each once. Raises what ``lookup`` raises."""
    servers: dict[Server, None] = {}
    for entry in entries:
        if isinstance(entry, Server):
            servers[entry] = None
        else:
            for address in await lookup(entry.name):
                servers[Server(str(ipaddress.ip_address(address)), entry.port)] = None
    return list(servers)


def _port(entry: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise BadTrustedServer(f"upstreams: {entry!r}: {text!r} is no port (1 to 65535)")
    return int(text)
