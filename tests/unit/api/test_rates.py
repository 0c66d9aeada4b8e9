"""Token buckets."""

import pytest

from dnsguard.api.rates import Buckets


def test_a_burst_and_then_a_rate() -> None:
    buckets = Buckets(rate=2, burst=3)
    assert [buckets.take("a", 10.0) for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]
    assert buckets.take("a", 10.25) == pytest.approx(0.25)  # who asks too early does not wait longer
    assert buckets.take("a", 10.5) == 0
    assert buckets.take("b", 10.5) == 0
    assert [buckets.take("a", 99.0) for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]  # no more than a burst is saved


def test_memory_is_bounded_and_the_idle_are_forgotten_first() -> None:
    buckets = Buckets(rate=1, burst=1, most_keys=2)
    for key, waits in [("a", 0), ("b", 0), ("a", 1), ("c", 0), ("a", 1), ("b", 0)]:
        assert buckets.take(key, 0.0) == waits
