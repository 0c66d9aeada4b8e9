"""The API's own metrics: requests that were answered, and how soon."""

from collections import Counter
from collections.abc import Iterator

from dnsguard.observe.exposition import Metric
from dnsguard.observe.histogram import Histogram

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others are counted as one: what clients make up must not become series."""


class Traffic:
    """Counts; for the event loop only."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: dict[str, Histogram] = {}

    def answered(self, method: str, code: int, seconds: float) -> None:
        """An answer begins, so long after its request came."""
        method = method if method in _METHODS else "other"
        self._requests[method, code] += 1
        self._seconds.setdefault(method, Histogram()).observe(seconds)

    def metrics(self) -> Iterator[Metric]:
        yield Metric(
            "dnsguard_api_requests_total", "counter", "Requests answered, those that were refused among them.",
            {(("method", method), ("code", str(code))): count for (method, code), count in self._requests.items()},
        )  # fmt: skip
        yield Metric(
            "dnsguard_api_request_duration_seconds", "histogram",
            "From a request's head to the head of its answer.",
            {(("method", method),): each for method, each in self._seconds.items()},
        )  # fmt: skip
