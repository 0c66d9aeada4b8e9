"""Trusted servers, in every form."""

from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from dnsguard.resources.servers import Service, read_trusted_server


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("192.0.2.53", "192.0.2.53:53"),
        ("192.0.2.53:5353", "192.0.2.53:5353"),
        ("2001:db8::53", "[2001:db8::53]:53"),
        ("2001:DB8:0::53", "[2001:db8::53]:53"),
        ("[2001:db8::53]", "[2001:db8::53]:53"),
        ("[::1]:5353", "[::1]:5353"),
        ("dns.example.org", "dns.example.org:53"),
        ("dns.example.org.:5353", "dns.example.org.:5353"),
        ("localhost", "localhost:53"),
        ("3com", "3com:53"),
    ],
)
def test_servers(text: str, endpoint: str) -> None:
    made = read_trusted_server(text)
    assert made.endpoint == endpoint
    assert made.service is None
    assert str(made) == text


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("k8s-service:kube-dns", Service("kube-system", "kube-dns", None)),
        ("k8s-service:my-ns/my-dns", Service("my-ns", "my-dns", None)),
        ("k8s-service:my-ns/my-dns:5353", Service("my-ns", "my-dns", 5353)),
    ],
)
def test_services(text: str, service: Service) -> None:
    made = read_trusted_server(text)
    assert made.service == service
    assert made.endpoint == ""
    assert str(made) == text


BAD: list[Any] = [
    "", " ", "192.0.2", "192.0.2.300", "192.0.2.53:0", "192.0.2.53:65536", "192.0.2.53:", "192.0.2.53:dns",
    " 192.0.2.53", "192.0.2.0/24", "fe80::1%eth0", "[192.0.2.53]:53", "[2001:db8::53", "[2001:db8::53]53", "[::1]:",
    "2001:db8::53:99999", "a b", "dns..example.org", "-", "x" * 254, "https://dns.example.org",
    "k8s-service:", "k8s-service:a/b/c", "k8s-service:/b", "k8s-service:a/", "k8s-service:A", "k8s-service:a:0",
    53, None, True,
]  # fmt: skip


@pytest.mark.parametrize("value", BAD)
def test_what_is_no_server(value: Any) -> None:
    with pytest.raises(PydanticCustomError):
        read_trusted_server(value)
