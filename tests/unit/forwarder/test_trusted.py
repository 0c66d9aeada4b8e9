import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from dnsguard.dns.upstream.servers import BadTrustedServer
from dnsguard.forwarder import trusted as module
from dnsguard.forwarder.clients import Clients
from dnsguard.forwarder.trusted import TrustedServers
from dnsguard.servers import Server, Tls
from dnsguard.settings import Settings, SocketAddress

OWN = "192.0.2.53"
DEFAULT = [Server("192.0.2.1")]


def settings(directory: Path, *, given: bool = False) -> Settings:
    made = Settings(state_dir=directory, run_dir=directory, node_name="here", listen=[OWN], upstreams=["192.0.2.1"])  # type: ignore[arg-type] # as text, as a file has it
    if not given:
        made.model_fields_set.discard("upstreams")
    return made


class Names:
    """What a resolver would say."""

    def __init__(self, **known: list[str]) -> None:
        self.known = {name.replace("_", "."): addresses for name, addresses in known.items()}
        self.asked: list[str] = []

    async def lookup(self, name: str) -> list[str]:
        self.asked.append(name)
        await asyncio.sleep(0)
        if name not in self.known:
            raise BadTrustedServer(f"{name!r} cannot be resolved: no such name")
        return self.known[name]


async def trusted(
    directory: Path, *, given: bool = False, upstreams: Sequence[str] = ("192.0.2.1",), names: Names | None = None
) -> TrustedServers:
    clients = Clients([], [], [])
    clients.set_own([ip_address(OWN).packed])
    made = settings(directory, given=given).model_copy(update={"upstreams": tuple(upstreams)})
    if not given:
        made.model_fields_set.discard("upstreams")
    found = TrustedServers(made, clients, directory / "trusted", (names or Names()).lookup)
    await found.look_up()
    return found


@contextlib.asynccontextmanager
async def looking(made: TrustedServers) -> AsyncIterator[asyncio.Queue[list[Server]]]:
    """Look names up; what is in force whenever that has changed."""
    changes: asyncio.Queue[list[Server]] = asyncio.Queue()
    task = asyncio.create_task(made.keep_looking(lambda: changes.put_nowait(made.in_force)))
    try:
        yield changes
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_list_is_followed_and_given_up(tmp_path: Path) -> None:
    made = await trusted(tmp_path)
    assert made.in_force == DEFAULT
    made.follow(("198.51.100.1", "198.51.100.2:5353", "2001:db8::1", "[2001:db8::2]:5353", "198.51.100.1:53"))
    assert made.in_force == [
        Server("198.51.100.1"), Server("198.51.100.2", 5353), Server("2001:db8::1"), Server("2001:db8::2", 5353),
    ]  # fmt: skip
    assert not made.problems
    made.follow(())
    assert (made.in_force, made.problems) == (DEFAULT, ())


async def test_servers_of_the_settings_come_first(tmp_path: Path) -> None:
    made = await trusted(tmp_path, given=True)
    made.follow(("198.51.100.1",))
    assert (made.in_force, made.problems) == (DEFAULT, ())


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (("198.51.100.9", OWN), "192.0.2.53:53 is dnsguard itself"),
        (("dns.example.org",), "'dns.example.org' is not looked up yet"),
        (("k8s-service:kube-dns",), "no Kubernetes API is connected"),
        (("nonsense!",), "is no DNS server"),
    ],
)
async def test_a_list_that_cannot_be_used_changes_nothing_also_over_a_restart(
    tmp_path: Path, told: tuple[str, ...], said: str
) -> None:
    for made in (await trusted(tmp_path), await trusted(tmp_path)):
        made.follow(told)
        assert made.in_force == DEFAULT
        assert said in made.problems[0]
        assert made.problems[-1].endswith("192.0.2.1:53 are asked still")
    good = await trusted(tmp_path)
    good.follow(("198.51.100.1",))
    good.follow(told)
    assert good.in_force == [Server("198.51.100.1")]
    again = await trusted(tmp_path)
    again.follow(told)
    assert again.in_force == [Server("198.51.100.1")]
    assert again.problems[-1].endswith("198.51.100.1:53 are asked still")


async def test_what_can_be_used_of_a_list_is(tmp_path: Path) -> None:
    made = await trusted(tmp_path)
    made.follow(("k8s-service:kube-dns", "198.51.100.1"))
    assert made.in_force == [Server("198.51.100.1")]
    assert len(made.problems) == 1
    made.follow(("198.51.100.1",))
    assert not made.problems


async def test_a_broken_file_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "trusted").write_bytes(b"{")
    made = await trusted(tmp_path)
    made.follow((OWN,))
    assert made.in_force == DEFAULT


async def test_a_server_whose_address_becomes_ours_is_asked_no_more(tmp_path: Path) -> None:
    clients = Clients([], [], [])
    every_address = settings(tmp_path).model_copy(update={"listen": (SocketAddress(ip_address("0.0.0.0"), 53),)})
    every_address.model_fields_set.discard("upstreams")
    made = TrustedServers(every_address, clients, tmp_path / "trusted")
    await made.look_up()
    made.follow(("198.51.100.1",))
    assert made.in_force == [Server("198.51.100.1")]
    clients.set_own([ip_address("198.51.100.1").packed])
    made.look_again()
    assert made.in_force == DEFAULT
    assert "dnsguard itself" in made.problems[0]
    clients.set_own([])
    made.look_again()
    assert (made.in_force, made.problems) == ([Server("198.51.100.1")], ())


async def test_a_resource_may_name_servers_and_nothing_waits_for_their_addresses(tmp_path: Path) -> None:
    names = Names(dns_example_org=["198.51.100.1", "2001:db8::1"])
    made = await trusted(tmp_path, names=names)
    async with looking(made) as changes:
        made.follow(("dns.example.org:5353", "tls://dns.example.org"))
        assert made.in_force == DEFAULT
        tls = Tls("dns.example.org")
        assert await asyncio.wait_for(changes.get(), 20) == [
            Server("198.51.100.1", 5353), Server("2001:db8::1", 5353),
            Server("198.51.100.1", 853, tls), Server("2001:db8::1", 853, tls),
        ]  # fmt: skip
        assert made.problems == ()
        assert names.asked == ["dns.example.org"]


async def test_what_needs_no_look_up_is_asked_meanwhile(tmp_path: Path) -> None:
    made = await trusted(tmp_path)
    made.follow(("198.51.100.1", "dns.example.org"))
    assert made.in_force == [Server("198.51.100.1")]
    assert made.problems == ("dnsTrustedServers: 'dns.example.org' is not looked up yet",)


async def test_names_are_looked_up_again_and_the_last_good_addresses_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOOK_UP_SECONDS", "RETRY_SECONDS"):
        monkeypatch.setattr(module, name, 0.001)
    names = Names(dns_example_org=["198.51.100.1"])
    made = await trusted(tmp_path, upstreams=["dns.example.org"], names=names)
    assert made.in_force == [Server("198.51.100.1")]
    async with looking(made) as changes:
        names.known = {}
        while not made.problems:  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0)
        assert made.in_force == [Server("198.51.100.1")]
        assert list(made.problems) == [
            "upstreams: 'dns.example.org' cannot be resolved: no such name; 198.51.100.1 of an earlier look-up count"
            " still",
        ]
        names.known = {"dns.example.org": ["198.51.100.2"]}
        assert await asyncio.wait_for(changes.get(), 20) == [Server("198.51.100.2")]
        assert changes.empty()
    assert not made.problems


async def test_a_name_that_cannot_be_found_after_a_restart_is_where_it_was(tmp_path: Path) -> None:
    await trusted(tmp_path, upstreams=["dns.example.org"], names=Names(dns_example_org=["198.51.100.1"]))
    again = await trusted(tmp_path, upstreams=["dns.example.org"])
    assert again.in_force == [Server("198.51.100.1")]
    assert "no such name; 198.51.100.1 of an earlier look-up" in again.problems[0]


async def test_without_any_address_it_cannot_start_and_with_one_it_can(tmp_path: Path) -> None:
    with pytest.raises(BadTrustedServer, match=r"upstreams: 'dns\.example\.org' cannot be resolved: no such name"):
        await trusted(tmp_path, upstreams=["dns.example.org"])
    made = await trusted(tmp_path, upstreams=["dns.example.org", "192.0.2.1"])
    assert made.in_force == DEFAULT
    assert len(made.problems) == 1


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"dns.example.org": 7}', b'{"dns.example.org": ["nonsense"]}'])
async def test_broken_memories_of_names_are_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "trusted.names").write_bytes(content)
    with pytest.raises(BadTrustedServer, match="cannot be resolved"):
        await trusted(tmp_path, upstreams=["dns.example.org"])


async def test_a_name_behind_which_are_we_is_refused(tmp_path: Path) -> None:
    names = Names(dns_example_org=["198.51.100.1", OWN])
    with pytest.raises(BadTrustedServer, match="dnsguard itself"):
        await trusted(tmp_path, upstreams=["dns.example.org"], names=names)
    names.known["dns.example.org"] = ["198.51.100.1"]
    made = await trusted(tmp_path, upstreams=["dns.example.org"], names=names)
    names.known["dns.example.org"] = ["198.51.100.1", OWN]
    await made._names.look_up(["dns.example.org"])
    made.look_again()
    assert made.in_force == [Server("198.51.100.1")]
    assert made.problems == ("upstreams: 192.0.2.53:53 has become dnsguard itself",)


async def test_a_list_over_tls_is_kept_over_a_restart(tmp_path: Path) -> None:
    told = ("tls://198.51.100.1#dns.example.org",)
    (await trusted(tmp_path)).follow(told)
    again = await trusted(tmp_path)
    again.follow((OWN,))
    assert again.in_force == [Server("198.51.100.1", 853, Tls("dns.example.org"))]
