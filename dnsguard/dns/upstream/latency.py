"""How long a server takes to answer, from some of its answers: a histogram that forgets."""

from bisect import bisect_right
from typing import Final

SHORTEST: Final = 0.000_25
LONGEST: Final = 4.0
_STEPS_PER_DOUBLING: Final = 4
"""Buckets grow by a fifth: so exact is a quantile."""

_EDGES: Final = tuple(SHORTEST * 2 ** (step / _STEPS_PER_DOUBLING) for step in range(14 * _STEPS_PER_DOUBLING + 1))
ENOUGH: Final = 20
"""Answers, with fewer there is no quantile to speak of."""

_MOST: Final = 512


class Latency:
    """One server's, in seconds."""

    __slots__ = ("_counts", "_total")

    def __init__(self) -> None:
        self._counts = [0] * (len(_EDGES) + 1)
        self._total = 0

    def observe(self, seconds: float) -> None:
        """An answer took so long. Of 512, half is forgotten."""
        self._counts[bisect_right(_EDGES, seconds)] += 1
        self._total += 1
        if self._total >= _MOST:
            self._counts = [count // 2 for count in self._counts]
            self._total = sum(self._counts)

    def quantile(self, share: float, enough: int = ENOUGH) -> float | None:
        """Seconds within which this share of answers came, up to a fifth too many; None before ``enough`` were seen."""
        if self._total < enough:
            return None
        later = self._total * (1 - share)
        for index in range(len(_EDGES), 0, -1):
            later -= self._counts[index]
            if later < 0:
                return min(_EDGES[min(index, len(_EDGES) - 1)], LONGEST)
        return SHORTEST
