"""When a question is put a second time, and how often that may be: early enough to help, never as a habit."""

from typing import Final

from dnsguard.dns.upstream.latency import Latency

SOONEST: Final = 0.02
"""Seconds. A server on this node answers in one: asking twice for that would only be load."""

LATEST_RETRY: Final = 0.8
SHARE: Final = 0.05
"""Of all questions so many may be put twice before their time: a server that slows down is not asked twice as much."""

BURST: Final = 10.0
"""Hedges that may have been saved up."""


def hedge_after(latency: Latency, retry: float) -> float:
    """Seconds after which an answer is late for this server: one in a hundred is. ``retry`` at the most."""
    late = latency.quantile(0.99)
    return retry if late is None else min(max(late, SOONEST), retry)


def retry_after(latency: Latency, retry: float) -> float:
    """Seconds after which a question is put again in any case: ``retry``, or twice what is late where that is more."""
    late = latency.quantile(0.99)
    return retry if late is None else max(retry, min(2 * late, LATEST_RETRY))


class HedgeBudget:
    """What may still be hedged. Starts full."""

    __slots__ = ("_credit",)

    def __init__(self) -> None:
        self._credit = BURST

    def earn(self, questions: int) -> None:
        """So many more were put."""
        self._credit = min(self._credit + questions * SHARE, BURST)

    def spend(self) -> bool:
        """Whether one more may be put twice."""
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        return True
