"""The table is always changed as a difference, and never anything but it."""

import gc
import re
import subprocess
import sys
import weakref
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from itertools import pairwise
from random import Random

import pytest

from dnsguard.calc.compiled import Action, Compiled, CompiledRule, Direction, EntityMatch
from dnsguard.dataplane.actual import planned_content
from dnsguard.dataplane.delta import ForeignSetError
from dnsguard.dataplane.driver import Driver, Work
from dnsguard.dataplane.guard import LOOKS_PER_ROUND
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.reading import TableReader
from dnsguard.dataplane.rules import Chain, Jump, Plan, Rule
from dnsguard.dataplane.sets import HashSet, IntervalSet, KeyType
from dnsguard.dataplane.settings import Settings
from dnsguard.netlink import nftables
from dnsguard.netlink.nftables import Element
from dnsguard.netlink.socket import NetfilterSocket, NetlinkError
from tests.support.compiled import (
    compiled,
    lease_set,
    member_set,
    policy,
    policy_class,
    port_set,
    ports,
    tier,
    workload,
)
from tests.support.netns import Namespace, namespace, table_blocks
from tests.support.road import Road, road
from tests.unit.dataplane.samples import SAMPLES

SETTINGS = Settings()
FOUNDATION = build_plan(Compiled(), SETTINGS)
PAIR = ip_address("10.65.0.2").packed + ip_address("198.51.100.10").packed


@pytest.fixture
def node() -> Iterator[Namespace]:
    with namespace() as made:
        yield made


@pytest.fixture
def socket(node: Namespace) -> Iterator[NetfilterSocket]:
    with node.entered():
        opened = NetfilterSocket()
    with opened:
        yield opened


@pytest.fixture
def driver(socket: NetfilterSocket) -> Driver:
    return Driver(socket, FOUNDATION)


def plan_with(*rules: CompiledRule, leases: tuple[str, ...] = ("s:web",), address: str = "10.65.0.2") -> Plan:
    web = policy("application.web", rules)
    egress = policy_class(Direction.EGRESS, tier("application", web))
    return build_plan(
        compiled(
            endpoints=[workload("a", address, egress=egress)],
            policies=[web],
            members=[member_set("s:far", "198.51.100.0/24")],
            leases=[lease_set(name, "web.example.org") for name in leases],
        ),
        SETTINGS,
    )


BY_LEASE = CompiledRule(0, Action.ALLOW, destination=EntityMatch(leases="s:web"))
BY_MEMBER = CompiledRule(0, Action.ALLOW, destination=EntityMatch(members="s:far"))


def listed(node: Namespace) -> list[str]:
    """Without the forwarder's sign of life: who makes the set gives it one, which runs out as time goes by."""
    blocks = table_blocks(node.run("nft list table inet dnsguard"))
    return [re.sub(r"\n\t\telements = .*", "", each) if each.startswith("\tset alive ") else each for each in blocks]


def test_the_first_transaction_is_closed_to_unknown_workloads(node: Namespace, driver: Driver) -> None:
    driver.open()
    text = "\n".join(listed(node))
    assert 'iifname "cali*" counter name "unknown-workload-egress"' in text
    assert 'oifname "cali*" counter name "unknown-workload-ingress"' in text


def test_leases_survive_every_change(node: Namespace, socket: NetfilterSocket, driver: Driver) -> None:
    driver.apply(plan_with(BY_LEASE))
    socket.transact(nftables.add_elements("dnsguard", "d4-web", [Element(PAIR, 600_000)]))
    for plan in plan_with(BY_MEMBER, BY_LEASE), plan_with(BY_LEASE, leases=("s:web", "s:more")), FOUNDATION:
        driver.apply(plan)
        (lease,) = [each for each in TableReader(socket, "dnsguard").elements("d4-web") if any(each.key)]
        assert lease.key == PAIR
        assert 500_000 < (lease.expires_ms or 0) <= 600_000
    for kept in "d4-web", "d6-web", "d4-more", "d6-more":
        assert kept in node.run("nft list table inet dnsguard")
    driver.sweep(FOUNDATION, lease_sets=True)
    for swept in "d4-web", "d6-web", "d4-more", "d6-more":
        assert swept not in node.run("nft list table inet dnsguard")


def test_counts_survive_the_replacement_of_a_chain() -> None:
    """The packet meets both alternatives of the Log rule, and is counted once there, too."""
    either = EntityMatch(members="s:far", ports=ports(9), named_ports="s:discard")
    log = CompiledRule(0, Action.LOG, protocol=17, destination=either)
    plans = []
    for allow in BY_MEMBER, CompiledRule(0, Action.ALLOW, protocol=17, destination=EntityMatch(members="s:far")):
        web = policy("application.web", [log, allow])
        state = compiled(
            endpoints=[workload("a", "10.65.0.2", egress=policy_class(Direction.EGRESS, tier("application", web)))],
            policies=[web],
            members=[member_set("s:far", "198.51.100.0/24")],
            named_ports=[port_set("s:discard", ("198.51.100.10", 17, 9))],
        )
        plans.append(build_plan(state, SETTINGS))
    chains = [{chain for chain in plan.chains if chain.name.startswith("np-")} for plan in plans]
    assert not chains[0] & chains[1]
    with road(SETTINGS) as way:
        way.driver.apply(plans[0])
        for turn in range(1, 7):
            assert way.send("a", "net", "198.51.100.10", 9) == "arrived"
            before = way.driver.counters()
            way.driver.apply(plans[turn % 2])
            after = way.driver.counters()
            for rule in 0, 1:
                name = f"np-app.application.web-egress-{rule}"
                assert before[name] == after[name] == (turn, turn * 29)


def test_a_changed_policy_leaves_what_it_does_not_touch(node: Namespace, driver: Driver) -> None:
    driver.apply(plan_with(BY_LEASE))
    before = node.run("nft -a list table inet dnsguard")
    driver.apply(plan_with(BY_LEASE, address="10.65.0.7"))
    after = node.run("nft -a list table inet dnsguard")
    assert "10.65.0.7" in after
    assert "10.65.0.2" not in after
    changed = {"workload-egress-4", "workload-ingress-4", "local-workloads-4"}
    unchanged = [block for block in before.split("\n\n") if not any(name in block.split("\n")[0] for name in changed)]
    for block in unchanged:
        if "hook" in block:
            assert block in after


def planned(sample: str) -> Plan:
    make, settings = SAMPLES[sample]
    return build_plan(make(), settings)


@pytest.mark.parametrize("first", SAMPLES)
def test_from_any_plan_to_any_other_is_the_other(socket: NetfilterSocket, node: Namespace, first: str) -> None:
    for second in SAMPLES:
        wanted = planned(second)
        fresh = Driver(socket, FOUNDATION)
        fresh.apply(wanted)
        fresh.sweep(wanted, lease_sets=True)
        expected = listed(node)
        fresh.uninstall()
        Driver(socket, FOUNDATION).apply(planned(first))
        adopting = Driver(socket, FOUNDATION)
        adopting.open()
        adopting.apply(wanted)
        adopting.sweep(wanted, lease_sets=True)
        assert listed(node) == expected, f"{first} to {second}"
        adopting.uninstall()


def test_applying_the_same_plan_again_says_nothing_to_the_kernel(node: Namespace, driver: Driver) -> None:
    plan = plan_with(BY_LEASE)
    driver.apply(plan)
    before = node.run("nft -a list table inet dnsguard")
    driver.apply(plan)
    assert node.run("nft -a list table inet dnsguard") == before


def test_what_the_kernel_refuses_leaves_the_old_rules_in_force(node: Namespace, driver: Driver) -> None:
    plan = plan_with(BY_LEASE)
    driver.apply(plan)
    before = listed(node)
    bad = Chain("forward-egress", (Rule((Jump("nowhere"),)),), plan.chains[-2].hook)
    broken = replace(plan_with(BY_MEMBER), chains=(*plan_with(BY_MEMBER).chains[:-2], bad))
    driver.prepare(broken)
    with pytest.raises(NetlinkError, match="add rule to chain forward-egress"):
        driver.switch(broken)
    driver.apply(plan)
    assert listed(node) == before


def test_a_set_of_another_shape_is_refused_by_name(node: Namespace, driver: Driver) -> None:
    node.run("nft add table inet dnsguard")
    node.run("nft add set inet dnsguard d4-web {type ipv4_addr;}")
    with pytest.raises(ForeignSetError, match=r"set d4-web .* uninstall"):
        driver.apply(plan_with(BY_LEASE))


def test_other_tables_are_left_alone(node: Namespace, driver: Driver) -> None:
    other = "table inet other {\n\tchain host-input {\n\t\taccept\n\t}\n}\n"
    node.run("nft -f -", other)
    driver.apply(plan_with(BY_LEASE))
    driver.uninstall()
    assert node.run("nft list ruleset") == other
    driver.uninstall()


@pytest.mark.parametrize(
    "damage",
    [
        "delete table inet dnsguard",
        "flush chain inet dnsguard forward-egress",
        "flush map inet dnsguard workload-egress-4",
        "flush table inet dnsguard",
        "add chain inet dnsguard more",
        "add rule inet dnsguard forward-egress accept",
    ],
)
def test_damage_by_others_is_seen_and_repaired(node: Namespace, driver: Driver, damage: str) -> None:
    plan = plan_with(BY_LEASE)
    driver.apply(plan)
    before = listed(node)
    assert not driver.lost()
    node.run(f"nft {damage}")
    assert driver.lost()
    driver.apply(plan)
    assert listed(node) == before
    assert not driver.lost()


@pytest.mark.parametrize("damage", ["flush", "delete from", "add to"])
def test_sets_that_others_changed_are_seen_after_a_while_and_repaired(
    node: Namespace, driver: Driver, damage: str
) -> None:
    """An emptied set of CIDRs that a rule denies would stand open for ever."""
    plan = plan_with(BY_MEMBER)
    driver.apply(plan)
    before = listed(node)
    name = next(item.name for item in plan.sets if item.name.startswith("n4-"))
    commands = {
        "flush": f"flush set inet dnsguard {name}",
        "delete from": f"delete element inet dnsguard {name} {{ 198.51.100.0/24 }}",
        "add to": f"add element inet dnsguard {name} {{ 192.0.2.0/24 }}",
    }
    looks = LOOKS_PER_ROUND
    assert not any(driver.lost() for _ in range(looks))
    node.run(f"nft {commands[damage]}")
    assert any(driver.lost() for _ in range(looks))
    driver.apply(plan)
    assert listed(node) == before
    assert not any(driver.lost() for _ in range(looks))


@pytest.mark.parametrize(
    "damage", ["flush chain inet dnsguard forward-egress", "insert rule inet dnsguard forward-egress accept"]
)
def test_damage_before_the_first_look_is_seen_too(node: Namespace, driver: Driver, damage: str) -> None:
    driver.apply(plan_with(BY_LEASE))
    before = listed(node)
    node.run(f"nft {damage}")
    assert driver.lost()
    driver.apply(plan_with(BY_LEASE))
    assert listed(node) == before


def test_a_rule_in_another_chain_before_the_first_look_is_seen_after_a_while(node: Namespace, driver: Driver) -> None:
    plan = plan_with(BY_LEASE)
    driver.apply(plan)
    name = next(chain.name for chain in plan.chains if chain.name.startswith("np-"))
    node.run(f"nft insert rule inet dnsguard {name} accept")
    assert any(driver.lost() for _ in range(LOOKS_PER_ROUND))


def test_damage_to_an_adopted_table_is_seen(node: Namespace, socket: NetfilterSocket, driver: Driver) -> None:
    driver.apply(plan_with(BY_LEASE))
    later = Driver(socket, FOUNDATION)
    later.open()
    assert not later.lost()
    node.run("nft delete table inet dnsguard")
    assert later.lost()
    later.open()
    assert 'iifname "cali*" counter name "unknown-workload-egress"' in "\n".join(listed(node))


def test_a_load_that_was_cut_short_is_completed(node: Namespace, socket: NetfilterSocket, driver: Driver) -> None:
    plan = plan_with(BY_LEASE, BY_MEMBER)
    half = next(chain for chain in plan.chains if chain.name.startswith("np-"))
    driver.open()
    socket.transact([nftables.add_chain("dnsguard", half.name, comment=half.comment)])
    later = Driver(socket, FOUNDATION)
    later.open()
    later.apply(plan)
    expected = listed(node)
    later.uninstall()
    later.apply(plan)
    assert listed(node) == expected


def test_what_is_prepared_is_not_in_force() -> None:
    with road(SETTINGS) as way:
        way.driver.open()
        plan = plan_with(BY_MEMBER)
        way.driver.prepare(plan)
        assert way.send("a", "net", "198.51.100.10", 9) == "unknown-workload-egress"
        assert way.send("net", "a", "10.65.0.2", 9) == "unknown-workload-ingress"
        way.driver.switch(plan)
        assert way.send("a", "net", "198.51.100.10", 9) == "arrived"
        assert way.send("net", "a", "10.65.0.2", 9) == "arrived"


def test_a_large_node_starts_with_the_buffer_of_an_unprivileged_socket(node: Namespace) -> None:
    """And so it does not hold the kernel's lock, on which DNS answers wait, for long."""
    web = policy("application.web", [BY_MEMBER])
    egress = policy_class(Direction.EGRESS, tier("application", web))
    first, first_v6 = ip_address("10.65.0.2"), ip_address("2001:db8:65::2")
    endpoints = [
        workload(f"web-{number}", str(first + number), str(first_v6 + number), egress=egress, interface=f"cali{number}")
        for number in range(2_000)
    ]
    state = compiled(endpoints=endpoints, policies=[web], members=[member_set("s:far", "198.51.100.0/24")])
    plan = build_plan(state, SETTINGS)
    with node.entered(), NetfilterSocket(buffer_bytes=106_496) as small, NetfilterSocket() as usual:
        Driver(small, FOUNDATION).apply(plan)
        held = TableReader(usual, "dnsguard").actual()
        assert {name: found.content for name, found in held.sets.items()} == {
            item.name: planned_content(item) for item in plan.sets
        }
        assert {name: found.rules for name, found in held.chains.items()} == {
            chain.name: len(chain.rules) for chain in plan.chains
        }


FLOOD = """
import socket, struct, sys, threading
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
sender.connect(("198.51.100.10", 0))
sent = 0
while not stop.is_set():
    for port in 9, 10:
        sender.send(struct.pack(">HHHH", 1024 + sent % 60_000, port, 8, 0))
    sent += 1
print(sent)
"""
"""Sends to an allowed and to a denied port in turn, each time from another port, so that every packet is the first of
its connection. A process of its own, so that it runs while the rules are switched."""

ARRIVALS = """
table inet arrivals {
    counter port-9 {}
    counter port-10 {}
    chain pre {
        type filter hook prerouting priority -400;
        udp dport 9 counter name port-9 drop
        udp dport 10 counter name port-10 drop
    }
}
"""
"""Counts where nothing can overflow."""


OTHERS = [f"203.0.{number}.0/25" for number in range(113)]
"""Networks that stay while others of the set come and go; so only those are touched."""


def test_no_packet_sees_a_mixture() -> None:
    """Two plans with the same verdicts and other base chains, classes, policies and content of the set in use. While
    they are switched all that is allowed arrives, and nothing that is denied does."""
    allow = CompiledRule(0, Action.ALLOW, protocol=17, destination=EntityMatch(members="s:far", ports=ports(9)))
    plans = []
    for interfaces, networks, rules in (
        (("cali*",), ["198.51.100.0/24"], [allow]),
        (("cali*", "veth*"), ["198.51.100.8/29", "203.0.113.0/24"], [replace(BY_MEMBER, protocol=6), allow]),
    ):
        web = policy("application.web", rules)
        state = compiled(
            endpoints=[workload("a", "10.65.0.2", egress=policy_class(Direction.EGRESS, tier("application", web)))],
            policies=[web],
            members=[member_set("s:far", *OTHERS, *networks)],
        )
        plans.append(build_plan(state, replace(SETTINGS, workload_interfaces=interfaces)))
    with road(SETTINGS) as way:
        way.driver.apply(plans[0])
        assert way.send("a", "net", "198.51.100.10", 9) == "arrived"
        way.places["net"].run("nft -f -", ARRIVALS)
        with way.places["a"].entered():
            flood = subprocess.Popen([sys.executable, "-S", "-c", FLOOD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with flood:
            while arrivals(way, 9) == 0:
                assert flood.poll() is None
            for turn in range(1, 401):
                way.driver.apply(plans[turn % 2])
            said, _ = flood.communicate()
        sent = int(said)
        assert sent > 1000
        assert (arrivals(way, 9), arrivals(way, 10)) == (sent, 0)


def arrivals(way: Road, port: int) -> int:
    listed = way.places["net"].run(f"nft list counter inet arrivals port-{port}")
    return int(listed.split("packets ")[1].split()[0])


def test_ranges_that_come_and_go_leave_what_was_planned(socket: NetfilterSocket, driver: Driver) -> None:
    """Neighbours, parts of one another, the first and the last address: changed in place, one transaction each."""
    dice = Random(7)
    reader = TableReader(socket, "dnsguard")
    last = (1 << 32) - 1
    edges = [0, 1, 2, last - 1, last, *dice.sample(range(3, last - 1), 40)]
    cuts, holes = set(edges), {edges[7]}
    for _ in range(150):
        cuts ^= set(dice.sample(edges, dice.choice((0, 1, 2))))
        holes ^= set(dice.sample(edges, dice.choice((0, 1, 2))))
        ranges = [(first, then - 1) for first, then in pairwise(sorted({*cuts, last + 1})) if first not in holes]
        plan = replace(FOUNDATION, sets=(*FOUNDATION.sets, IntervalSet("n4-some", KeyType.IPV4, tuple(ranges))))
        driver.apply(plan)
        assert reader.actual().sets["n4-some"].content == tuple(ranges)


def test_leases_that_the_forwarder_writes_are_no_damage(socket: NetfilterSocket, driver: Driver) -> None:
    driver.apply(plan_with(BY_LEASE))
    for _ in range(LOOKS_PER_ROUND + 2):
        socket.transact(nftables.add_elements("dnsguard", "d4-web", [Element(PAIR, 600_000)]))
        assert not driver.lost()
        socket.transact(nftables.delete_elements("dnsguard", "d4-web", [Element(PAIR)]))


def test_what_a_look_saw_of_a_set_is_forgotten_with_the_set(socket: NetfilterSocket, driver: Driver) -> None:
    keys = frozenset({ip_address("192.0.2.1").packed})
    seen = weakref.ref(keys)
    plan = replace(FOUNDATION, sets=(*FOUNDATION.sets, HashSet("n4-some", KeyType.IPV4, keys)))
    del keys
    for wanted, of_others in (plan, nftables.add_table("other")), (FOUNDATION, nftables.delete_table("other")):
        driver.apply(wanted)
        socket.transact([of_others])
        assert not any(driver.lost() for _ in range(LOOKS_PER_ROUND))
    del plan, wanted
    gc.collect()
    assert seen() is None


def test_what_a_step_costs_is_counted(driver: Driver) -> None:
    driver.open()
    driver.prepare(plan_with(BY_LEASE))
    assert driver.prepared.transactions == 1
    assert driver.prepared.messages > 10
    assert driver.worked["prepare"] == driver.prepared
    driver.switch(plan_with(BY_LEASE))
    driver.sweep(plan_with(BY_LEASE))
    driver.prepare(plan_with(BY_LEASE))
    driver.switch(plan_with(BY_LEASE))
    driver.sweep(plan_with(BY_LEASE))
    assert (driver.prepared, driver.switched, driver.swept) == (Work(), Work(), Work())
    assert {step: done.transactions for step, done in driver.worked.items()} == {"prepare": 1, "switch": 1, "sweep": 1}
