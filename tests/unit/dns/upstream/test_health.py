from typing import Any

import pytest

from dnsguard.dns.synthesis import opt_record
from dnsguard.dns.upstream.health import (
    ANSWERS_TO_UP,
    DOUBT_PAUSE,
    FAILURES_TO_DOWN,
    FIRST_PAUSE,
    IDLE_PAUSE,
    LONGEST_PAUSE,
    Health,
    preference,
)
from dnsguard.dns.upstream.question import Question
from tests.unit.dns.messages import query


def failing(times: int) -> Health:
    health = Health()
    for _ in range(times):
        health.failed(100.0, "no answer")
    return health


@pytest.mark.parametrize(("failures", "down"), [(0, False), (FAILURES_TO_DOWN - 1, False), (FAILURES_TO_DOWN, True)])
def test_down_after_failures_in_a_row(failures: int, down: bool) -> None:
    assert (failing(failures).down_since is not None) == down


def test_an_answer_between_failures_forgives() -> None:
    health = failing(FAILURES_TO_DOWN - 1)
    health.answered()
    health.failed(100.0, "no answer")
    assert health.down_since is None


def test_one_answered_probe_is_no_recovery_and_two_are() -> None:
    health = failing(FAILURES_TO_DOWN)
    for _ in range(3):
        health.answered(probe=True)
        assert health.state == "down: no answer"
        health.failed(100.0, "no answer")
    for _ in range(ANSWERS_TO_UP):
        health.answered(probe=True)
    assert (health.down_since, health.why, health.state) == (None, "", "up")


def test_whoever_answers_a_client_is_up_at_once() -> None:
    health = failing(FAILURES_TO_DOWN)
    health.answered()
    assert (health.down_since, health.why, health.state) == (None, "", "up")


def test_who_is_not_who_it_must_be_is_down_at_once() -> None:
    health = Health()
    health.answered()
    health.failed(100.0, "its certificate is refused", for_good=True)
    assert health.state == "down: its certificate is refused"


def test_probes_of_one_that_is_down_come_after_pauses_that_grow() -> None:
    health = failing(FAILURES_TO_DOWN)
    now, pauses = 100.0, []
    for _ in range(6):
        before = now
        now = health.probe_at
        assert not health.probe_due(now - 0.001)
        assert health.probe_due(now)
        assert not health.probe_due(now)
        pauses.append(now - before)
    assert pauses[:2] == [FIRST_PAUSE, FIRST_PAUSE * 2]
    assert pauses[-1] == LONGEST_PAUSE


def test_one_that_answers_again_is_asked_again_soon() -> None:
    health = failing(FAILURES_TO_DOWN)
    health.answered(probe=True)
    assert not health.probe_due(110.0)
    assert not health.probe_due(110.0 + DOUBT_PAUSE / 2)
    assert health.probe_due(110.0 + DOUBT_PAUSE)


def test_one_that_nobody_asked_is_asked_at_once_and_then_when_it_was_not_heard_for_a_while() -> None:
    health = Health()
    assert health.state == "not asked yet"
    assert health.probe_due(0.0)
    assert not health.probe_due(1.0)
    health.answered()
    assert not health.probe_due(2.0)
    assert not health.probe_due(2.0 + IDLE_PAUSE - 0.001)
    health.answered()
    assert not health.probe_due(2.0 + IDLE_PAUSE)
    assert health.probe_due(2.0 + 2 * IDLE_PAUSE)


def test_one_that_failed_last_is_asked_sooner() -> None:
    health = Health()
    health.answered()
    assert not health.probe_due(0.0)
    health.failed(1.0, "no answer")
    assert health.state == "up"
    assert health.probe_due(DOUBT_PAUSE)
    assert not health.probe_due(DOUBT_PAUSE * 1.5)


def asked(name: str, **more: Any) -> Question:
    return Question.of(query(name, "A", **more))


def test_a_probe_asks_what_was_answered_last_and_the_root_before_that() -> None:
    health = Health()
    assert health.probe() == Question.probe()
    health.heard = asked("a.example.org", edns=1232)
    assert health.probe() == health.probe() == asked("a.example.org")
    health.heard = asked("b.example.org", edns=1232, do=True)
    assert health.probe() == asked("b.example.org")


def test_no_probe_carries_the_subnet_of_a_client() -> None:
    health = Health()
    subnet = opt_record(do=False, options=b"\0\x08\0\x07\0\x01\x18\0\xc0\0\x02")
    health.heard = asked("a.example.org")._replace(opt=subnet)
    assert health.probe() == Question.probe()
    health.heard = asked("a.example.org")
    health.probe()
    health.heard = asked("b.example.org")._replace(opt=subnet)
    assert health.probe() == asked("a.example.org")


def test_a_server_from_before_edns_is_probed_without_it() -> None:
    health = Health()
    health.heard = asked("a.example.org")._replace(opt=b"")
    assert health.probe().opt == b""


def test_probes_that_stay_unanswered_ask_in_turns() -> None:
    health = Health()
    health.heard = asked("of.whoever.wants.it.down.example")
    probes = []
    for _ in range(4):
        probes.append(health.probe())
        health.failed(100.0, "no answer")
    assert probes == [asked("of.whoever.wants.it.down.example"), Question.probe()] * 2


UP, DOWN = Health(), failing(FAILURES_TO_DOWN)


@pytest.mark.parametrize(
    ("healths", "tried", "index"),
    [
        ([UP, UP], [], 0),
        ([DOWN, UP], [], 1),
        ([UP, UP], [0], 1),
        ([UP, DOWN], [0], 1),
        ([UP, UP], [0, 1], 0),
        ([DOWN, UP], [1, 0], 1),
        ([DOWN, DOWN], [], 0),
        ([DOWN, DOWN, UP], [2], 0),
        ([UP], [0, 0, 0], 0),
    ],
)
def test_who_is_asked_next(healths: list[Health], tried: list[int], index: int) -> None:
    assert preference(healths, tried) == index
