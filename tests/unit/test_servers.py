"""DNS servers, in every form."""

import pytest

from dnsguard.servers import NamedServer, Server, read_server

FORMS: list[tuple[str, Server | NamedServer, str]] = [
    # text, server, as it is written from then on
    ("192.0.2.53", Server("192.0.2.53", 53), "192.0.2.53:53"),
    ("192.0.2.53:5353", Server("192.0.2.53", 5353), "192.0.2.53:5353"),
    ("2001:db8::53", Server("2001:db8::53", 53), "[2001:db8::53]:53"),
    ("2001:DB8:0:0::53", Server("2001:db8::53", 53), "[2001:db8::53]:53"),
    ("2001:db8::1:5353", Server("2001:db8::1:5353", 53), "[2001:db8::1:5353]:53"),
    ("[2001:db8::53]", Server("2001:db8::53", 53), "[2001:db8::53]:53"),
    ("[::1]:5353", Server("::1", 5353), "[::1]:5353"),
    ("dns.example.org", NamedServer("dns.example.org", 53), "dns.example.org:53"),
    ("DNS.Example.org.:5353", NamedServer("dns.example.org", 5353), "dns.example.org:5353"),
    ("localhost", NamedServer("localhost", 53), "localhost:53"),
    ("_dns.example.org", NamedServer("_dns.example.org", 53), "_dns.example.org:53"),
    ("3com", NamedServer("3com", 53), "3com:53"),
]

BAD: list[tuple[str, str]] = [
    # text, what is said
    *(
        (text, "is no DNS server: write 192.0.2.53, ")
        for text in (
            "", " ", " 192.0.2.53", "192.0.2", "192.0.2.300", "192.0.2.0/24", "fe80::1%eth0", "[192.0.2.53]:53",
            "[2001:db8::53", "[2001:db8::53]53", "a b", "dns..example.org", "-", "-dns.example.org", "x" * 254,
            "a" * 64 + ".example.org", "dns.example.53", "2001:db8::53:99999",
        )
    ),
    *(
        (text, "is no port: write 1 to 65535")
        for text in (
            "192.0.2.53:0", "192.0.2.53:65536", "192.0.2.53:", "192.0.2.53:dns", "192.0.2.53:\u0665", "[::1]:",
            "https://dns.example.org",
        )
    ),
    ("k8s-service:kube-dns", "no Kubernetes API is connected"),
    ("K8S-Service:ns/dns:53", "no Kubernetes API is connected"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "server", "written"), FORMS)
def test_forms(text: str, server: Server | NamedServer, written: str) -> None:
    assert read_server(text) == server
    assert str(server) == written
    assert read_server(written) == server


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_is_no_server(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_server(text)
