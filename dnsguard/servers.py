"""DNS servers as they are written: in our settings, in dnsTrustedServers, and between our processes.

``192.0.2.53``, ``192.0.2.53:5353``, ``2001:db8::53``, ``[2001:db8::53]:5353``, ``dns.example.org``,
``dns.example.org:5353``.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

DNS_PORT = 53
SERVICE = "k8s-service:"
"""What a Kubernetes service begins with, where one may be written."""

_FORMS = "192.0.2.53, 192.0.2.53:5353, 2001:db8::53, [2001:db8::53]:5353 or a host name"
_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::(.*))?", re.DOTALL)
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*\.?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class Server:
    """A DNS server by its address."""

    address: str
    """Canonical text of an IPv4 or IPv6 address."""

    port: int = DNS_PORT

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class NamedServer:
    """A DNS server by its host name, which is in lower case and without a dot at the end."""

    name: str
    port: int = DNS_PORT

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


def read_server(text: str) -> Server | NamedServer:
    """What is written, with port 53 where none is. Raises ValueError, which says what to write."""
    if text.lower().startswith(SERVICE):
        raise ValueError(
            f"{text!r} names a Kubernetes service, and no Kubernetes API is connected: write its cluster address"
        )
    if bracketed := _BRACKETED.fullmatch(text):
        address = _address(bracketed[1])
        if not isinstance(address, IPv6Address):
            raise _no_server(text)
        return Server(str(address), DNS_PORT if bracketed[2] is None else read_port(bracketed[2], text))
    if (address := _address(text)) is not None:
        return Server(str(address))
    if text.count(":") > 1:
        raise _no_server(text)
    host, colon, digits = text.partition(":")
    port = read_port(digits, text) if colon else DNS_PORT
    if (address := _address(host)) is not None:
        return Server(str(address), port)
    # A last label of digits alone is a mistyped address, never a name.
    if len(host) > 253 or not _HOST.fullmatch(host) or host.rstrip(".").rpartition(".")[2].isdigit():
        raise _no_server(text)
    return NamedServer(host.rstrip(".").lower(), port)


def read_port(digits: str, text: str) -> int:
    """The port of the server that `text` names. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{1,5}", digits, re.ASCII) or not 1 <= int(digits) <= 65_535:
        raise ValueError(f"{text!r}: {digits[:20]!r} is no port: write 1 to 65535")
    return int(digits)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    if "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def _no_server(text: str) -> ValueError:
    return ValueError(f"{text[:253]!r} is no DNS server: write {_FORMS}")
