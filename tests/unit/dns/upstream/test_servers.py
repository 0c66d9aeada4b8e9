import pytest

from dnsguard.dns.upstream.servers import (
    BadTrustedServer,
    NamedServer,
    Server,
    lookup_host,
    parse_trusted_server,
    parse_trusted_servers,
    refuse_ourselves,
    resolve_trusted,
)

FORMS: list[tuple[str, Server | NamedServer]] = [
    ("10.0.0.10", Server("10.0.0.10", 53)),
    (" 10.0.0.10 ", Server("10.0.0.10", 53)),
    ("10.0.0.10:5353", Server("10.0.0.10", 5353)),
    ("fd00:83a6::12", Server("fd00:83a6::12", 53)),
    ("FD00:83A6:0:0::12", Server("fd00:83a6::12", 53)),
    ("[fd00:83a6::12]", Server("fd00:83a6::12", 53)),
    ("[fd00:83a6::12]:5353", Server("fd00:83a6::12", 5353)),
    ("fd00::1:5353", Server("fd00::1:5353", 53)),
    ("dns.example.org", NamedServer("dns.example.org", 53)),
    ("DNS.Example.org.:5353", NamedServer("dns.example.org", 5353)),
    ("localhost", NamedServer("localhost", 53)),
]


@pytest.mark.parametrize(("text", "server"), FORMS)
def test_forms(text: str, server: Server | NamedServer) -> None:
    assert parse_trusted_server(text) == server


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("k8s-service:kube-dns", "Kubernetes service"),
        ("K8S-service:ns/dns:53", "Kubernetes service"),
        ("10.0.0.10:0", "no port"),
        ("10.0.0.10:65536", "no port"),
        ("10.0.0.10:", "no port"),
        ("10.0.0.10:dns", "no port"),
        ("10.0.0.256", "neither"),
        ("10.0.0", "neither"),
        ("[10.0.0.1]:53", "no IPv6"),
        ("[fd00::1]5353", "not of the form"),
        ("[fd00::1", "not of the form"),
        ("fd00::12g", "brackets"),
        ("dns example.org", "neither"),
        ("-dns.example.org", "neither"),
        ("tls://1.1.1.1", "no port"),
        ("a" * 64 + ".example.org", "neither"),
    ],
)
def test_what_is_no_server(text: str, why: str) -> None:
    with pytest.raises(BadTrustedServer, match=why):
        parse_trusted_server(text)


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(BadTrustedServer) as caught:
        parse_trusted_servers(["10.0.0.10", "10.0.0.256", "k8s-service:x"])
    assert "10.0.0.256" in str(caught.value)
    assert "k8s-service:x" in str(caught.value)


def test_an_empty_list_is_wrong() -> None:
    with pytest.raises(BadTrustedServer, match="empty"):
        parse_trusted_servers([])


@pytest.mark.parametrize(
    ("server", "listening", "ours"),
    [
        (Server("127.0.0.1", 53), ("127.0.0.1", 53), True),
        (Server("127.0.0.1", 5353), ("127.0.0.1", 53), False),
        (Server("127.0.0.2", 53), ("127.0.0.1", 53), False),
        (Server("127.0.0.2", 53), ("0.0.0.0", 53), True),
        (Server("10.0.0.1", 53), ("0.0.0.0", 53), True),
        (Server("10.0.0.2", 53), ("0.0.0.0", 53), False),
        (Server("0.0.0.0", 53), ("0.0.0.0", 53), True),
        (Server("fd00::1", 53), ("::", 53), True),
        (Server("fd00::2", 53), ("::", 53), False),
        (Server("fd00::1", 53), ("0.0.0.0", 53), False),
        (Server("::1", 53), ("::", 53), True),
        (Server("::ffff:10.0.0.1", 53), ("0.0.0.0", 53), True),
    ],
)
def test_an_upstream_that_is_ourselves_is_refused(server: Server, listening: tuple[str, int], ours: bool) -> None:
    def check() -> None:
        refuse_ourselves([Server("192.0.2.1"), server], [listening], {"10.0.0.1", "fd00::1"})

    if ours:
        with pytest.raises(BadTrustedServer, match="dnsguard itself"):
            check()
    else:
        check()


async def test_names_become_servers_in_their_place() -> None:
    async def lookup(name: str) -> list[str]:
        return {"dns.example.org": ["192.0.2.1", "2001:DB8::1", "192.0.2.9"]}[name]

    entries = parse_trusted_servers(["192.0.2.9", "dns.example.org:5353", "dns.example.org"])
    assert await resolve_trusted(entries, lookup) == [
        Server("192.0.2.9", 53),
        Server("192.0.2.1", 5353),
        Server("2001:db8::1", 5353),
        Server("192.0.2.9", 5353),
        Server("192.0.2.1", 53),
        Server("2001:db8::1", 53),
    ]


async def test_the_system_resolves_names() -> None:
    assert (await lookup_host("localhost"))[0] in ("127.0.0.1", "::1")


async def test_a_name_without_address_is_said() -> None:
    with pytest.raises(BadTrustedServer, match=r"nowhere\.invalid"):
        await lookup_host("nowhere.invalid")
