"""Which sets hold what of workloads behind ports of bridges, as things are plugged in, out and over."""

from dataclasses import replace

import pytest

from dnsguard.dataplane.bridging import without
from dnsguard.dataplane.planner import Planner
from dnsguard.dataplane.ports import BridgePorts
from dnsguard.dataplane.render import key_text, render
from dnsguard.dataplane.rules import BridgeIn, Plan
from dnsguard.dataplane.sets import HashSet
from dnsguard.dataplane.settings import Interception, Settings
from tests.support.compiled import compiled, workload

STATE = compiled(
    endpoints=[
        workload("a", "10.65.0.2", "2001:db8:65::2", interface="veth-a"),
        replace(workload("b", "10.65.0.3", interface="cali-b"), mac="02:00:5e:00:53:0b"),
    ]
)


def held(plan: Plan | None) -> dict[str, set[str]]:
    """The sets of interfaces of a table, but those of routed workloads' addresses."""
    sets = () if plan is None else plan.sets
    return {
        item.name: {key_text(item.key_type, key).replace('"', "") for key in item.keys}
        for item in sets
        if isinstance(item, HashSet) and "local" not in item.name and "bridged" not in item.name
    }


def planned(ports: BridgePorts, *listed: str) -> Plan:
    return Planner().plan(STATE, Settings(bridge_ports=ports, workload_interfaces=listed))


ROUTED_B = {"workload-interfaces": {"cali-b"}}
A_ON_BR0 = {
    "workload-ports": {"veth-a"},
    "port-sources-4": {"veth-a . 10.65.0.2"},
    "port-sources-6": {"veth-a . 2001:db8:65::2"},
    "port-targets": {"veth-a . 0x20010db8006500000000000000000002"},
}
SOURCES = {
    "workload-sources-4": {"br0 . 10.65.0.2", "cali-b . 10.65.0.3"},
    "workload-sources-6": {"br0 . 2001:db8:65::2"},
    "workload-bridges": {"br0"},
    **ROUTED_B,
}


@pytest.mark.parametrize(
    ("ports", "listed", "table", "beside"),
    [
        pytest.param((("eth1", "br0"),), (), None, {}, id="a bridge without workloads"),
        pytest.param((("veth-a", "br0"),), (), SOURCES, A_ON_BR0, id="a workload's port"),
        pytest.param(
            (("eth1", "br0"), ("eth2", "br1"), ("veth-a", "br0")), (), SOURCES,
            {**A_ON_BR0, "other-ports": {"eth1"}}, id="others on its bridge, not those of others",
        ),
        pytest.param(
            (("eth1", "br0"), ("veth-a", "br0")), ("br*",), SOURCES,
            {**A_ON_BR0, "closed-ports": {"eth1"}}, id="nobody's port on a bridge of workloads",
        ),
        pytest.param(
            (("eth1", "br0"), ("veth-a", "br0"), ("veth-x", "br0")), ("veth*",), SOURCES,
            {**A_ON_BR0, "closed-ports": {"veth-x"}, "other-ports": {"eth1"}}, id="a port for workloads by its name",
        ),
    ],
)  # fmt: skip
def test_sets_of_ports(
    ports: BridgePorts, listed: tuple[str, ...], table: dict[str, set[str]] | None, beside: dict[str, set[str]]
) -> None:
    plan = planned(ports, *listed)
    assert held(plan.beside) == beside
    assert plan.bridges == (() if table is None else ("br0",))
    if table is not None:
        assert held(plan) == table


MANAGED = Settings(workload_interfaces=(), workload_bridges=("br0", "later"))


def test_a_managed_bridge_is_closed_whether_it_is_there_or_not() -> None:
    nothing = Planner().plan(compiled(), MANAGED)
    assert held(nothing) == {"workload-bridges": {"br0", "later"}}
    assert held(nothing.beside) == {"managed-bridges": {"br0", "later"}}
    assert nothing.bridges == ("br0", "later")
    ports = ("eth1", "br0"), ("eth2", "br1"), ("veth-a", "br0")
    beside = Planner().plan(STATE, replace(MANAGED, bridge_ports=ports)).beside
    assert held(beside) == {**A_ON_BR0, "closed-ports": {"eth1"}, "managed-bridges": {"br0", "later"}}


def test_for_a_kernel_that_does_not_see_bridges_the_rest_stays() -> None:
    whole = Planner().plan(STATE, replace(MANAGED, bridge_ports=(("eth1", "br0"), ("veth-a", "br0")))).beside
    assert whole is not None
    left = without(whole, BridgeIn)
    assert "brname" in render(whole)
    assert "brname" not in render(left)
    assert [chain.name for chain in left.chains] == [chain.name for chain in whole.chains]
    alone = Planner().plan(compiled(), MANAGED).beside
    assert alone is not None
    assert without(alone, BridgeIn).chains == (), "an empty base chain would look as if others had opened it"


def test_an_ethernet_address_brings_its_link_local_one() -> None:
    sets = held(planned((("cali-b", "br0"),)).beside)
    assert sets["ports-with-mac"] == {"cali-b"}
    assert sets["port-macs"] == {"cali-b . 02:00:5e:00:53:0b"}
    assert sets["port-sources-6"] == {"cali-b . fe80::5eff:fe00:530b"}


def test_only_what_moved_changes() -> None:
    planner, settings = Planner(), Settings()
    first = planner.plan(STATE, replace(settings, bridge_ports=(("cali-b", "br1"), ("veth-a", "br0"))))
    moved = planner.plan(STATE, replace(settings, bridge_ports=(("cali-b", "br1"), ("veth-a", "br2"))))
    gone = planner.plan(STATE, replace(settings, bridge_ports=(("cali-b", "br1"),)))
    assert held(moved)["workload-sources-4"] == {"br1 . 10.65.0.3", "br2 . 10.65.0.2"}
    assert held(gone)["workload-sources-4"] == {"br1 . 10.65.0.3", "veth-a . 10.65.0.2"}
    assert first.beside is not None
    assert moved.beside is not None
    assert moved.beside.sets is first.beside.sets, "which port sends what is as it was"
    assert moved.beside.chains is first.beside.chains
    assert (first.bridges, moved.bridges, gone.bridges) == (("br0", "br1"), ("br1", "br2"), ("br1",))


def test_interception_behind_bridges_takes_tables_of_its_own() -> None:
    settings = Settings(bridge_ports=(("veth-a", "br0"),), interception=Interception(8055))
    assert [each.family for each in Planner().plan(STATE, settings).turning] == ["ip", "ip6"]
    assert not Planner().plan(STATE, replace(settings, bridge_ports=())).turning
    assert not Planner().plan(STATE, replace(settings, interception=None)).turning


def test_whoever_names_a_bridge_is_told_to_name_the_port() -> None:
    (warning,) = planned((("eth1", "cali-b"),)).warnings
    assert warning.startswith("app/b: names the bridge cali-b")
