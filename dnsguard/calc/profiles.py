"""Profiles as they are in force: those that were written, and those that exist because something else does."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dnsguard.calc.labels import namespace_labels
from dnsguard.resources import (
    Action,
    EgressRule,
    IngressRule,
    Namespace,
    NetworkPolicy,
    NetworkSet,
    Profile,
    Resource,
    Rule,
    WorkloadEndpoint,
)
from dnsguard.resources.labels import NAME, SERVICE_ACCOUNT_PREFIX
from dnsguard.resources.profile import DEFAULT_ALLOW

_ALLOW_INGRESS = (IngressRule(action=Action.ALLOW),)
_ALLOW_EGRESS = (EgressRule(action=Action.ALLOW),)


@dataclass(frozen=True, slots=True)
class EffectiveProfile:
    """Last-resort rules, and the labels that endpoints inherit with them."""

    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


UNKNOWN = EffectiveProfile((IngressRule(action=Action.DENY),), (EgressRule(action=Action.DENY),))
"""Stands in for a profile that an endpoint lists and nobody defined: what is missing fails closed."""


def namespace_profile(namespace: str) -> str:
    """The name of the profile that a namespace brings with it."""
    return f"kns.{namespace}"


def effective_profiles(resources: Iterable[Resource]) -> dict[str, EffectiveProfile]:
    """All profiles by name.

    `kns.<namespace>` exists for every namespace that is defined or merely mentioned, `ksa.<namespace>.<account>` for
    every service account that a workload names. A profile that was written takes the place of one that would be made.
    """
    namespaces: dict[str, Mapping[str, str]] = {}
    accounts: set[tuple[str, str]] = set()
    written: dict[str, EffectiveProfile] = {}
    for resource in resources:
        match resource:
            case Namespace():
                namespaces[resource.name] = resource.labels
            case Profile(spec=spec):
                written[resource.name] = EffectiveProfile(spec.ingress or (), spec.egress or (), spec.labels_to_apply)
            case WorkloadEndpoint() | NetworkSet() | NetworkPolicy():
                namespaces.setdefault(resource.namespace, {})
        if isinstance(resource, WorkloadEndpoint) and resource.spec.service_account_name:
            accounts.add((resource.namespace, resource.spec.service_account_name))
    made = {DEFAULT_ALLOW: EffectiveProfile(_ALLOW_INGRESS, _ALLOW_EGRESS)}
    for namespace, labels in namespaces.items():
        inherited = namespace_labels(namespace, labels)
        made[namespace_profile(namespace)] = EffectiveProfile(_ALLOW_INGRESS, _ALLOW_EGRESS, inherited)
    for namespace, account in accounts:
        made[f"ksa.{namespace}.{account}"] = EffectiveProfile(labels={SERVICE_ACCOUNT_PREFIX + NAME: account})
    return made | written
