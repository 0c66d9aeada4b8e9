"""The load test of the promise at a small size: no packet that follows an answer is lost, and a lost one is seen."""

from dataclasses import replace

import pytest

from loadtest.dns.following import Followed
from loadtest.dns.product import PORT
from loadtest.promise import Kept, lines, measure

pytestmark = [pytest.mark.xdist_group("loadtest promise"), pytest.mark.timeout(300)]

LOOKUPS, CLIENTS, NAMES = 800, 4, 100
"""Each name is asked twice by each client: once new, once from the cache."""


@pytest.fixture(scope="module")
def kept() -> Kept:
    return measure(LOOKUPS, CLIENTS, NAMES, churn=True)


def test_every_packet_after_an_answer_arrives(kept: Kept) -> None:
    followed = kept.followed
    assert (followed.answered, followed.failed, followed.wrong, followed.unanswered) == (LOOKUPS, 0, 0, 0)
    assert (followed.udp, followed.tcp) == (600, 200)
    assert kept.arrived == {"datagrams": 600, "segments": 200, "closed": 0}
    assert (kept.lost, kept.let_through, kept.is_wrong) == (0, 0, False)


def test_packets_that_no_answer_led_to_are_dropped(kept: Kept) -> None:
    assert kept.followed.closed == LOOKUPS // 100
    assert kept.let_through == 0


def test_policy_and_endpoints_changed_meanwhile(kept: Kept) -> None:
    assert kept.changes > 0
    assert f"{LOOKUPS} look-ups" in "\n".join(lines(kept))


@pytest.mark.soak
def test_a_packet_that_policy_drops_counts_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.promise.PORT", PORT + 1)
    kept = measure(40, 2, 10, churn=False)
    assert (kept.followed.answered, kept.lost, kept.changes) == (40, 40, 0)
    assert kept.is_wrong


@pytest.mark.parametrize("fault", ["failed", "wrong", "unanswered"])
def test_a_look_up_that_went_wrong_fails_the_run(fault: str) -> None:
    arrived = {"datagrams": 3, "segments": 1, "closed": 0}
    fine = Kept(Followed(answered=4, udp=3, tcp=1), arrived, 0)
    assert not fine.is_wrong
    assert replace(fine, followed=replace(fine.followed, **{fault: 1})).is_wrong
    assert replace(fine, arrived=arrived | {"closed": 1}).is_wrong
