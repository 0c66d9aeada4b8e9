from dnsguard.controller.transitions import Settled, Transitions, Waiting
from dnsguard.store.interface import Key

A, B = (Key("networksets", "shop", name) for name in "ab")
NOON = "1970-01-01T12:00:00Z"


class Clock:
    seconds = 43_200.0

    def __call__(self) -> float:
        return self.seconds


def test_a_version_waits_until_a_state_with_it_is_in_force() -> None:
    clock = Clock()
    transitions = Transitions(clock)
    transitions.changed(B, 8, "")
    transitions.changed(A, 7, "3")
    assert transitions.waiting[A] == Waiting(7, "3", NOON)
    clock.seconds += 2
    assert transitions.settle(6) == []
    assert transitions.settle(7) == [Settled(A, 7)]
    assert (transitions.since(A), transitions.since(B)) == ("1970-01-01T12:00:02Z", NOON)
    assert transitions.settle(9) == [Settled(B, 8)]
    assert transitions.waiting == {}


def test_what_changes_again_before_it_is_in_force_still_replaces_the_version_that_is() -> None:
    transitions = Transitions(Clock())
    transitions.changed(A, 7, "3")
    transitions.changed(A, 8, "7")
    assert transitions.waiting[A] == Waiting(8, "3", NOON)
    assert transitions.settle(7) == []


def test_all_of_one_moment_is_in_order_of_revisions() -> None:
    transitions = Transitions(Clock())
    transitions.changed(B, 8, "")
    transitions.changed(A, 7, "")
    assert [each.revision for each in transitions.settle(8)] == [7, 8]


def test_what_is_gone_is_forgotten() -> None:
    clock = Clock()
    transitions = Transitions(clock)
    for key in (A, B):
        transitions.changed(key, 7, "")
    transitions.gone(A)
    assert transitions.settle(9) == [Settled(B, 7)]
    transitions.gone(B)
    clock.seconds += 5
    assert transitions.since(B) == transitions.now() == "1970-01-01T12:00:05Z"
