"""Denied packets that were not logged are counted, and none that was is."""

from dataclasses import replace

from dnsguard.controller.denied.unlogged import DeniedCounters, Missed, Unlogged
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import DeniedLog
from tests.unit.dataplane.samples import NODE, every_match


def looks(unlogged: Unlogged, *counts: int) -> list[list[Missed]]:
    return [unlogged.look({"c": count}, ["c"]) for count in counts]


def test_what_was_counted_and_did_not_come_is_missed() -> None:
    unlogged = Unlogged()
    unlogged.begin({"c": 100})
    for _ in range(10):
        unlogged.logged("c")
    assert looks(unlogged, 150, 150, 150) == [[], [Missed("c", 40)], []]
    assert unlogged.is_settled
    assert unlogged.packets == 40


def test_what_is_still_on_its_way_is_not() -> None:
    unlogged = Unlogged()
    unlogged.begin({})
    assert looks(unlogged, 7) == [[]]
    assert not unlogged.is_settled
    for _ in range(7):
        unlogged.logged("c")
    assert looks(unlogged, 7, 7) == [[], []]
    assert unlogged.is_settled


def test_it_goes_on() -> None:
    unlogged = Unlogged()
    unlogged.begin({})
    assert looks(unlogged, 10, 30, 30, 31, 31) == [[], [Missed("c", 10)], [Missed("c", 20)], [], [Missed("c", 1)]]


def test_what_was_lost_on_its_way_and_said_is_not_said_again() -> None:
    unlogged = Unlogged()
    unlogged.begin({})
    unlogged.said(7)
    assert looks(unlogged, 5, 5, 10, 10) == [[], [], [], [Missed("c", 3)]]
    assert unlogged.packets == 3


def test_a_counter_that_begins_anew() -> None:
    unlogged = Unlogged()
    unlogged.begin({"c": 100})
    assert looks(unlogged, 100, 3, 5, 5) == [[], [], [], [Missed("c", 2)]]


def test_a_counter_that_begins_anew_after_all_that_it_counted_was_logged() -> None:
    unlogged = Unlogged()
    unlogged.begin({})
    for _ in range(50):
        unlogged.logged("c")
    assert looks(unlogged, 50, 0, 7, 7) == [[], [], [], [Missed("c", 7)]]


def test_counters_of_rules_that_are_gone_are_forgotten() -> None:
    unlogged = Unlogged()
    unlogged.begin({"c": 100})
    unlogged.look({}, [])
    assert looks(unlogged, 5, 5) == [[], [Missed("c", 5)]]


def test_the_counters_that_count_are_those_of_rules_that_deny() -> None:
    settings = replace(NODE, denied_log=DeniedLog())
    plan = build_plan(every_match(), settings)
    denying = DeniedCounters(101)
    found = denying(plan)
    assert {"spoofed-source", "unknown-workload-egress", "invalid-connection-state"} <= found
    assert found < set(plan.counters), "some count what is allowed"
    assert denying(build_plan(every_match(), NODE)) == frozenset()
