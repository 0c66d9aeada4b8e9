"""Policy is there before its workload's interface is, and while that is renamed, deleted and made again."""

from collections.abc import Iterator

import pytest

from dnsguard.calc.compiled import Action, CompiledRule, Direction
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Settings
from tests.support.compiled import compiled, nets, policy, policy_class, tier, workload
from tests.support.netns import link
from tests.support.road import Road, road

SETTINGS = Settings()
A, OTHER, ALLOWED, DENIED = "10.65.0.2", "10.65.0.77", "198.51.100.10", "192.0.2.10"
ARRIVED, END, SPOOFED, UNKNOWN = "arrived", "tier-application-egress-end", "spoofed-source", "unknown-workload-egress"


@pytest.fixture
def way() -> Iterator[Road]:
    """Of the workload only its endpoint is there yet."""
    with road(SETTINGS) as made:
        made.node.run("ip link delete cali-a")
        allowing = policy("allowing", [CompiledRule(0, Action.ALLOW, destination=nets(f"{ALLOWED}/32"))])
        egress = policy_class(Direction.EGRESS, tier("application", allowing))
        state = compiled(endpoints=[workload("a", A, interface="cali-a", egress=egress)], policies=[allowing])
        made.driver.apply(build_plan(state, SETTINGS))
        yield made


def connect(way: Road, name: str = "cali-a") -> None:
    """The workload's interface, as container networks make it, with its address and another one."""
    inside = way.places["a"]
    link(way.node, name, inside, "eth0")
    node_side(way, name)
    for address in A, OTHER:
        inside.run(f"ip addr add {address}/32 dev eth0")
    inside.run("ip route add 169.254.1.1/32 dev eth0")
    inside.run("ip route add default via 169.254.1.1 dev eth0")


def node_side(way: Road, name: str) -> None:
    way.node.run(f"ip addr add 169.254.1.1/32 dev {name}")
    for address in A, OTHER:
        way.node.run(f"ip route replace {address}/32 dev {name}")


def judged(way: Road) -> tuple[str, str, str]:
    """What policy allows, what it denies, and the same with an address that is not the workload's."""
    return (
        way.send("a", "net", ALLOWED, 9, bind=A),
        way.send("a", "net", DENIED, 9, bind=A),
        way.send("a", "net", ALLOWED, 9, bind=OTHER),
    )


def test_its_first_packet_is_judged_when_it_comes_late(way: Road) -> None:
    connect(way)
    assert judged(way) == (ARRIVED, END, SPOOFED)
    assert not way.driver.lost()


def test_made_again_under_its_name_it_is_what_it_was(way: Road) -> None:
    connect(way)
    way.node.run("ip link delete cali-a")
    connect(way)
    assert judged(way) == (ARRIVED, END, SPOOFED)


def test_renamed_it_is_an_interface_that_nobody_knows_until_it_has_its_name_again(way: Road) -> None:
    connect(way)
    rename(way, "cali-a", "cali-z")
    assert judged(way) == (SPOOFED, SPOOFED, UNKNOWN)
    rename(way, "cali-z", "cali-a")
    assert judged(way) == (ARRIVED, END, SPOOFED)


def test_another_workload_behind_its_name_has_no_right_of_its_own(way: Road) -> None:
    """A name that is used again before its endpoint is deleted."""
    connect(way)
    way.node.run("ip link delete cali-a")
    connect(way)
    way.places["a"].run(f"ip addr del {A}/32 dev eth0")
    assert way.send("a", "net", ALLOWED, 9, bind=OTHER) == SPOOFED


def rename(way: Road, before: str, after: str) -> None:
    way.node.run(f"ip link set {before} down")
    way.node.run(f"ip link set {before} name {after}")
    way.node.run(f"ip link set {after} up")
    for address in A, OTHER:
        way.node.run(f"ip route replace {address}/32 dev {after}")
