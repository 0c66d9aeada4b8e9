"""Trusted servers: an address, a name, or a service."""

from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from dnsguard.resources.servers import Service, read_trusted_server
from dnsguard.servers import NamedServer, Server


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", Server("192.0.2.53", 53)),
        ("DNS.example.org:5353", NamedServer("dns.example.org", 5353)),
        ("k8s-service:kube-dns", Service("kube-system", "kube-dns", None)),
        ("k8s-service:my-ns/my-dns", Service("my-ns", "my-dns", None)),
        ("k8s-service:my-ns/my-dns:5353", Service("my-ns", "my-dns", 5353)),
    ],
)
def test_servers(text: str, server: Server | NamedServer | Service) -> None:
    made = read_trusted_server(text)
    assert made.server == server
    assert str(made) == text


BAD: list[Any] = [
    "", " 192.0.2.53", "192.0.2.53:0",
    "k8s-service:", "k8s-service:a/b/c", "k8s-service:/b", "k8s-service:a/", "k8s-service:A", "k8s-service:a:0",
    "K8S-service:a", 53, None, True,
]  # fmt: skip


@pytest.mark.parametrize("value", BAD)
def test_what_is_no_server(value: Any) -> None:
    with pytest.raises(PydanticCustomError):
        read_trusted_server(value)
