"""Trusted servers: which of them can be used, and the addresses of those that are named, again and again."""

import ipaddress
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from dnsguard.errors import DnsguardError
from dnsguard.servers import NamedServer, Server, read_server


class BadTrustedServer(DnsguardError):
    """An entry of dnsTrustedServers that cannot be used. The text names the entry and says why."""


def parse_trusted_server(text: str) -> Server | NamedServer:
    """One entry. Raises ``BadTrustedServer``."""
    try:
        return read_server(text)
    except ValueError as error:
        raise BadTrustedServer(f"upstreams: {error}") from None


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
    import aiodns  # takes time, and most name their servers by address: nobody is answered before we have started

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
