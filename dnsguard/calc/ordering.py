"""Who is asked first: tiers, and policies within a tier."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from dnsguard.calc.compiled import Action, PolicyId
from dnsguard.resources import Policy, Resource, Tier
from dnsguard.resources.tier import BUILTIN_TIERS


@dataclass(frozen=True, slots=True)
class OrderedTier:
    """A tier with its policies in order."""

    name: str
    default_action: Action
    policies: tuple[Policy, ...]


def policy_id(policy: Policy) -> PolicyId:
    """The identity of a policy resource."""
    return PolicyId(policy.kind, policy.namespace, policy.name)


def ordered_tiers(resources: Iterable[Resource]) -> tuple[tuple[OrderedTier, ...], tuple[str, ...]]:
    """All tiers in order, the built-in ones included, and a warning for each policy whose tier does not exist.

    Such a policy is in force from the moment its tier is there. Ties are broken by name, policies by
    `name/namespace/kind`, so the order never depends on what was created first.
    """
    tiers = {name: (fixed.order, fixed.default_action.value) for name, fixed in BUILTIN_TIERS.items()}
    policies: dict[str, list[Policy]] = {}
    for resource in resources:
        match resource:
            case Tier(spec=spec):
                tiers[resource.name] = (spec.order, spec.default_action.value)
            case Policy():
                policies.setdefault(resource.tier, []).append(resource)
    ordered = tuple(
        OrderedTier(name, Action(action.lower()), tuple(sorted(policies.get(name, ()), key=_policy_key)))
        for name, (_, action) in sorted(tiers.items(), key=lambda item: (item[1][0], item[0]))
    )
    warnings = tuple(
        f"{policy_id(policy)}: not enforced, since there is no tier {tier!r}"
        for tier, of_tier in policies.items()
        if tier not in tiers
        for policy in of_tier
    )
    return ordered, warnings


def _policy_key(policy: Policy) -> tuple[float, str]:
    order = policy.spec.order
    # The slashes take part in the comparison: `a-x` and `a.x` come before `a`.
    return (math.inf if order is None else order, f"{policy.name}/{policy.namespace}/{policy.kind}")
