"""A node that has just been started: nothing is in the kernel, workloads may be there before dnsguard is."""

import subprocess
from collections.abc import Iterator

import pytest

from dnsguard.calc.compiled import Action, Compiled, CompiledRule, Direction
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Settings
from tests.support.compiled import compiled, nets, policy, policy_class, tier, workload
from tests.support.lab.guard import PROGRAM
from tests.support.road import Road, road

SETTINGS = Settings(endpoints_known=False)
A, ALLOWED, DENIED = "10.65.0.2", "198.51.100.10", "192.0.2.10"
UNKNOWN = "unknown-workload-egress"


@pytest.fixture
def way() -> Iterator[Road]:
    with road(SETTINGS) as made:
        yield made


def load(way: Road, *flags: str) -> None:
    """As a unit does at boot, with nothing of dnsguard running: no state, no upstreams, no network."""
    done = subprocess.run([PROGRAM, "render", "--at-boot", *flags], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    way.node.run("nft -f -", done.stdout)


def sent(way: Road) -> set[str]:
    """What becomes of first packets of workloads, that of one which will be known among them."""
    return {way.send(each, "net", ALLOWED, 9) for each in ("a", "u")}


def test_no_workload_is_let_through_before_dnsguard_is_there(way: Road) -> None:
    load(way)
    assert sent(way) == {UNKNOWN}
    assert way.send("net", "a", A, 9) == "unknown-workload-ingress"
    assert way.send("net", "node", "192.0.2.1", 9) == "arrived", "what is no workload's is none of its business"


def test_what_was_loaded_is_adopted_and_policy_takes_its_place(way: Road) -> None:
    load(way)
    before = way.node.run("nft -s -a list table inet dnsguard")
    driver = Driver(way.kernel, build_plan(Compiled(), SETTINGS))
    driver.open()
    assert way.node.run("nft -s -a list table inet dnsguard") == before
    assert not driver.lost()
    assert driver.judged_addresses() == frozenset()
    allowing = policy("allowing", [CompiledRule(0, Action.ALLOW, destination=nets(f"{ALLOWED}/32"))])
    egress = policy_class(Direction.EGRESS, tier("application", allowing))
    state = compiled(endpoints=[workload("a", A, interface="cali-a", egress=egress)], policies=[allowing])
    driver.prepare(build_plan(state, Settings()))
    assert sent(way) == {UNKNOWN}, "what is on its way is not in force"
    driver.switch(build_plan(state, Settings()))
    assert [way.send(*each, 9) for each in (("a", "net", ALLOWED), ("a", "net", DENIED), ("u", "net", ALLOWED))] == [
        "arrived",
        "tier-application-egress-end",
        UNKNOWN,
    ]


def test_with_a_dead_mans_switch_it_closes_for_that_long(way: Road) -> None:
    load(way, "--fail-open-after", "30s")
    assert sent(way) == {UNKNOWN}
    left = way.node.run("nft list set inet dnsguard alive")
    assert "ipv4 timeout 30s expires" in left
    assert "ipv6 timeout 30s expires" in left
