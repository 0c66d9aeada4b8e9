"""Calico's tiered access control: a policy is judged by the tier that it is in.

Two rights are needed: to ``get`` the tier, and the verb on the pseudo-kind ``tier.PLURAL``, for any name, for
``TIER.*``, or for the policy's name. Rights on the kind itself say nothing.
"""

from typing import NamedTuple

from dnsguard.access.ask import Ask
from dnsguard.access.rights import Rights
from dnsguard.resources.apiversions import PROJECTCALICO

GROUP = PROJECTCALICO.partition("/")[0]

TIERED = frozenset({"networkpolicies", "globalnetworkpolicies", "stagednetworkpolicies", "stagedglobalnetworkpolicies"})
"""Kinds whose objects are in tiers. A StagedKubernetesNetworkPolicy follows rights on its kind, as Kubernetes' own."""


class TierDecision(NamedTuple):
    """Whether something may be done in a tier."""

    allowed: bool
    can_get_tier: bool
    """Said in the refusal."""


def is_tiered(group: str, resource: str) -> bool:
    """Whether tiers decide for a kind."""
    return group == GROUP and resource in TIERED


def in_tier(rights: Rights, ask: Ask, tier: str) -> TierDecision:
    """Whether what is asked for a tiered kind may be done in this tier."""
    can_get = rights.allow(Ask("get", GROUP, "tiers", name=tier))
    names = rights.names(ask.verb, GROUP, f"tier.{ask.resource}", ask.namespace)
    return TierDecision(can_get and (names.hold(ask.name) or names.hold(f"{tier}.*")), can_get)


def in_some_tier(rights: Rights, ask: Ask) -> bool:
    """Whether there is a tier, or could be, in which it may be done."""
    tiers = rights.names("get", GROUP, "tiers")
    names = rights.names(ask.verb, GROUP, f"tier.{ask.resource}", ask.namespace)
    if not tiers or not names:
        return False
    if names.hold(ask.name) or ask.verb == "create":  # what it will be called is not known yet
        return True
    whole = {name[:-2] for name in names.named if name.endswith(".*")}
    return bool(whole if tiers.any else whole & tiers.named)


def tier_in_name(name: str) -> str:
    """The tier that a policy's name says by its prefix, as Calico's names used to; empty where it says none."""
    prefix, dot, _ = name.partition(".")
    return prefix if dot else ""
