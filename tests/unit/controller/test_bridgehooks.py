"""Bridges with workloads are told to call the IP hooks, and no others; afterwards all is as it was."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from dnsguard.controller.bridgehooks import MARKER_FILE, BridgeHooks, restore_bridges
from dnsguard.controller.plugs import Plugs
from dnsguard.netlink.bridges import machine_bridges
from tests.support.netns import Namespace, namespace


@pytest.fixture
def node() -> Iterator[Namespace]:
    with namespace() as made, made.entered():
        for name in "br0", "br1":
            made.run(f"ip link add {name} type bridge")
        made.run("ip link add veth-a type veth peer name far")
        yield made


def calls(name: str) -> tuple[bool, bool]:
    return machine_bridges().bridges[name].calls


def none_for_all(node: Namespace) -> None:
    for family in "iptables", "ip6tables":
        node.run(f"sysctl -qw net.bridge.bridge-nf-call-{family}=0")


async def test_of_those_with_workloads_alone(node: Namespace, tmp_path: Path) -> None:
    none_for_all(node)
    await BridgeHooks(tmp_path, lambda: ("br1", "br9")).look()
    assert (calls("br0"), calls("br1")) == ((False, False), (True, True))


async def test_not_where_the_machine_does_it_for_all(node: Namespace, tmp_path: Path) -> None:
    assert node
    await BridgeHooks(tmp_path, lambda: ("br1",)).look()
    assert calls("br1") == (False, False)
    assert not (tmp_path / MARKER_FILE).exists()


async def test_what_was_before_comes_back_also_after_another_run(node: Namespace, tmp_path: Path) -> None:
    none_for_all(node)
    node.run("ip link set br1 type bridge nf_call_ip6tables 1")
    await BridgeHooks(tmp_path, lambda: ("br1",)).look()
    node.run("ip link set br1 type bridge nf_call_iptables 0")
    await BridgeHooks(tmp_path, lambda: ("br1",)).look()
    assert calls("br1") == (True, True)
    assert restore_bridges(tmp_path)
    assert calls("br1") == (False, True)
    assert not restore_bridges(tmp_path)


async def test_where_it_cannot_be_had_that_is_said(
    node: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This kernel has br_netfilter built in, so that it is missing can only be pretended."""
    assert node
    monkeypatch.setattr("dnsguard.netlink.bridges._SETTINGS", tmp_path / "nowhere")
    hooks = BridgeHooks(tmp_path, lambda: ("br0", "br1"))
    await hooks.look()
    (problem,) = hooks.problems
    assert problem.startswith("what passes between ports of br0, br1 is dropped")
    assert problem.endswith("(modprobe br_netfilter)")
    none = BridgeHooks(tmp_path, lambda: ())
    await none.look()
    assert none.problems == ()


async def test_what_is_plugged_in_is_heard_of(node: Namespace) -> None:
    changed = asyncio.Event()
    plugs = Plugs(changed.set)
    plugs.look()
    assert plugs.ports == ()
    task = asyncio.create_task(plugs.run())
    for command, expected in (
        ("link set veth-a master br0", (("veth-a", "br0"),)),
        ("link set veth-a master br1", (("veth-a", "br1"),)),
        ("link set veth-a name port", (("port", "br1"),)),
        ("link del port", ()),
    ):
        node.run(f"ip {command}")
        while plugs.ports != expected:
            await asyncio.wait_for(changed.wait(), 10)
            changed.clear()
    task.cancel()
