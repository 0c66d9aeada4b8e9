"""Trusted servers: which of them can be used, and the addresses of those that are named."""

import asyncio
import importlib
import ipaddress
from collections.abc import Collection, Iterable, Sequence

from dnsguard.errors import DnsguardError
from dnsguard.servers import NamedServer, Server, read_server


class BadTrustedServer(DnsguardError):
    """An entry of dnsTrustedServers that cannot be used. The text names the entry and says why."""


def parse_trusted_servers(entries: Iterable[str]) -> list[Server | NamedServer]:
    """Those of the settings, or one ``BadTrustedServer`` with everything that is wrong. An empty list is wrong too."""
    parsed: list[Server | NamedServer] = []
    problems: list[str] = []
    for entry in entries:
        try:
            parsed.append(read_server(entry))
        except ValueError as error:
            problems.append(f"upstreams: {error}")
    if not parsed and not problems:
        problems.append("upstreams: the list is empty: no name could be resolved")
    if problems:
        raise BadTrustedServer("; ".join(problems))
    return parsed


def own_socket(
    server: Server, listening: Collection[tuple[str, int]], local: Collection[str]
) -> tuple[str, int] | None:
    """The socket of our own that a server is, ``None`` where it is none: every question would go round for ever.

    ``listening``: addresses and ports we listen on, wildcards as ``0.0.0.0`` and ``::``. ``local``: all of ours.
    """
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
            return own, port
    return None


async def lookup_host(name: str, resolvers: Sequence[Server]) -> list[str]:
    """Addresses of ``name`` by the hosts file and by these resolvers, IPv4 first, in a fixed order.

    A fresh resolver each time, because they cache. Of the search list nothing is tried but for a single label, so that
    nobody's wildcard stands in for a server. Where all refuse at once they are asked once more: one may just be
    starting. Raises ``BadTrustedServer``.
    """
    # Takes time, and most name their servers by address: neither our start nor the thread that answers waits for it.
    await asyncio.to_thread(importlib.import_module, "aiodns")
    import aiodns
    import pycares

    for is_last in False, True:
        try:
            async with aiodns.DNSResolver(
                nameservers=[str(resolver) for resolver in resolvers],
                lookups="fb" if resolvers else "f",
                flags=pycares.ARES_FLAG_NOSEARCH if "." in name else 0,
                timeout=1.0,
                tries=2,
            ) as resolver:
                result = await resolver.getaddrinfo(name)
            break
        except (aiodns.error.DNSError, pycares.AresError, ValueError) as error:
            if not is_last and error.args[0] == pycares.errno.ARES_ECONNREFUSED:
                await _moment()
                continue
            problem = f"{name!r} cannot be resolved: {error.args[-1]}"
            if not resolvers:
                problem += (
                    ", and the system's resolver is dnsguard itself: write the address of at least one server, as"
                    f" 192.0.2.53 or tls://192.0.2.53#{name}"
                )
            raise BadTrustedServer(problem) from None
    found = {ipaddress.ip_address(node.addr[0].decode().partition("%")[0]) for node in result.nodes}
    return [str(address) for address in sorted(found, key=lambda address: (address.version, address.packed))]


async def _moment() -> None:
    await asyncio.sleep(0.2)
