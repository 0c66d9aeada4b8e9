"""Real packets: a connection ends when policy allows it no more, and not before."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from dnsguard.calc.compiled import Action, Compiled, CompiledRule, Direction
from dnsguard.dataplane import naming
from dnsguard.dataplane.settings import HostAction, Settings
from tests.support.compiled import (
    compiled,
    host,
    policy,
    policy_class,
    tier,
    workload,
)
from tests.support.judging import Judging, judging
from tests.support.road import Road, road
from tests.support.talk import ICMP, TCP, UDP, talk

EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS
MASK = 0x0000_FF00
SETTINGS = Settings(
    workload_cidrs=(ip_network("10.65.0.0/16"), ip_network("2001:db8:65::/64")),
    mark_mask=MASK,
    endpoint_to_host=HostAction.ACCEPT,
)
A, A6, B, B6 = "10.65.0.2", "2001:db8:65::2", "10.65.0.3", "2001:db8:65::3"
NET, NET6 = "192.0.2.10", "2001:db8:c::10"
NODE, NODE6 = "192.0.2.1", "2001:db8:c::1"
ARRIVED, REVOKED = "arrived", naming.COUNTER_REVOKED
END_OUT, END_IN = "tier-application-egress-end", "tier-application-ingress-end"
KINDS = pytest.mark.parametrize("kind", [UDP, TCP, ICMP])
ALLOW = CompiledRule(0, Action.ALLOW)


def everything(*, out: bool = True, into: bool = True, node: bool = True) -> Compiled:
    """``a`` and the node may talk to anybody and be talked to, or not."""
    sends = policy("application.sends", [ALLOW] if out else [CompiledRule(0, Action.ALLOW, protocol=99)])
    takes = policy("application.takes", [], [ALLOW] if into else [CompiledRule(0, Action.ALLOW, protocol=99)])
    own = [ALLOW] if node else [CompiledRule(0, Action.ALLOW, protocol=99)]
    of_node = policy("application.node", own, own, namespace="")
    return compiled(
        endpoints=[
            workload(
                "a",
                A,
                A6,
                interface="cali-a",
                egress=policy_class(EGRESS, tier("application", sends)),
                ingress=policy_class(INGRESS, tier("application", takes)),
            ),
            workload("b", B, B6, interface="cali-b"),
            host(
                "eth0",
                "eth0",
                policy_class(EGRESS, tier("application", of_node), profiles=()),
                policy_class(INGRESS, tier("application", of_node), profiles=()),
            ),
        ],
        policies=[sends, takes, of_node],
    )


OUT, INTO, OWN = {"out": False}, {"into": False}, {"node": False}
Way = tuple[str, str, str, str]
"""From a place with its address to another with its own."""

WAYS = pytest.mark.parametrize(
    ("ends", "taken", "denied"),
    [
        pytest.param(("a", A, "net", NET), OUT, END_OUT, id="out of a workload"),
        pytest.param(("a", A6, "net", NET6), OUT, END_OUT, id="out of a workload, IPv6"),
        pytest.param(("net", NET, "a", A), INTO, END_IN, id="into a workload"),
        pytest.param(("net", NET6, "a", A6), INTO, END_IN, id="into a workload, IPv6"),
        pytest.param(("b", B, "a", A), INTO, END_IN, id="between workloads, where it ends"),
        pytest.param(("a", A6, "b", B6), OUT, END_OUT, id="between workloads, where it begins, IPv6"),
        pytest.param(("node", NODE, "net", NET), OWN, END_OUT, id="out of the node"),
        pytest.param(("node", NODE6, "net", NET6), OWN, END_OUT, id="out of the node, IPv6"),
        pytest.param(("net", NET, "node", NODE), OWN, END_IN, id="into the node"),
        pytest.param(("net", NET6, "node", NODE6), OWN, END_IN, id="into the node, IPv6"),
        pytest.param(("a", A, "node", NODE), OUT, END_OUT, id="from a workload to its node"),
    ],
)


@pytest.fixture(scope="module")
def way() -> Iterator[Road]:
    with road(replace(SETTINGS, mark_mask=0)) as made:
        yield made


@pytest.fixture
def node(way: Road) -> Iterator[Judging]:
    with judging(way) as made:
        made.enforce(everything(), SETTINGS)
        yield made


@pytest.fixture
def kernel_alone(way: Road) -> Iterator[Judging]:
    with judging(way, sweeps=False) as made:
        made.enforce(everything(), SETTINGS)
        yield made


@KINDS
@WAYS
def test_what_is_taken_away_is_cut_both_ways_though_only_the_other_side_speaks(
    node: Judging, kind: str, ends: Way, taken: dict[str, bool], denied: str
) -> None:
    with talk(node.road, kind, *ends) as connection:
        assert node.enforce(everything(**taken), SETTINGS)
        node.settled()
        assert connection.back() == REVOKED
        assert connection.forth() == denied
        assert connection.back() == REVOKED
        assert node.sweeper.cut >= 1
        node.enforce(everything(), SETTINGS)
        node.settled()
        assert connection.forth() == ARRIVED
        assert connection.back() == ARRIVED


@KINDS
@WAYS
def test_the_kernel_alone_cuts_it_as_soon_as_whoever_opened_it_speaks(
    kernel_alone: Judging,
    kind: str,
    ends: Way,
    taken: dict[str, bool],
    denied: str,
) -> None:
    with talk(kernel_alone.road, kind, *ends) as connection:
        assert kernel_alone.enforce(everything(**taken), SETTINGS)
        assert connection.back() == ARRIVED, "nobody has judged it yet"
        assert connection.forth() == denied
        assert connection.back() == REVOKED
        kernel_alone.enforce(everything(), SETTINGS)
        assert connection.back() == REVOKED
        assert connection.forth() == ARRIVED, "allowed again, it goes on"
        assert connection.back() == ARRIVED


@KINDS
@WAYS
def test_what_is_allowed_still_goes_on(
    node: Judging, kind: str, ends: Way, taken: dict[str, bool], denied: str
) -> None:
    others = {name: False for name in ("out", "into", "node") if name not in taken}
    with talk(node.road, kind, *ends) as connection:
        assert node.enforce(everything(**others), SETTINGS) or denied not in (END_OUT, END_IN)
        for _ in range(3):
            assert connection.back() == ARRIVED
            node.settled()
            assert connection.back() == ARRIVED
            assert connection.forth() == ARRIVED
            assert connection.back() == ARRIVED
            node.revise()
