"""DNS servers as they are written: in our settings, in dnsTrustedServers, and between our processes.

``192.0.2.53``, ``192.0.2.53:5353``, ``2001:db8::53``, ``[2001:db8::53]:5353``, ``dns.example.org``,
``dns.example.org:5353``. With ``tls://`` before it, a server is asked over TLS (RFC 7858), on port 853 if no other is
written, and what follows ``#`` is how it proves who it is:

``tls://192.0.2.53#dns.example.org``
    by a certificate for that name
``tls://dns.example.org``, ``tls://192.0.2.53``
    by a certificate for the name, or for the address, that is written anyway
``tls://192.0.2.53#pin-sha256=BASE64``
    by its public key, whoever signed the certificate (RFC 7858 §4.2); of several pins, any will do
``tls://192.0.2.53#dns.example.org#pin-sha256=BASE64``
    by both
"""

import base64
import binascii
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

DNS_PORT = 53
TLS_PORT = 853
SERVICE = "k8s-service:"
"""What a Kubernetes service begins with, where one may be written."""

TLS = "tls://"
_PIN = "pin-sha256="
_PIN_OCTETS = 32
_FORMS = (
    "192.0.2.53, 192.0.2.53:5353, 2001:db8::53, [2001:db8::53]:5353 or a host name, or one of them over TLS, as"
    " tls://192.0.2.53#dns.example.org"
)
_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::(.*))?", re.DOTALL)
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*\.?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tls:
    """How a server that is asked over TLS proves who it is. One that does not is never asked, neither in clear text."""

    name: str
    """Host name or address that its certificate must be good for; empty: ``pins`` alone decide."""

    pins: tuple[str, ...] = ()
    """SHA-256 of public keys (SubjectPublicKeyInfo) in base64, of which it must have one; none: ``name`` decides."""

    def written(self, where: str, default: str) -> str:
        """The server at ``where``; ``default`` is the name that need not be written."""
        name = [self.name] if self.name != default else []
        return TLS + "#".join([where, *name, *(_PIN + pin for pin in self.pins)])


@dataclass(frozen=True, slots=True)
class Server:
    """A DNS server by its address."""

    address: str
    """Canonical text of an IPv4 or IPv6 address."""

    port: int = DNS_PORT
    tls: Tls | None = None
    """None: asked in clear text."""

    def __str__(self) -> str:
        where = f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"
        if self.tls is None:
            return where
        return self.tls.written(where, "" if self.tls.pins else self.address)


@dataclass(frozen=True, slots=True)
class NamedServer:
    """A DNS server by its host name, which is in lower case and without a dot at the end."""

    name: str
    port: int = DNS_PORT
    tls: Tls | None = None

    def at(self, address: str) -> Server:
        """The server behind it that has this address."""
        return Server(str(ip_address(address)), self.port, self.tls)

    def __str__(self) -> str:
        where = f"{self.name}:{self.port}"
        return where if self.tls is None else self.tls.written(where, self.name)


def read_server(text: str) -> Server | NamedServer:
    """What is written, with port 53 where none is. Raises ValueError, which says what to write."""
    if text.lower().startswith(SERVICE):
        raise ValueError(
            f"{text!r} names a Kubernetes service, and no Kubernetes API is connected: write its cluster address"
        )
    if not text.lower().startswith(TLS):
        return _read(text, text, DNS_PORT)
    where, *proofs = text[len(TLS) :].split("#")
    server = _read(where, text, TLS_PORT)
    pins = tuple(dict.fromkeys(_pin(proof, text) for proof in proofs if proof.startswith(_PIN)))
    names = [_name(proof, text) for proof in proofs if not proof.startswith(_PIN)]
    if len(names) > 1:
        raise ValueError(f"{text!r}: {names[0]} and {names[1]}: write one name that the certificate is good for")
    if isinstance(server, NamedServer):
        return NamedServer(server.name, server.port, Tls(names[0] if names else server.name, pins))
    default = "" if pins else server.address
    return Server(server.address, server.port, Tls(names[0] if names else default, pins))


def _read(where: str, text: str, default_port: int) -> Server | NamedServer:
    """The server at ``where``, which is all of ``text`` or a part of it."""
    if bracketed := _BRACKETED.fullmatch(where):
        address = _address(bracketed[1])
        if not isinstance(address, IPv6Address):
            raise _no_server(text)
        return Server(str(address), default_port if bracketed[2] is None else read_port(bracketed[2], text))
    if (address := _address(where)) is not None:
        return Server(str(address), default_port)
    if where.count(":") > 1:
        raise _no_server(text)
    host, colon, digits = where.partition(":")
    port = read_port(digits, text) if colon else default_port
    if (address := _address(host)) is not None:
        return Server(str(address), port)
    if not _is_host(host):
        raise _no_server(text)
    return NamedServer(host.rstrip(".").lower(), port)


def _is_host(text: str) -> bool:
    # A last label of digits alone is a mistyped address, never a name.
    return len(text) <= 253 and bool(_HOST.fullmatch(text)) and not text.rstrip(".").rpartition(".")[2].isdigit()


def _name(proof: str, text: str) -> str:
    if (address := _address(proof)) is not None:
        return str(address)
    if not _is_host(proof):
        raise ValueError(
            f"{text[:253]!r}: {proof[:60]!r} is no name of a certificate: write #dns.example.org or #{_PIN}BASE64"
        )
    return proof.rstrip(".").lower()


def _pin(proof: str, text: str) -> str:
    pin = proof.removeprefix(_PIN)
    try:
        digest = base64.b64decode(pin, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != _PIN_OCTETS:
        raise ValueError(
            f"{text[:253]!r}: {pin[:60]!r} is no pin: write the SHA-256 of a public key in base64, 44 letters"
        )
    return base64.b64encode(digest).decode()


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
