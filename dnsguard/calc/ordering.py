"""Who is asked first: tiers, and policies within a tier."""

import math
from typing import NamedTuple

from dnsguard.calc.compiled import Action, PolicyId
from dnsguard.resources import Tier
from dnsguard.resources.tier import BUILTIN_TIERS


class TierRank(NamedTuple):
    """Where a tier stands among tiers: ties are broken by name."""

    order: float
    name: str


class Rank(NamedTuple):
    """Where a policy stands among all policies of all tiers, whatever else there is: lower is asked first.

    Ties are broken by `name/namespace/kind`, so the order never depends on what was created first.
    """

    tier: TierRank
    order: float
    tie: str


class OrderedTier(NamedTuple):
    """What a tier says about its policies."""

    rank: TierRank
    default_action: Action


BUILTIN = {
    name: OrderedTier(TierRank(fixed.order, name), Action(fixed.default_action.value.lower()))
    for name, fixed in BUILTIN_TIERS.items()
}
"""Tiers that are there without an object."""


def ordered_tier(tier: Tier) -> OrderedTier:
    """What a tier's resource says."""
    return OrderedTier(TierRank(tier.spec.order, tier.name), Action(tier.spec.default_action.value.lower()))


def rank(tier: OrderedTier, order: float | None, policy: PolicyId) -> Rank:
    """The rank of a policy; without an order it comes after all that have one."""
    # The slashes take part in the comparison: `a-x` and `a.x` come before `a`.
    tie = f"{policy.name}/{policy.namespace}/{policy.kind}"
    return Rank(tier.rank, math.inf if order is None else order, tie)
