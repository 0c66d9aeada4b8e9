from ipaddress import ip_address
from pathlib import Path

import pytest

from dnsguard.forwarder.clients import Clients
from dnsguard.forwarder.trusted import TrustedServers
from dnsguard.servers import Server
from dnsguard.settings import Settings, SocketAddress

OWN = "192.0.2.53"
DEFAULT = [Server("192.0.2.1")]


def settings(directory: Path, *, given: bool = False) -> Settings:
    made = Settings(state_dir=directory, run_dir=directory, node_name="here", listen=[OWN], upstreams=["192.0.2.1"])  # type: ignore[arg-type] # as text, as a file has it
    if not given:
        made.model_fields_set.discard("upstreams")
    return made


async def trusted(directory: Path, *, given: bool = False) -> TrustedServers:
    clients = Clients([], [], [])
    clients.set_own([ip_address(OWN).packed])
    made = TrustedServers(settings(directory, given=given), clients, directory / "trusted")
    await made.look_up()
    return made


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
        (("dns.example.org",), "'dns.example.org' is a name"),
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
