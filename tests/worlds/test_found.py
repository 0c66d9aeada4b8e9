"""What random worlds found, as small as it could be made: the kernel and the evaluator once differed here."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from dnsguard.calc.evaluator.node import HostAction, Node
from dnsguard.calc.evaluator.packet import TCP, UDP, Packet, PacketState
from dnsguard.dataplane.settings import DenyAction
from tests.worlds.bench import Bench, bench
from tests.worlds.dice import Manifest
from tests.worlds.flows import reply_to
from tests.worlds.scene import INTERFACE_ADDRESSES, NODE_ADDRESSES, NODE_NAME
from tests.worlds.shot import ACK, SYN, Shot
from tests.worlds.world import World

NODE = Node(NODE_NAME, NODE_ADDRESSES, INTERFACE_ADDRESSES, endpoint_to_host=HostAction.ACCEPT)


def manifest(kind: str, name: str, **spec: Any) -> Manifest:
    return {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": {"name": name}, "spec": spec}


def host(interface: str) -> Manifest:
    return manifest(
        "HostEndpoint", "h", node=NODE_NAME, interfaceName=interface, profiles=["projectcalico-default-allow"]
    )


def early(*rules: Manifest) -> Manifest:
    return manifest("GlobalNetworkPolicy", "early", preDNAT=True, applyOnForward=True, ingress=list(rules))


@pytest.fixture(scope="module")
def tried() -> Iterator[Bench]:
    with bench() as on:
        yield on


def packet(source: str, destination: str, protocol: int = UDP, **more: Any) -> Packet:
    return Packet(ip_address(source), ip_address(destination), protocol, 40000, 53, **more)


def enforce(on: Bench, *manifests: Manifest) -> None:
    assert not on.enforce(World(0, manifests, NODE, DenyAction.DROP, frozenset()))


def test_a_pre_dnat_policy_lets_replies_to_the_node_in(tried: Bench) -> None:
    enforce(tried, host("eth0"), early({"action": "Deny"}))
    first = Shot(1, packet("192.0.2.1", "192.0.2.10"), "", "eth0", goes_on=True)
    assert not tried.try_all([first, reply_to(first, 2)])
    assert not tried.try_alone(Shot(1, packet("192.0.2.10", "192.0.2.1"), "eth0"))


@pytest.mark.parametrize(("destination", "leaves"), [("192.0.2.1", ""), ("203.0.113.10", "eth2")])
def test_a_pre_dnat_policy_drops_what_belongs_to_no_connection(tried: Bench, destination: str, leaves: str) -> None:
    enforce(tried, host("eth0"), early({"action": "Allow"}))
    stray = packet("192.0.2.10", destination, TCP, state=PacketState.INVALID)
    assert not tried.try_alone(Shot(1, stray, "eth0", leaves, flags=SYN | ACK))


def test_a_pre_dnat_policy_of_every_interface_leaves_the_node_to_itself(tried: Bench) -> None:
    enforce(tried, host("*"), early({"action": "Deny"}))
    assert not tried.try_alone(Shot(1, packet("192.0.2.1", "198.51.100.1"), ""))


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_untracked_policy_leaves_the_node_to_itself(tried: Bench, direction: str) -> None:
    rules = {direction: [{"action": "Deny"}], "types": [direction.capitalize()]}
    untracked = manifest("GlobalNetworkPolicy", "raw", doNotTrack=True, applyOnForward=True, **rules)
    enforce(tried, host("lo"), untracked)
    assert not tried.try_alone(Shot(1, packet("192.0.2.1", "198.51.100.1"), ""))
