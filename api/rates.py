"""How often: token buckets, one for each caller or address."""

from collections import OrderedDict


class Buckets:
    """Each key may have ``burst`` at once and ``rate`` a second from then on. The time comes in as an argument."""

    def __init__(self, rate: float, burst: float, most_keys: int = 4_096) -> None:
        """``most_keys`` bounds the memory: the one idle for longest is forgotten, and begins with a full bucket."""
        self._rate = rate
        self._burst = burst
        self._most_keys = most_keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Key → what was left, and when."""

    def take(self, key: str, now: float) -> float:
        """0 where one is taken, else seconds until there is one. ``now`` in seconds, never going back."""
        left, since = self._buckets.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        waits = (1.0 - left) / self._rate if left < 1.0 else 0.0
        self._buckets[key] = (left if waits else left - 1.0, now)
        if len(self._buckets) > self._most_keys:
            self._buckets.popitem(last=False)
        return waits
