"""Real packets: a connection ends when policy allows it no more, and not before."""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from dnsguard.calc.compiled import Action, Compiled, CompiledRule, Direction, EntityMatch
from dnsguard.dataplane import naming
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import DenyAction, HostAction, Settings
from dnsguard.netlink import nftables
from dnsguard.netlink.codec import be32
from dnsguard.netlink.flowmarks import FlowMarks
from dnsguard.netlink.nftables import Element
from tests.support.compiled import compiled, host, lease_set, nets, policy, policy_class, tier, workload
from tests.support.conntrack import Connections, entry
from tests.support.judging import Judging, judging
from tests.support.road import PATIENCE_SECONDS, Road, road
from tests.support.talk import ICMP, TCP, UDP, Talk, talk

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
        if kind != TCP:  # which by itself sends again what was denied, a fifth of a second later
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


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("mask", "revisions"),
    [(0x0000_FF00, 300), (0xF000_0000, 100), pytest.param(0x0000_FF00, 1_000, marks=pytest.mark.soak)],
)
def test_hundreds_of_revisions_lose_no_packet_of_what_is_allowed(way: Road, mask: int, revisions: int) -> None:
    """Numbers of revisions come again, and one of the connections is never spoken on by its opener."""
    settings = replace(SETTINGS, mark_mask=mask)
    with judging(way) as node, contextlib.ExitStack() as stack:
        node.enforce(everything(), settings)
        two_way = stack.enter_context(talk(way, UDP, "a", A, "net", NET))
        stream = stack.enter_context(talk(way, TCP, "net", NET6, "a", A6, 8443))
        one_way = stack.enter_context(talk(way, UDP, "a", A6, "net", NET6))
        done = threading.Event()
        passed = [0, 0, 0]
        lost: list[str] = []

        def keep(number: int, connection: Talk, *, both: bool) -> None:
            try:
                while not done.is_set():
                    passed[number] += connection.round_trip() if both else connection.answered()
            except TimeoutError:
                lost.append(f"a packet of connection {number}, after {passed[number]}")

        threads = [
            threading.Thread(target=keep, args=(number, each), kwargs={"both": each is not one_way})
            for number, each in enumerate((two_way, stream, one_way))
        ]
        for each in threads:
            each.start()
        try:
            for number in range(revisions):
                node.revise()
                if number % 50 == 0:
                    node.settled()
        finally:
            done.set()
            for each in threads:
                each.join()
        node.settled()
        assert lost == []
        assert min(passed) > revisions / 10, passed
        assert node.sweeper.cut == 0
        assert node.revoker.begun > revisions


@pytest.mark.timeout(300)
def test_under_revisions_without_end_every_connection_has_its_turn(node: Judging) -> None:
    """In a table so large that no sweep comes to its end before the next revision begins."""
    before = node.road.driver.revision()
    assert before is not None
    allowed = be32(8, before.value)
    with node.road.node.entered(), contextlib.closing(Connections()) as table, contextlib.ExitStack() as stack:
        stack.callback(table.forget)
        table.add(*(entry(A, NET, source_port=number) + allowed for number in range(1_024, 4_096)))
        talks = [stack.enter_context(talk(node.road, UDP, "a", A, "net", NET, port)) for port in (5001, 5002, 5003)]
        node.enforce(everything(**OUT), SETTINGS)
        give_up = time.monotonic() + 4 * PATIENCE_SECONDS
        while talks:
            assert time.monotonic() < give_up, f"{len(talks)} were never judged"
            for _ in range(5):
                assert not node.sweeper.is_done, "it was not overtaken, so nothing is shown"
                node.revise()
            if talks[-1].back() == REVOKED:
                talks.pop()


def test_other_bits_of_marks_are_left_alone(node: Judging) -> None:
    others = 0x00AB_00CD
    with talk(node.road, UDP, "a", A, "net", NET) as some, talk(node.road, UDP, "a", A6, "net", NET6) as other:
        with node.road.node.entered(), contextlib.closing(FlowMarks()) as marks:
            found = [*marks.others(0xFFFF_FFFF, frozenset())]
            marks.mark([(each, others) for each in found], 0xFFFF_FFFF & ~MASK)
            for _ in range(3):
                node.revise()
                assert (some.forth(), some.back()) == (ARRIVED, ARRIVED)
                node.settled()
            node.enforce(everything(out=False), SETTINGS)
            node.settled()
            assert other.back() == REVOKED
            now = {each.name: each.mark & ~MASK for each in marks.others(0xFFFF_FFFF, frozenset())}
        assert {now[each.name] for each in found if each.name in now} == {others}


@pytest.mark.parametrize("waits", [True, False], ids=["after they were forgotten", "at once"])
def test_the_next_endpoint_with_an_address_does_not_take_over_connections(node: Judging, waits: bool) -> None:
    """The first one may be deleted and the second made between two looks at the connections of the first. No policy
    changes, so nothing else is judged again."""
    closed = policy("application.closed", [CompiledRule(0, Action.DENY)], [CompiledRule(0, Action.DENY)])
    before = everything()
    before = replace(before, policies={**before.policies, closed.id: closed})
    node.enforce(before, SETTINGS)
    out_of, into_it = (policy_class(direction, tier("application", closed)) for direction in (EGRESS, INGRESS))
    other = workload("z", A, A6, interface="cali-a", egress=out_of, ingress=into_it)
    gone = without_a(before)
    with talk(node.road, UDP, "a", A, "net", NET) as out, talk(node.road, UDP, "net", NET, "a", A, 8080) as into:
        assert not node.enforce(gone, SETTINGS)
        if waits:
            node.settled()
        again = replace(gone, endpoints={**gone.endpoints, other.id: other})
        assert node.enforce(again, SETTINGS) is not waits
        node.settled()
        assert (out.back(), into.back()) == (REVOKED, REVOKED)
        assert (out.forth(), into.forth()) == (
            "np-app.application.closed-egress-0",
            "np-app.application.closed-ingress-0",
        )


def without_a(before: Compiled) -> Compiled:
    return replace(before, endpoints={key: each for key, each in before.endpoints.items() if key.name != "a"})


def test_an_endpoint_that_is_back_has_its_connections_back(node: Judging) -> None:
    with talk(node.road, UDP, "a", A, "net", NET) as connection:
        node.enforce(without_a(everything()), SETTINGS)
        node.settled()
        assert connection.forth() == "unknown-workload-egress"
        node.enforce(everything(), SETTINGS)
        node.settled()
        assert (connection.forth(), connection.back()) == (ARRIVED, ARRIVED)


def test_where_denied_packets_are_refused_the_opener_is_told(way: Road) -> None:
    refusing = replace(SETTINGS, deny=DenyAction.REJECT)
    with judging(way) as node:
        node.enforce(everything(), refusing)
        with talk(way, UDP, "a", A, "net", NET) as connection:
            connection.opener.connect(connection.opened_to)
            node.enforce(everything(out=False), refusing)
            node.settled()
            connection.opener.settimeout(PATIENCE_SECONDS)
            connection.opener.send(b"?")
            with pytest.raises(OSError, match=r"[Nn]o route|refused|unreachable"):
                connection.opener.recv(1)
            connection.opener.setblocking(False)
            assert connection.back() == REVOKED


def test_after_it_was_switched_off_and_on_again_nothing_old_counts(node: Judging) -> None:
    with talk(node.road, UDP, "a", A, "net", NET) as connection:
        node.enforce(everything(), replace(SETTINGS, mark_mask=0))
        node.enforce(everything(out=False), replace(SETTINGS, mark_mask=0))
        assert (connection.back(), connection.forth()) == (ARRIVED, ARRIVED)
        node.enforce(everything(out=False), SETTINGS)
        node.settled()
        assert (connection.back(), connection.forth()) == (REVOKED, END_OUT)


def test_a_table_that_others_removed_comes_back_with_its_revision(node: Judging) -> None:
    node.revise()
    before = node.road.driver.revision()
    with talk(node.road, UDP, "a", A, "net", NET) as connection:
        node.road.node.run("nft flush ruleset")
        assert node.road.driver.lost()
        assert node.before is not None
        node.road.driver.apply(node.before.plan)
        assert node.road.driver.revision() == before
        assert (connection.back(), connection.forth()) == (ARRIVED, ARRIVED)


def test_a_driver_that_adopts_the_table_goes_on_from_its_revision(node: Judging) -> None:
    for _ in range(3):
        node.revise()
    adopting = Driver(node.road.kernel, build_plan(Compiled(), replace(SETTINGS, mark_mask=0)))
    adopting.open()
    assert adopting.revision() == node.road.driver.revision()


def test_after_one_packet_of_its_opener_a_connection_is_not_judged_again(node: Judging) -> None:
    counter = "np-app.application.sends-egress-0"
    with talk(node.road, UDP, "a", A, "net", NET) as connection:
        for _ in range(2):
            node.revise()
            counted = []
            for _ in range(3):
                before = node.road.driver.counters()[counter].packets
                assert (connection.forth(), connection.back()) == (ARRIVED, ARRIVED)
                counted.append(node.road.driver.counters()[counter].packets - before)
            assert counted == [1, 0, 0]
            node.settled()


_TRANSLATING = """table ip translating {
    chain to { type nat hook prerouting priority dstnat; ip daddr 203.0.113.5 dnat to 192.0.2.10; }
    chain from { type nat hook postrouting priority srcnat; oifname "eth0" ip saddr 10.65.0.2 masquerade; }
}"""


@pytest.mark.parametrize("goes_on", [True, False])
def test_what_is_translated_is_judged_as_policy_sees_it(node: Judging, goes_on: bool) -> None:
    """After the destination is translated, and before the source is."""

    def to(address: str) -> Compiled:
        before = everything()
        (sends,) = [each for each in before.policies.values() if each.id.name == "application.sends"]
        allowed = CompiledRule(0, Action.ALLOW, destination=nets(f"{address}/32"))
        return replace(before, policies={**before.policies, sends.id: replace(sends, egress=(allowed,))})

    way, service = node.road, ("203.0.113.5", 8444)
    way.node.run("nft -f -", _TRANSLATING)
    try:
        there = way.listen("net", NET, 8444)
        with way.places["a"].entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
            here.bind((A, 0))
            here.setblocking(False)
            here.sendto(b"?", service)
            assert select.select([there], [], [], PATIENCE_SECONDS)[0]
            opened_from = there.recvfrom(1)[1]
            assert opened_from[0] == NODE
            assert way.pass_on(there, here, opened_from) == ARRIVED
            assert node.enforce(to(NET if goes_on else "203.0.113.5"), SETTINGS)
            node.settled()
            assert way.pass_on(there, here, opened_from) == (ARRIVED if goes_on else REVOKED)
            assert way.pass_on(here, there, service) == (ARRIVED if goes_on else END_OUT)
            assert way.pass_on(there, here, opened_from) == (ARRIVED if goes_on else REVOKED)
    finally:
        way.node.run("nft delete table ip translating")


def test_where_a_lease_ended_whoever_gets_it_back_goes_on(node: Judging) -> None:
    """The forwarder keeps leases under connections; where it could not, nothing is lost that it gives back."""
    names = CompiledRule(0, Action.ALLOW, destination=EntityMatch(leases="s:web"))
    before = everything()
    (sends,) = [each for each in before.policies.values() if each.id.name == "application.sends"]
    by_name = replace(before, policies={**before.policies, sends.id: replace(sends, egress=(names,))},
                      lease_sets={"s:web": lease_set("s:web", "www.example.org")})  # fmt: skip
    pair = Element(ip_address(A).packed + ip_address(NET).packed, 600_000)
    node.enforce(by_name, SETTINGS)
    kernel = node.road.kernel
    kernel.transact(nftables.add_elements("dnsguard", "d4-web", [pair]))
    with talk(node.road, UDP, "a", A, "net", NET) as leased:
        node.revise()
        node.settled()
        assert (leased.back(), leased.forth(), leased.back()) == (ARRIVED, ARRIVED, ARRIVED)
        kernel.transact(nftables.delete_elements("dnsguard", "d4-web", [pair]))
        assert (leased.forth(), leased.back()) == (ARRIVED, ARRIVED), "a lease that ends is no change of policy"
        node.revise()
        node.settled()
        assert (leased.back(), leased.forth()) == (REVOKED, END_OUT)
        kernel.transact(nftables.add_elements("dnsguard", "d4-web", [pair]))
        assert (leased.forth(), leased.back()) == (ARRIVED, ARRIVED)
