from collections.abc import Iterable
from contextlib import AsyncExitStack

import pytest

from dnsguard.dns.upstream import servers
from dnsguard.dns.upstream.servers import (
    BadTrustedServer,
    lookup_host,
    own_socket,
    parse_trusted_servers,
)
from dnsguard.servers import Server
from tests.support.fake_upstream import Asked, FakeUpstream
from tests.unit.dns.messages import answer_bytes


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
def test_which_socket_of_our_own_a_server_is(server: Server, listening: tuple[str, int], ours: bool) -> None:
    elsewhere = ("192.0.2.1", server.port)
    found = own_socket(server, [elsewhere, listening], {"10.0.0.1", "fd00::1"})
    assert found == (listening if ours else None)


async def test_the_system_resolves_names() -> None:
    assert (await lookup_host("localhost", []))[0] in ("127.0.0.1", "::1")


async def test_only_the_resolvers_that_are_given_are_asked_and_no_search_list_is_tried() -> None:
    def script(asked: Asked) -> Iterable[bytes]:
        return [answer_bytes(asked.data, "dns.example.org 300 A 192.0.2.9", "dns.example.org 300 A 192.0.2.1")]

    async with FakeUpstream(script) as resolver:
        found = await lookup_host("dns.example.org", [Server("127.0.0.1", resolver.port)])
        assert found == ["192.0.2.1", "192.0.2.9"]
        resolver.script = lambda asked: [answer_bytes(asked.data, rcode=3)]
        with pytest.raises(BadTrustedServer, match=r"'dns\.example\.net' cannot be resolved: "):
            await lookup_host("dns.example.net", [Server("127.0.0.1", resolver.port)])
        assert {asked.name for asked in resolver.asked} == {b"\3dns\7example\3org\0", b"\3dns\7example\3net\0"}


async def test_a_resolver_that_is_just_starting_is_asked_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(asked: Asked) -> Iterable[bytes]:
        return [answer_bytes(asked.data, "dns.example.org 300 A 192.0.2.1")]

    async with FakeUpstream(script) as before:
        port = before.port
    async with AsyncExitStack() as stack:

        async def start() -> None:
            await stack.enter_async_context(FakeUpstream(script, port=port))

        monkeypatch.setattr(servers, "_moment", start)
        assert await lookup_host("dns.example.org", [Server("127.0.0.1", port)]) == ["192.0.2.1"]
    monkeypatch.undo()
    with pytest.raises(BadTrustedServer, match="Could not contact"):
        await lookup_host("dns.example.org", [Server("127.0.0.1", port)])


async def test_where_nobody_can_be_asked_what_to_write_is_said() -> None:
    with pytest.raises(BadTrustedServer, match=r"nowhere\.invalid.*is dnsguard itself: write the address of at least"):
        await lookup_host("nowhere.invalid", [])
