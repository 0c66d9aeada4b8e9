"""What others open is closed by the first look that finds it, whatever else is to be restored."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from dnsguard.calc.compiled import Action, Compiled, CompiledRule, Direction, EntityMatch
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.reading import TableReader
from dnsguard.dataplane.revision import Revision
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.sentinel import SETS_AT_ONCE, Harm, Sentinel
from dnsguard.dataplane.settings import Settings
from dnsguard.netlink import nftables
from dnsguard.netlink.nftables import Element
from dnsguard.netlink.socket import NetfilterSocket
from tests.support.compiled import compiled, lease_set, member_set, policy, policy_class, tier, workload
from tests.support.netns import table_blocks
from tests.support.road import Road, road

SETTINGS = Settings()
FOUNDATION = build_plan(Compiled(), SETTINGS)
PAIR = ip_address("10.65.0.2").packed + ip_address("192.0.2.10").packed
OTHER = "table inet other {\n\tset kept {\n\t\ttype ipv4_addr\n\t\telements = { 192.0.2.7 }\n\t}\n}\n"


def planned(address: str = "198.51.100.10", sets: int = 1, settings: Settings = SETTINGS) -> Plan:
    """Endpoint a may go to an address, and to where leases of its one set lead; further sets are used by nobody."""
    allow = [
        CompiledRule(0, Action.ALLOW, destination=EntityMatch(members="s:far")),
        CompiledRule(1, Action.ALLOW, destination=EntityMatch(leases="s:web-0")),
    ]
    web = policy("application.web", allow)
    egress = policy_class(Direction.EGRESS, tier("application", web))
    return build_plan(
        compiled(
            endpoints=[workload("a", "10.65.0.2", egress=egress)],
            policies=[web],
            members=[member_set("s:far", f"{address}/32")],
            leases=[lease_set(f"s:web-{number}", "web.example.org") for number in range(sets)],
        ),
        settings,
    )


@pytest.fixture
def way() -> Iterator[Road]:
    with road(SETTINGS) as made:
        yield made


@pytest.fixture
def sentinel(way: Road) -> Iterator[Sentinel]:
    with way.node.entered():
        socket = NetfilterSocket()
    with socket:
        made = Sentinel(socket, FOUNDATION)
        way.driver = Driver(way.kernel, FOUNDATION, made)
        way.driver.open()
        way.driver.apply(planned())
        yield made


def listed(way: Road) -> list[str]:
    blocks = table_blocks(way.node.run("nft list table inet dnsguard"))
    return [block for block in blocks if not block.lstrip().startswith("counter")]


def seen(sentinel: Sentinel) -> list[Harm]:
    """What a round of looks finds."""
    sightings = [sentinel.look() for _ in range(4)]
    return [sighting.harm for sighting in sightings if sighting is not None]


@pytest.mark.parametrize(
    "damage",
    [
        "flush ruleset",
        "delete table inet dnsguard",
        "flush table inet dnsguard",
        "flush chain inet dnsguard forward-egress",
        "insert rule inet dnsguard forward-egress accept",
        "delete chain inet dnsguard forward-egress",
    ],
)
def test_what_others_open_is_closed_and_then_restored(way: Road, sentinel: Sentinel, damage: str) -> None:
    before = listed(way)
    assert way.send("a", "net", "192.0.2.10", 9) == "tier-application-egress-end"
    way.node.run("nft flush chain inet dnsguard forward-egress" if damage.startswith("delete chain") else "true")
    way.node.run(f"nft {damage}")
    assert way.send("a", "net", "192.0.2.10", 9) == "arrived"

    assert seen(sentinel) == [Harm.RULES]
    assert way.send("a", "net", "192.0.2.10", 10) in {"unknown-workload-egress", "tier-application-egress-end"}
    assert way.send("u", "net", "198.51.100.10", 10) == "unknown-workload-egress"

    way.driver.lost()
    way.driver.open()
    way.driver.apply(planned())
    assert seen(sentinel) == []
    assert listed(way) == before
    assert way.send("a", "net", "198.51.100.10", 11) == "arrived"


def test_where_only_a_base_chain_was_changed_nobody_who_is_allowed_waits(way: Road, sentinel: Sentinel) -> None:
    before = listed(way)
    way.node.run("nft flush chain inet dnsguard forward-egress")
    assert seen(sentinel) == [Harm.RULES]
    assert listed(way) == before
    assert not way.driver.lost()
    assert way.send("a", "net", "198.51.100.10", 9) == "arrived"


def test_it_closes_again_where_others_go_on_while_all_is_being_restored(way: Road, sentinel: Sentinel) -> None:
    for _ in range(3):
        way.node.run("nft flush ruleset")
        assert seen(sentinel) == [Harm.RULES]
        assert way.send("a", "net", "192.0.2.10", 9) == "unknown-workload-egress"


def test_what_we_and_forwarders_change_is_no_harm(way: Road, sentinel: Sentinel) -> None:
    for address in "198.51.100.11", "198.51.100.12":
        way.driver.apply(planned(address, sets=2))
        way.kernel.transact(nftables.add_elements("dnsguard", "d4-web-0", [Element(PAIR, 60_000)]))
        assert seen(sentinel) == []
    way.driver.apply(planned())
    way.driver.sweep(planned(), lease_sets=True)
    way.node.run("nft -f -", OTHER)
    assert seen(sentinel) == []
    way.driver.uninstall()
    assert seen(sentinel) == []
    assert way.node.run("nft list ruleset") == OTHER


@pytest.mark.parametrize("family", [4, 6])
def test_an_emptied_set_of_leases_is_seen_once(way: Road, sentinel: Sentinel, family: int) -> None:
    assert seen(sentinel) == []
    before = listed(way)
    way.node.run(f"nft flush set inet dnsguard d{family}-web-0")
    assert seen(sentinel) == [Harm.LEASES]
    assert listed(way) == before
    assert seen(sentinel) == []


def test_of_many_sets_each_has_its_turn(way: Road, sentinel: Sentinel) -> None:
    plan = planned(sets=SETS_AT_ONCE)
    way.driver.apply(plan)
    for item in plan.sets[0], plan.sets[2 * SETS_AT_ONCE - 1]:
        assert seen(sentinel) == []
        way.node.run(f"nft flush set inet dnsguard {item.name}")
        assert seen(sentinel) == [Harm.LEASES]


def test_other_tables_are_left_alone_in_all_of_it(way: Road, sentinel: Sentinel) -> None:
    way.node.run("nft -f -", OTHER)
    for damage in "flush table inet dnsguard", "flush chain inet dnsguard forward-egress", "delete table inet dnsguard":
        way.node.run(f"nft {damage}")
        assert seen(sentinel) == [Harm.RULES]
        assert way.driver.lost() or damage.startswith("flush chain")
        way.driver.open()
        way.driver.apply(planned())
        assert way.node.run("nft list table inet other") == OTHER
    way.driver.uninstall()
    assert way.node.run("nft list ruleset") == OTHER


def test_the_revision_of_policy_outlives_the_table(way: Road, sentinel: Sentinel) -> None:
    """Connections that an earlier one allowed would else count as judged."""
    del sentinel
    marking = replace(SETTINGS, mark_mask=0xFF00)
    foundation, plan = build_plan(Compiled(), marking), planned(settings=marking)
    with way.node.entered():
        socket = NetfilterSocket()
    with socket:
        looking = Sentinel(socket, foundation)
        driver = Driver(way.kernel, foundation, looking)
        driver.open()
        driver.apply(plan)
        for _ in range(3):
            driver.switch(plan, revise=True)
        assert seen(looking) == []
        for damage in "delete table", "flush table":
            way.node.run(f"nft {damage} inet dnsguard")
            assert seen(looking) == [Harm.RULES]
            closed = way.node.run("nft list table inet dnsguard")
            assert "revision 4 of" in closed
            assert "revision 1 of" not in closed
            assert driver.lost()
            driver.open()
            driver.apply(plan)
            assert driver.revision() == Revision(0xFF00, 4)


def test_the_rules_of_an_earlier_run_are_looked_after_before_they_are_known(way: Road, sentinel: Sentinel) -> None:
    del sentinel
    with way.node.entered():
        socket = NetfilterSocket()
    with socket:
        later = Sentinel(socket, FOUNDATION)
        Driver(way.kernel, FOUNDATION, later).open()
        assert seen(later) == []
        assert way.send("a", "net", "198.51.100.10", 9) == "arrived"
        way.node.run("nft flush chain inet dnsguard forward-egress")
        assert seen(later) == [Harm.RULES]
        assert way.send("a", "net", "192.0.2.10", 10) == "unknown-workload-egress"


def test_a_table_that_was_emptied_while_nobody_looked_is_closed_at_start(way: Road) -> None:
    way.driver.apply(planned())
    way.node.run("nft flush table inet dnsguard")
    assert way.send("a", "net", "192.0.2.10", 9) == "arrived"
    Driver(way.kernel, FOUNDATION).open()
    assert way.send("a", "net", "192.0.2.10", 10) == "unknown-workload-egress"
    held = TableReader(way.kernel, "dnsguard").elements("d4-web-0")
    assert [any(element.key) for element in held] == [False]
