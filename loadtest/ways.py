"""The nodes that packets go through: without rules, with connection tracking alone, with policy in two layouts."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from loadtest.layers import Layers
from loadtest.linear import linear
from loadtest.testbed import Testbed

MOST_VARIANTS = 100
"""A thousand policies, and classes as many as there are endpoints."""

LEASED_VARIANTS = 35
"""A thousand lease sets."""


@dataclass(frozen=True, slots=True)
class Way:
    """One node."""

    name: str
    layers: Layers
    """Without policy: whose addresses send."""

    is_linear: bool = False
    is_tracking: bool = True
    has_policy: bool = True
    revokes: bool = False
    """Whether established connections are judged again when policy changes."""

    @property
    def is_plain(self) -> bool:
        """Ours or linear, of the same ten classes at every size."""
        plain = self.layers.variants == Layers(1).variants and not self.layers.leased
        return plain and self.has_policy and not self.revokes

    def testbed(self, stack: ExitStack) -> Testbed:
        """Made ready."""
        made = Testbed(stack)
        if self.has_policy:
            made.enforce(self.layers, linear if self.is_linear else lambda plan: plan, revokes=self.revokes)
        elif self.is_tracking:
            made.track()
        return made


def no_rules(layers: Layers) -> Way:
    return Way("no rules", layers, is_tracking=False, has_policy=False)


def connections_only(layers: Layers) -> Way:
    return Way("connection tracking alone", layers, has_policy=False)


def ours(layers: Layers) -> Way:
    return Way(f"{layers.endpoints} endpoints", layers)


def jumps(layers: Layers) -> Way:
    return Way(f"{layers.endpoints} endpoints, a jump rule each", layers, is_linear=True)


def all_ways(sizes: Sequence[int], variants: int = MOST_VARIANTS, leased: int = LEASED_VARIANTS) -> list[Way]:
    """The nodes to compare, the last of the sizes being the largest. ``variants``, ``leased``: policies at each place
    where classes or lease sets are to be many."""
    plain = [Layers(each) for each in sizes]
    largest = plain[-1]
    distinct = replace(largest, variants=variants, classes=min(largest.endpoints, variants * variants))
    many_sets = replace(largest, variants=leased, classes=leased, leased=True)
    return [
        no_rules(largest),
        connections_only(largest),
        *map(ours, plain),
        *map(jumps, plain),
        Way(f"{plain[0].endpoints} endpoints, connections revoked", plain[0], revokes=True),
        Way(f"{largest.endpoints} endpoints, all classes distinct", distinct),
        Way(f"{largest.endpoints} endpoints, many lease sets", many_sets),
    ]
