"""DNS servers, in every form."""

import base64

import pytest

from dnsguard.servers import NamedServer, Server, Tls, read_server

PIN = "f3RpHY/+9Ol0bPSIWnbmT4QRyTFsBVYyKPlOaFx+pSI="
PIN2 = "0" * 43 + "="

FORMS: list[tuple[str, Server | NamedServer, str | None]] = [
    # text, server, as it is written from then on (where it is worth a look)
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
    ("tls://192.0.2.53", Server("192.0.2.53", 853, Tls("192.0.2.53")), "tls://192.0.2.53:853"),
    ("TLS://192.0.2.53:5353", Server("192.0.2.53", 5353, Tls("192.0.2.53")), "tls://192.0.2.53:5353"),
    ("tls://2001:db8::53", Server("2001:db8::53", 853, Tls("2001:db8::53")), "tls://[2001:db8::53]:853"),
    (
        "tls://[2001:db8::53]:5353#Dns.example.org.",
        Server("2001:db8::53", 5353, Tls("dns.example.org")),
        "tls://[2001:db8::53]:5353#dns.example.org",
    ),
    ("tls://192.0.2.53#2001:DB8::1", Server("192.0.2.53", 853, Tls("2001:db8::1")), "tls://192.0.2.53:853#2001:db8::1"),
    ("tls://dns.example.org", NamedServer("dns.example.org", 853, Tls("dns.example.org")), "tls://dns.example.org:853"),
    (
        "tls://dns.internal#dns.example.org",
        NamedServer("dns.internal", 853, Tls("dns.example.org")),
        "tls://dns.internal:853#dns.example.org",
    ),
    (
        f"tls://192.0.2.53#pin-sha256={PIN}",
        Server("192.0.2.53", 853, Tls("", (PIN,))),
        f"tls://192.0.2.53:853#pin-sha256={PIN}",
    ),
    (
        f"tls://192.0.2.53#192.0.2.53#pin-sha256={PIN}",
        Server("192.0.2.53", 853, Tls("192.0.2.53", (PIN,))),
        f"tls://192.0.2.53:853#192.0.2.53#pin-sha256={PIN}",
    ),
    (
        f"tls://192.0.2.53#pin-sha256={PIN}#pin-sha256={PIN2}#dns.example.org#pin-sha256={PIN}",
        Server("192.0.2.53", 853, Tls("dns.example.org", (PIN, base64.b64encode(base64.b64decode(PIN2)).decode()))),
        None,
    ),
    (
        f"tls://dns.example.org#pin-sha256={PIN}",
        NamedServer("dns.example.org", 853, Tls("dns.example.org", (PIN,))),
        f"tls://dns.example.org:853#pin-sha256={PIN}",
    ),
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
    ("tls://", "is no DNS server"),
    ("tls://#dns.example.org", "is no DNS server"),
    ("tls://https://dns.example.org", "is no port"),
    ("192.0.2.53#dns.example.org", "is no DNS server"),
    ("tls://192.0.2.53:0", "is no port"),
    ("tls://192.0.2.53#", "'' is no name of a certificate"),
    ("tls://192.0.2.53#dns example", "'dns example' is no name of a certificate"),
    ("tls://192.0.2.53#a.example.org#b.example.org", "a.example.org and b.example.org: write one name"),
    ("tls://192.0.2.53#pin-sha256=", "'' is no pin"),
    ("tls://192.0.2.53#pin-sha256=AAAA", "'AAAA' is no pin"),
    (f"tls://192.0.2.53#pin-sha256={PIN}A", "is no pin"),
    (f"tls://192.0.2.53#pin-sha1={PIN}", "is no name of a certificate"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "server", "written"), FORMS)
def test_forms(text: str, server: Server | NamedServer, written: str | None) -> None:
    assert read_server(text) == server
    assert str(server) == (written or str(server))
    assert read_server(str(server)) == server


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_is_no_server(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_server(text)
