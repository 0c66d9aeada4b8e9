"""Checks that need other objects, and the objects that are always there."""

from collections.abc import Container, Iterable

from dnsguard.resources.apiversions import CORE, PROJECTCALICO
from dnsguard.resources.causes import Cause
from dnsguard.resources.namespace import Namespace
from dnsguard.resources.policy import Policy
from dnsguard.resources.profile import DEFAULT_ALLOW, Profile
from dnsguard.resources.resource import Resource
from dnsguard.resources.rule import Action
from dnsguard.resources.tier import BUILTIN_TIERS, Tier

_ALLOW_ALL = [{"action": Action.ALLOW.value}]


def _builtin_tier(name: str) -> Tier:
    return Tier.model_validate({"apiVersion": PROJECTCALICO, "kind": "Tier", "metadata": {"name": name}, "spec": {}})


BUILTINS: tuple[Resource, ...] = (
    Namespace.model_validate({"apiVersion": CORE, "kind": "Namespace", "metadata": {"name": "default"}}),
    *(_builtin_tier(name) for name in BUILTIN_TIERS),
    Profile.model_validate(
        {
            "apiVersion": PROJECTCALICO,
            "kind": "Profile",
            "metadata": {"name": DEFAULT_ALLOW},
            "spec": {"ingress": _ALLOW_ALL, "egress": _ALLOW_ALL},
        }
    ),
)
"""Objects that exist from the first start; a store that lacks one creates it."""


def reference_causes(resource: Resource, tiers: Container[str]) -> tuple[Cause, ...]:
    """What is wrong with the objects that this one refers to, given the names of the tiers there are (V-08)."""
    if isinstance(resource, Policy) and resource.tier not in tiers:
        message = f"there is no tier {resource.tier!r}: create it first, or use default"
        return (Cause("spec.tier", message, "V-08"),)
    return ()


def reference_warnings(resource: Resource, tiers: Container[str]) -> tuple[str, ...]:
    """D-02: a name that looks as if it put the policy into another tier."""
    if isinstance(resource, Policy):
        prefix, dot, _ = resource.name.partition(".")
        if dot and prefix != resource.tier and prefix in tiers:
            return (f"metadata.name: the policy is in tier {resource.tier}, not in {prefix}: spec.tier decides (D-02)",)
    return ()


def deletion_causes(resource: Resource, others: Iterable[Resource]) -> tuple[Cause, ...]:
    """Why this object cannot be deleted while `others` exist (V-23, V-24); nothing when it can."""
    kind = resource.kind.lower()
    if any(type(builtin) is type(resource) and builtin.name == resource.name for builtin in BUILTINS):
        return (Cause("metadata.name", f"{kind} {resource.name} is built in and cannot be deleted", "V-24"),)
    held: list[Resource]
    if isinstance(resource, Tier):
        held = [policy for policy in others if isinstance(policy, Policy) and policy.tier == resource.name]
        what = "policies"
    elif isinstance(resource, Namespace):
        held = [other for other in others if other.namespace == resource.name]
        what = "objects"
    else:
        return ()
    if not held:
        return ()
    named = ", ".join(f"{type(each).__name__} {each.namespace}/{each.name}".replace(" /", " ") for each in held[:5])
    more = f" and {len(held) - 5} more" if len(held) > 5 else ""
    message = f"{kind} {resource.name} still holds {len(held)} {what}: {named}{more}; delete or move them first"
    return (Cause("metadata.name", message, "V-23"),)
