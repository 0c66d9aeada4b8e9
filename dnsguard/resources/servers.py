"""Trusted DNS servers as fields of a resource."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from dnsguard.resources.metadata import LABEL, is_subdomain
from dnsguard.resources.model import AS_TEXT
from dnsguard.resources.problems import kind_of_value, refused
from dnsguard.resources.reading import reads, string
from dnsguard.servers import SERVICE, NamedServer, Server, read_port, read_server

_SERVICE_NAMESPACE = "kube-system"


@dataclass(frozen=True, slots=True)
class Service:
    """A Kubernetes service that answers DNS."""

    namespace: str
    name: str
    port: int | None
    """None for the service's first port."""


@dataclass(frozen=True, slots=True)
class TrustedServer:
    """A DNS server whose answers count, and how the user wrote it."""

    text: str
    server: Server | NamedServer | Service

    def __str__(self) -> str:
        return self.text


def read_trusted_server(value: Any) -> TrustedServer:
    """One entry of dnsTrustedServers: what `read_server` takes, or `k8s-service:namespace/name:port`."""
    if not isinstance(value, str):
        raise refused("type", f"must be a string that names a DNS server, not {kind_of_value(value)}")
    try:
        return TrustedServer(value, _service(value) if value.startswith(SERVICE) else read_server(value))
    except ValueError as error:
        raise refused("server", str(error)) from None


def _service(text: str) -> Service:
    path, colon, port = text.removeprefix(SERVICE).partition(":")
    namespace, slash, name = path.rpartition("/")
    if not slash:
        namespace = _SERVICE_NAMESPACE
    if not re.fullmatch(LABEL, namespace) or not is_subdomain(name):
        raise ValueError(f"{text!r} names no service: write k8s-service:name or k8s-service:namespace/name:port")
    return Service(namespace, name, read_port(port, text) if colon else None)


TrustedServerField = Annotated[TrustedServer, reads(read_trusted_server, string(minLength=1)), AS_TEXT]
