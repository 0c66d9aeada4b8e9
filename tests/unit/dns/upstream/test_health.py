import pytest

from dnsguard.dns.upstream.health import FAILURES_TO_DOWN, FIRST_PAUSE, LONGEST_PAUSE, Health, preference


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


def test_an_answer_makes_it_up_again() -> None:
    health = failing(FAILURES_TO_DOWN)
    health.answered()
    assert (health.down_since, health.why) == (None, "")


def test_probes_come_after_pauses_that_grow() -> None:
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


def test_who_is_up_is_not_probed() -> None:
    assert not Health().probe_due(1e9)


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
