"""How many packets were denied to whom, for Prometheus. Pure."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from dnsguard.observe.exposition import Labels, Metric
from dnsguard.observe.packetrecord import Party

OTHERS: Final = "(others)"
"""Stands for all endpoints for which there was no room: no endpoint is called so."""

FORGOTTEN_SECONDS: Final = 3_600.0
"""Who was denied nothing for so long makes room for another: containers come and go."""


class _Count(NamedTuple):
    packets: int
    last: float


class Tally:
    """Counts by endpoint and direction, of so many that a scraper can bear them."""

    def __init__(self, most: int) -> None:
        """``most``: endpoints and directions that have a count of their own."""
        self._most = most
        self._counts: dict[tuple[str, str], _Count] = {}
        """Who was denied something last comes last."""

    def add(self, party: Party, packets: int, now: float) -> None:
        """So many were denied; ``now`` in seconds, on any clock."""
        key = party.endpoint, party.direction
        if key not in self._counts and not self._has_room(now):
            key = OTHERS, party.direction
        known = self._counts.pop(key, _Count(0, now))
        self._counts[key] = _Count(known.packets + packets, now)

    def metrics(self) -> Iterator[Metric]:
        """One family."""
        yield Metric(
            "dnsguard_denied_endpoint_packets_total", "counter",
            "Denied packets that were shown, by whose they were; endpoint is empty where that is no known endpoint, and"
            f" {OTHERS} beyond metrics_series. Of many at once only some are shown (packet_log_rate): policies and"
            " tiers count them all.",
            {_labels(*key): count.packets for key, count in self._counts.items()},
        )  # fmt: skip

    def _has_room(self, now: float) -> bool:
        if len(self._counts) < self._most:
            return True
        idle = next(iter(self._counts))
        if now - self._counts[idle].last < FORGOTTEN_SECONDS:
            return False
        del self._counts[idle]
        return True


def _labels(endpoint: str, direction: str) -> Labels:
    namespace, _, name = endpoint.rpartition("/")
    return ("namespace", namespace), ("endpoint", name), ("direction", direction)
