"""The load test of restarts at a small size: every figure is there, no connection is lost and nothing denied passes."""

import pytest

from loadtest.dns.openloop import Found, Plan
from loadtest.restarts import SIGNALS, Kind, Outcome, lines, measure, sort

pytestmark = [pytest.mark.xdist_group("restarts"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return measure(restarts=2, rate=50, interval=2, tell=lambda _: None)


@pytest.mark.soak
def test_connections_survive_and_closed_stays_closed(outcome: Outcome) -> None:
    assert list(outcome.kinds) == [each.name for each in SIGNALS]
    for kind in outcome.kinds.values():
        assert kind.count == len(kind.back) == 1
        assert (kind.lost, kind.held_lost, kind.let_through) == (0, 0, 0)
        assert kind.connections > 0


@pytest.mark.soak
def test_look_ups_are_counted(outcome: Outcome) -> None:
    for kind in outcome.kinds.values():
        assert kind.asked > 0
        assert kind.lost_at_once + kind.lost_by_stubs < kind.asked
    assert outcome.megabytes > 1
    text = "\n".join(lines(outcome))
    for each in SIGNALS:
        assert f"1 times {each.name}:" in text


def test_look_ups_count_for_the_signal_before_them() -> None:
    """Ten a second; two signals, ten seconds apart."""
    took = [1_000_000] * 200
    took[20] = 0  # never repeated, after the first signal
    took[31] = 0  # a stub's
    took[140] = -1
    kinds = {each.name: Kind() for each in SIGNALS}
    second = 1_000_000_000
    plan = Plan("", "", 0, 10, 200, "", 1, retry_after=1.0)
    sort(Found(took, [], 0.0, 0), plan, [0, 10 * second, 20 * second], kinds)
    first, other = kinds.values()
    assert (first.lost_at_once, first.lost_by_stubs, first.refused) == (1, 1, 0)
    assert (other.lost_at_once, other.lost_by_stubs, other.refused) == (0, 0, 1)
    assert round(first.silence, 3) == 0.2
    assert Outcome(kinds, 1.0).is_wrong
