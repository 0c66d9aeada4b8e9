import pytest

from dnsguard.dns.upstream.servers import (
    BadTrustedServer,
    lookup_host,
    parse_trusted_servers,
    refuse_ourselves,
    resolve_trusted,
)
from dnsguard.servers import Server


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
