"""Trusted DNS servers as fields of a resource."""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Annotated, Any

from pydantic import PlainValidator

from dnsguard.resources.metadata import LABEL, is_subdomain
from dnsguard.resources.model import AS_TEXT
from dnsguard.resources.ports import MAX_PORT
from dnsguard.resources.problems import kind_of_value, refused

DNS_PORT = 53

_SERVICE = "k8s-service:"
_SERVICE_NAMESPACE = "kube-system"
_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::(.*))?", re.DOTALL)
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*\.?", re.IGNORECASE)
_FORMS = "192.0.2.53, 192.0.2.53:5353, 2001:db8::53, [2001:db8::53]:5353, a host name, or k8s-service:namespace/name"


@dataclass(frozen=True, slots=True)
class Service:
    """A Kubernetes service that answers DNS."""

    namespace: str
    name: str
    port: int | None
    """None for the service's first port."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" + (f":{self.port}" if self.port is not None else "")


@dataclass(frozen=True, slots=True)
class TrustedServer:
    """A DNS server whose answers count: by address, by host name or as a service."""

    text: str
    host: str
    """The address in canonical form, or the host name; empty for a service."""
    port: int = DNS_PORT
    service: Service | None = None

    @property
    def endpoint(self) -> str:
        """`192.0.2.53:53`, `[2001:db8::53]:53` or `dns.example.org:53`; empty for a service."""
        if not self.host:
            return ""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return self.text


def read_trusted_server(value: Any) -> TrustedServer:
    """One entry of dnsTrustedServers, port 53 where none is written."""
    if not isinstance(value, str):
        raise refused("type", f"must be a string that names a DNS server, not {kind_of_value(value)}")
    if value.startswith(_SERVICE):
        return TrustedServer(value, "", service=_service(value))
    if bracketed := _BRACKETED.fullmatch(value):
        address = _address(bracketed[1])
        if not isinstance(address, IPv6Address):
            raise _no_server(value)
        return TrustedServer(value, str(address), DNS_PORT if bracketed[2] is None else _port(bracketed[2], value))
    if (address := _address(value)) is not None:
        return TrustedServer(value, str(address))
    host, colon, port = value.partition(":")
    number = _port(port, value) if colon else DNS_PORT
    if (address := _address(host)) is not None:
        return TrustedServer(value, str(address), number)
    # A last label of digits alone is a mistyped address, never a name.
    if len(host) > 253 or not _HOST.fullmatch(host) or host.rstrip(".").rpartition(".")[2].isdigit():
        raise _no_server(value)
    return TrustedServer(value, host, number)


def _service(text: str) -> Service:
    path, colon, port = text.removeprefix(_SERVICE).partition(":")
    namespace, slash, name = path.rpartition("/")
    if not slash:
        namespace = _SERVICE_NAMESPACE
    if not re.fullmatch(LABEL, namespace) or not is_subdomain(name):
        raise refused("server", f"{text!r} names no service: write k8s-service:name or k8s-service:namespace/name:port")
    return Service(namespace, name, _port(port, text) if colon else None)


def _address(text: str) -> Any:
    if "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def _port(digits: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", digits, re.ASCII) or not 1 <= int(digits) <= MAX_PORT:
        raise refused("server", f"{text!r}: {digits[:20]!r} is no port: write 1 to {MAX_PORT}")
    return int(digits)


def _no_server(text: str) -> Exception:
    return refused("server", f"{text[:253]!r} is no DNS server: write {_FORMS}")


TrustedServerField = Annotated[TrustedServer, PlainValidator(read_trusted_server), AS_TEXT]
