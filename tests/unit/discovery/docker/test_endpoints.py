"""The endpoints that containers are."""

from collections.abc import Sequence
from typing import Any

import pytest

from dnsguard.discovery.docker.answers import read_containers, read_networks
from dnsguard.discovery.docker.endpoints import LEFT_OUT, Known, Wanted, wanted
from dnsguard.resources import parse_object
from tests.unit.discovery.docker.samples import (
    BACK,
    BRIDGE,
    MACVLAN,
    NETWORKS,
    PAY,
    WEB,
    container,
    place,
    text,
)

SANDBOX = "/run/docker/netns/0123"
PORTS = {SANDBOX: {"docker0": ["veth0"], f"br-{'2' * 12}": ["veth1"]}}


def made(*values: Any, ports: Any = PORTS, only: Sequence[str] = (), sandboxes: Any = None) -> Wanted:
    containers = read_containers(text(list(values)))
    known = {each.run: SANDBOX for each in containers} if sandboxes is None else sandboxes
    found = Known(containers, read_networks(text(NETWORKS)), known, ports, {SANDBOX: "it is not here"})
    return wanted(found, only, "here", "docker")


def test_each_place_in_a_network_is_an_endpoint() -> None:
    found = made(
        container(bridge=place(BRIDGE, "e1", "172.17.0.2"), shop_back=place(BACK, "e2", "172.18.0.2", "2001:db8:9::2"))
    )
    assert not found.missing
    assert found.objects["pay.shop-back.aaaaaaaaaaaa"] == {
        "apiVersion": "projectcalico.org/v3",
        "kind": "WorkloadEndpoint",
        "metadata": {
            "name": "pay.shop-back.aaaaaaaaaaaa",
            "namespace": "docker",
            "labels": {"role": "pay", "dnsguard.io/docker-container": "pay",
                       "dnsguard.io/docker-network": "shop_back"},
            "annotations": {"dnsguard.io/made-by": "docker-discovery"},
        },
        "spec": {
            "orchestrator": "docker", "node": "here", "containerID": PAY, "workload": "pay",
            "interfaceName": "veth1", "ipNetworks": ["172.18.0.2/32", "2001:db8:9::2/128"],
            "profiles": ["kns.docker"], "mac": "02:42:ac:11:00:02",
        },
    }  # fmt: skip
    assert found.objects["pay.bridge.aaaaaaaaaaaa"]["spec"]["interfaceName"] == "veth0"


@pytest.mark.parametrize("only", [["shop_back"], [BACK]])
def test_only_networks_that_were_named_count(only: list[str]) -> None:
    value = container(bridge=place(BRIDGE, "e1", "172.17.0.2"), shop_back=place(BACK, "e2", "172.18.0.2"))
    assert list(made(value, only=only).objects) == ["pay.shop-back.aaaaaaaaaaaa"]


def test_what_is_behind_no_bridge_is_no_endpoint() -> None:
    assert made(container(lan=place(MACVLAN, "e1", "192.0.2.7"), gone=place("9" * 64, "e2", "192.0.2.8"))) == Wanted(
        {}, {}, (), 0
    )


@pytest.mark.parametrize(
    ("ports", "why"),
    [
        ({}, "it is not here"),
        ({SANDBOX: {"br0": ["veth0"]}}, "it is not here"),
        ({SANDBOX: {"docker0": ["veth0", "veth9"]}}, "it is not here"),
    ],
)
def test_without_its_one_port_it_is_none_and_that_is_said(ports: Any, why: str) -> None:
    found = made(container(bridge=place(BRIDGE, "e1", "172.17.0.2")), ports=ports)
    assert (dict(found.objects), found.missing) == ({}, (f"container pay in network 'bridge' has no endpoint: {why}",))


def test_one_that_was_not_looked_into_is_unsettled() -> None:
    found = made(container(bridge=place(BRIDGE, "e1", "172.17.0.2")), sandboxes={})
    assert not found.objects
    assert found.unsettled == {PAY: {"172.17.0.2"}}


@pytest.mark.parametrize("name", ["", "___", "Ünï", "a" * 300, "A_b.c"])
def test_whatever_it_is_called_the_object_is_valid(name: str) -> None:
    networks = [{**NETWORKS[1], "Name": name}]
    value = {**container(), "Names": [f"/{name}"], "Labels": {"x\n": "y", "ok": "yes", "z": "\ud800"}}
    value["NetworkSettings"] = {"Networks": {name: place(BACK, "e1", "172.18.0.2")}}
    containers = read_containers(text([value]))
    known = Known(containers, read_networks(text(networks)), {containers[0].run: SANDBOX}, PORTS, {})
    (made_of_it,) = wanted(known, (), "here", "docker").objects.values()
    assert parse_object(made_of_it).name.endswith(".aaaaaaaaaaaa")
    assert made_of_it["metadata"]["annotations"][LEFT_OUT] == "x\\n, z"


def test_names_that_look_alike_stay_apart() -> None:
    other = "5" * 64
    networks = [*NETWORKS, {"Id": other, "Name": "shop.back", "Driver": "bridge", "Options": {}}]
    value = container(a=place(BACK, "e1", "172.18.0.2"), b=place(other, "e2", "172.19.0.2"))
    containers = read_containers(text([value, {**value, "Id": WEB}]))
    ports = {SANDBOX: {f"br-{'2' * 12}": ["veth1"], f"br-{'5' * 12}": ["veth2"]}}
    known = Known(containers, read_networks(text(networks)), {each.run: SANDBOX for each in containers}, ports, {})
    assert sorted(wanted(known, (), "here", "docker").objects) == [
        "pay.shop-back-222222222222.aaaaaaaaaaaa",
        "pay.shop-back-222222222222.bbbbbbbbbbbb",
        "pay.shop-back-555555555555.aaaaaaaaaaaa",
        "pay.shop-back-555555555555.bbbbbbbbbbbb",
    ]


def test_labels_left_out_are_named_as_far_as_there_is_room() -> None:
    value = container(bridge=place(BRIDGE, "e1", "172.17.0.2"))
    value["Labels"] = {f"{'ü' * 50}{number:04}": "x" for number in range(1000)}
    (made_of_it,) = made(value).objects.values()
    said = made_of_it["metadata"]["annotations"][LEFT_OUT]
    assert said.isascii()
    assert len(said) < 2_100
    assert said.endswith(" more")
