"""Durations in buckets, as Prometheus wants them: one bisection and two additions for each."""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

BUCKETS: Final = (
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
)  # fmt: skip
"""Upper bounds in seconds: from what the cache takes to beyond what upstream is waited for."""


class Histogram:
    """How often what took how long."""

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0
        """Seconds, all together."""

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds

    @property
    def count(self) -> int:
        return sum(self._counts)

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """(Upper bound, how many did not take longer), the last bound infinite."""
        seen = 0
        for bound, count in zip((*BUCKETS, float("inf")), self._counts, strict=True):
            seen += count
            yield bound, seen
