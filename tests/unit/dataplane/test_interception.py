"""Whose DNS the rules give to the forwarder, and what they leave alone."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from dnsguard.calc.compiled import Compiled
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.dataplane.interception import OUTPUT, POSTROUTING, PREROUTING
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.rules import Plan, Way
from dnsguard.dataplane.settings import INTERCEPTED_MARK, OWN_MARK, Interception, Settings
from tests.support.compiled import compiled, workload
from tests.unit.dataplane.interpreter import Run

W, W6, SERVER, OUT, OUT6, OWN = (
    "10.65.0.2",
    "2001:db8:65::2",
    "10.65.0.9",
    "198.51.100.53",
    "2001:db8:d::53",
    "192.0.2.1",
)
TCP, UDP, SCTP = 6, 17, 132


def planned(interception: Interception | None, *addresses: str) -> Plan:
    policy = compiled(endpoints=[workload("w", *addresses)]) if addresses else Compiled()
    return build_plan(policy, Settings(interception=interception))


def sent(plan: Plan, source: str, destination: str, protocol: int = UDP, port: int = 53) -> Run:
    packet = Packet(ip_address(source), ip_address(destination), protocol, 40_000, port)
    return Run(plan, packet, lambda *_: False, {Way.IN: "cali-w", Way.OUT: "eth0"}, frozenset({ip_address(OWN)}))


@pytest.mark.parametrize(
    ("source", "destination", "protocol", "port", "given"),
    [
        (W, OUT, UDP, 53, True),
        (W, OUT, TCP, 53, True),
        (W6, OUT6, UDP, 53, True),
        (W6, OUT6, TCP, 53, True),
        (W, OUT, SCTP, 53, False),
        (W, OUT, UDP, 5353, False),
        (W, OUT, TCP, 853, False),
        (W, OWN, UDP, 53, False),  # `input` judges
        (W, "224.0.0.251", UDP, 53, False),
        (W, "255.255.255.255", UDP, 53, False),
        (W6, "ff02::fb", UDP, 53, False),
        (SERVER, OUT, UDP, 53, False),  # trusted, though a workload
        ("10.65.0.77", OUT, UDP, 53, False),  # unknown: `forward` drops it
        (OUT, W, UDP, 53, False),
    ],
)
def test_what_workloads_ask_other_servers_is_given_to_the_forwarder(
    source: str, destination: str, protocol: int, port: int, given: bool
) -> None:
    plan = planned(Interception(8055, trusted=(ip_address(SERVER),)), W, W6, SERVER)
    packet = sent(plan, source, destination, protocol, port)
    assert packet.through(PREROUTING[0])
    assert packet.given is given
    assert packet.mark == (INTERCEPTED_MARK if given else 0)


@pytest.mark.parametrize(
    ("mark", "port", "passes"), [(INTERCEPTED_MARK, 53, True), (0, 53, False), (INTERCEPTED_MARK, 80, False)]
)
def test_what_was_given_reaches_the_forwarder_and_nothing_else_does(mark: int, port: int, passes: bool) -> None:
    packet = sent(planned(Interception(8055), W), W, OUT, port=port)
    packet.mark = mark
    assert packet.through("host-input") is passes


def test_without_workloads_or_wish_there_are_no_chains() -> None:
    bases = [{chain.name for chain in plan.chains} & {PREROUTING[0], OUTPUT[0], POSTROUTING[0]} for plan in (
        planned(None, W), planned(Interception(8055)), planned(Interception(8055), W), planned(Interception(8055, True))
    )]  # fmt: skip
    assert bases == [set(), set(), {PREROUTING[0]}, {PREROUTING[0], OUTPUT[0], POSTROUTING[0]}]


@pytest.mark.parametrize(
    ("mark", "interface", "port", "marked"),
    [(0, "eth0", 53, True), (OWN_MARK, "eth0", 53, False), (0, "lo", 53, False), (0, "eth0", 853, False)],
)
def test_what_the_node_asks_comes_back_by_loopback(mark: int, interface: str, port: int, marked: bool) -> None:
    plan = planned(Interception(8055, of_node=True))
    packet = sent(plan, OWN, OUT, port=port)
    packet.mark, packet.interfaces = mark, {Way.OUT: interface}
    assert packet.through(OUTPUT[0])
    assert packet.mark == mark | (INTERCEPTED_MARK if marked else 0)
    # Where no IP rule holds it, it goes nowhere.
    assert packet.through(POSTROUTING[0]) is not marked
    packet.interfaces = {Way.IN: "lo", Way.OUT: "lo"}
    assert packet.through(POSTROUTING[0], PREROUTING[0])
    assert packet.given is marked


def test_a_workload_may_be_intercepted_beside_the_node() -> None:
    packet = sent(planned(Interception(8055, of_node=True), W), W, OUT)
    assert packet.through(PREROUTING[0])
    assert packet.given


def test_another_port_of_the_forwarder_is_another_rule() -> None:
    one, other = (planned(replace(Interception(8055), port=port), W).chains for port in (8055, 9955))
    assert {chain.name for chain in one} != {chain.name for chain in other}
