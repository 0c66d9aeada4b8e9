"""The load test of packets at a small size: all packets arrive and are judged as often as they should be, and one that
is not is said."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from dnsguard.dataplane.rules import Plan
from loadtest import packets, testbed
from loadtest.layers import Layers
from loadtest.packets import Cost, lines, main, measure
from loadtest.ways import Way, all_ways, connections_only, jumps, no_rules, ours

pytestmark = pytest.mark.xdist_group("loadtest packets")

SIZES = [10, 30]
WAYS = all_ways(SIZES, variants=6, leased=3)


@pytest.fixture(scope="module")
def costs() -> list[Cost]:
    return measure(WAYS, packets=60, rounds=2)


def test_every_packet_arrives_and_is_judged_once(costs: list[Cost]) -> None:
    assert [cost.way for cost in costs] == WAYS
    for cost in costs:
        assert (len(cost.first), cost.lost, cost.misjudged) == (2, 0, 0), cost.way.name
        assert len(cost.known) == (0 if cost.way.is_linear else 2)


def test_nodes_of_one_layout_differ_in_endpoints_only(costs: list[Cost]) -> None:
    few, many, few_jumps, many_jumps = (dict(cost.facts) for cost in costs[2:6])
    assert [each.pop("endpoints") for each in (few, many, few_jumps, many_jumps)] == [10, 30, 10, 30]
    assert few == many == few_jumps == many_jumps


def test_classes_and_lease_sets_are_as_many_as_is_said(costs: list[Cost]) -> None:
    distinct, leased = costs[-2].facts, costs[-1].facts
    assert distinct["classes"] == 30 + 1  # and the one of ingress, without policy
    assert leased["lease sets"] == 3 * 29


def test_one_that_was_dropped_and_one_that_was_judged_again_are_seen() -> None:
    with ExitStack() as stack:
        made = ours(Layers(10)).testbed(stack)
        sources = Layers(10).sources
        made.know(sources, connections=5)
        made.flood(sources, 20, connections=10).send()
        assert (made.arrived(), made.judged()) == (20, 10)  # nobody answered those
        made.flood([sources[-1] + 1], 20).send()  # of no endpoint
        assert (made.arrived(), made.judged()) == (20, 10)


def test_the_linear_layout_asks_one_endpoint_after_the_other() -> None:
    loaded: list[Plan] = []

    def kept(plan: Plan) -> Plan:
        loaded.append(plan)
        return plan

    with ExitStack() as stack:
        made = testbed.Testbed(stack)
        made.enforce(Layers(12), kept)
    (plan,) = loaded
    with ExitStack() as stack:
        listing = jumps(Layers(12)).testbed(stack).node.run(f"nft list chain inet {plan.table} forward-egress")
    assert sum("ip saddr 10.64.0." in line and " jump class-" in line for line in listing.splitlines()) == 12
    assert "@workload-egress-4" not in listing


def test_a_lost_packet_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    layers = Layers(10)
    ways = no_rules(layers), connections_only(layers), ours(layers), jumps(layers), Way("another", layers)
    found = [Cost(way, {}, [1e-6 * turn], [1e-6]) for turn, way in enumerate(ways, 1)]
    found[-1].lost = 1
    monkeypatch.setattr(packets, "move", lambda *_: None)
    monkeypatch.setattr(packets, "measure", lambda *_: found)
    assert main(["--json", str(tmp_path / "found")]) == 1
    assert "WRONG: another: 1 packets did not arrive, 0 were misjudged" in capsys.readouterr().out
    assert json.loads((tmp_path / "found").read_text())["nodes"][-1]["lost"] == 1
    found[-1].lost = 0
    assert main([]) == 0


def test_ratios_are_of_rounds() -> None:
    few, many = Cost(ours(Layers(10)), {}, [2.0, 4.0]), Cost(ours(Layers(30)), {}, [2.0, 8.0])
    slow = [Cost(jumps(Layers(each)), {}, [2.0, 4.0]) for each in SIZES]
    text = "\n".join(lines([Cost(no_rules(Layers(10)), {}, [1.0, 1.0], [1.0, 1.0]), few, many, *slow]))
    assert "our layout: first packet at 30 : 10 endpoints = 1.500; of what the rules add = 2.000" in text
    assert "a jump rule each: first packet at 30 : 10 endpoints = 1.000" in text
