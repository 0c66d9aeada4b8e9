"""What Docker answers, read at the door."""

from ipaddress import ip_address
from typing import Any

import pytest

from dnsguard.discovery.docker.answers import Network, read_containers, read_networks, read_sandbox
from dnsguard.discovery.docker.errors import DockerUnavailable
from tests.unit.discovery.docker.samples import BACK, BRIDGE, MACVLAN, NETWORKS, PAY, container, place, text


def test_a_container_has_a_place_in_each_of_its_networks() -> None:
    value = container(
        bridge=place(BRIDGE, "e1", "172.17.0.2"), shop_back=place(BACK, "e2", "172.18.0.2", "2001:db8:9::2")
    )
    (read,) = read_containers(text([value]))
    assert (read.id, read.name, read.labels, read.shares) == (PAY, "pay", {"role": "pay"}, "")
    assert [(each.network, each.endpoint) for each in read.attachments] == [(BRIDGE, "e1"), (BACK, "e2")]
    assert read.addresses == {ip_address("172.17.0.2"), ip_address("172.18.0.2"), ip_address("2001:db8:9::2")}
    assert read.run == (PAY, "e1", "e2")


@pytest.mark.parametrize(
    ("state", "is_there"),
    [("running", True), ("paused", True), ("restarting", False), ("exited", False), ("created", False), (["x"], False)],
)
def test_only_what_runs_or_is_paused_has_a_network(state: Any, is_there: bool) -> None:
    assert bool(read_containers(text([container(state=state)]))) == is_there


@pytest.mark.parametrize(("mode", "shares"), [("host", "host"), (f"container:{PAY}", PAY), ("none", ""), (None, "")])
def test_whose_network_it_uses(mode: Any, shares: str) -> None:
    assert read_containers(text([container(mode=mode)]))[0].shares == shares


def test_a_place_without_an_address_is_none() -> None:
    values = container(host=place("4" * 64, "e1", ""), bridge={"NetworkID": BRIDGE, "EndpointID": None})
    assert read_containers(text([values]))[0].attachments == ()


def test_its_own_name_is_not_that_which_others_link_to_it_by() -> None:
    value = {**container(), "Names": ["/web/db", "/pay", 7]}
    assert read_containers(text([value]))[0].name == "pay"
    assert read_containers(text([{**container(), "Names": None}]))[0].name == ""


def test_labels_that_are_no_texts_are_passed_over() -> None:
    assert read_containers(text([{**container(), "Labels": {"a": "b", "c": 1, "d": None}}]))[0].labels == {"a": "b"}
    assert read_containers(text([{**container(), "Labels": None}]))[0].labels == {}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[", b"{}", b"[1]", b"\xff\xfe", b"[" * 100_000, b'[{"Id": "x"}]', b'[{"Id": ["a"]}]',
        text([{**container(), "NetworkSettings": None}]),
        text([container(bridge="x")]),
        text([container(bridge=place(BRIDGE, "e1", "172.17.0.2/16"))]),
        text([container(), {}]),
    ],
)  # fmt: skip
def test_of_a_list_that_is_not_understood_nothing_is_taken(body: bytes) -> None:
    with pytest.raises(DockerUnavailable):
        read_containers(body)


def test_networks_and_their_bridges() -> None:
    assert read_networks(text(NETWORKS)) == {
        BRIDGE: Network(BRIDGE, "bridge", "bridge", "docker0"),
        BACK: Network(BACK, "shop_back", "bridge", f"br-{'2' * 12}"),
        MACVLAN: Network(MACVLAN, "lan", "macvlan", ""),
    }
    with pytest.raises(DockerUnavailable):
        read_networks(text([{"Id": BRIDGE}]))


def test_a_sandbox_belongs_to_one_run_of_the_container() -> None:
    value = container(bridge=place(BRIDGE, "e1", "172.17.0.2"))
    value["NetworkSettings"]["SandboxKey"] = "/var/run/docker/netns/0123"
    assert read_sandbox(text(value)) == ((PAY, "e1"), "/var/run/docker/netns/0123")
    value["NetworkSettings"]["SandboxKey"] = ""
    assert read_sandbox(text(value)) == ((PAY, "e1"), "")
    with pytest.raises(DockerUnavailable):
        read_sandbox(text(container()))
