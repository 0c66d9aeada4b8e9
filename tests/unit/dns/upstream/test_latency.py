import random

import pytest

from dnsguard.dns.upstream.latency import ENOUGH, LONGEST, SHORTEST, Latency


def seen(*seconds: float) -> Latency:
    latency = Latency()
    for each in seconds:
        latency.observe(each)
    return latency


def test_too_few_answers_say_nothing() -> None:
    assert seen(*[0.01] * (ENOUGH - 1)).quantile(0.99) is None
    assert seen(*[0.01] * ENOUGH).quantile(0.99) is not None
    assert seen(0.01).quantile(0.5, enough=1) is not None


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("scale", [0.001, 0.02, 0.3])
def test_a_quantile_is_right_up_to_a_fifth(share: float, scale: float) -> None:
    rng = random.Random(53)
    answers = [rng.expovariate(1 / scale) for _ in range(500)]
    exact = sorted(answers)[int(share * len(answers))]
    found = seen(*answers).quantile(share)
    assert found is not None
    assert 0.8 * exact <= found <= 1.3 * exact


@pytest.mark.parametrize(("seconds", "at_most"), [(0.0, SHORTEST), (-1.0, SHORTEST), (1e9, LONGEST)])
def test_beyond_the_scale(seconds: float, at_most: float) -> None:
    found = seen(*[seconds] * ENOUGH).quantile(0.99)
    assert found is not None
    assert found <= at_most


def test_what_was_is_forgotten() -> None:
    latency = seen(*[0.001] * 1000)
    for _ in range(2000):
        latency.observe(0.1)
    found = latency.quantile(0.5)
    assert found is not None
    assert found >= 0.1
