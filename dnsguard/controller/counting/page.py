"""What the counters say at one moment. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from dnsguard.controller.counting.catalogue import Counters
from dnsguard.controller.counting.ledger import PolicySum, TierSum
from dnsguard.dataplane.counted import Counted


@dataclass(frozen=True, slots=True)
class Page:
    """What the counters say at one moment."""

    counters: Counters
    counts: Mapping[str, Counted]
    """By name; what is not in it is not in the kernel."""

    policies: Mapping[PolicySum, Counted]
    """Since the book was opened."""

    tiers: Mapping[TierSum, Counted]
    at: float
    """Seconds since 1970."""

    took: float
    """Seconds that it took to read them."""
