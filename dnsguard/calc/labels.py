"""Effective labels: what selectors see of an endpoint or network set.

Automatic labels lie over an object's own ones, and those that it inherits from its profiles lie under them.
"""

from collections.abc import Iterable, Mapping

from dnsguard.resources import GlobalNetworkSet, HostEndpoint, NetworkSet, WorkloadEndpoint
from dnsguard.resources.labels import (
    KIND,
    NAME,
    NAMESPACE,
    NAMESPACE_METADATA_NAME,
    NAMESPACE_PREFIX,
    ORCHESTRATOR,
    SERVICE_ACCOUNT,
    SERVICE_ACCOUNT_PREFIX,
)


def effective_labels(
    resource: WorkloadEndpoint | HostEndpoint | NetworkSet | GlobalNetworkSet, inherited: Iterable[Mapping[str, str]]
) -> dict[str, str]:
    """The labels that selectors see. `inherited` holds those of the object's profiles, in the order it lists them.

    A key that is already there is never overwritten: own label before profile, earlier profile before later one.
    """
    labels = dict(resource.labels)
    if isinstance(resource, WorkloadEndpoint | NetworkSet):
        # Whoever may write objects of one namespace must not make them look as if they were of another, or ran as
        # somebody.
        for key in resource.labels:
            if key == SERVICE_ACCOUNT or key.startswith((NAMESPACE_PREFIX, SERVICE_ACCOUNT_PREFIX)):
                del labels[key]
    labels |= automatic_labels(resource)
    for profile_labels in inherited:
        for key, value in profile_labels.items():
            labels.setdefault(key, value)
    if isinstance(resource, HostEndpoint):
        labels.pop(NAMESPACE, None)  # a host is in no namespace, whatever its profiles say
    if isinstance(resource, WorkloadEndpoint | HostEndpoint):
        for key in (KIND, NAME):  # who allows a set by its name must not allow a pod that says it were that set
            labels.pop(key, None)
    return labels


def automatic_labels(resource: WorkloadEndpoint | HostEndpoint | NetworkSet | GlobalNetworkSet) -> dict[str, str]:
    """The labels that users cannot override."""
    match resource:
        case WorkloadEndpoint():
            labels = {NAMESPACE: resource.namespace}
            if resource.spec.orchestrator:
                labels[ORCHESTRATOR] = resource.spec.orchestrator
            if resource.spec.service_account_name:
                labels[SERVICE_ACCOUNT] = resource.spec.service_account_name
            return labels
        case HostEndpoint():
            return {}
        case NetworkSet():
            return {NAMESPACE: resource.namespace, NAME: resource.name, KIND: "NetworkSet"}
        case GlobalNetworkSet():
            # The same word as for a namespaced one: that is what the published recommendations select by.
            return {NAME: resource.name, KIND: "NetworkSet"}


def namespace_labels(namespace: str, labels: Mapping[str, str]) -> dict[str, str]:
    """What objects inherit from a namespace with these labels."""
    named = {NAMESPACE_METADATA_NAME: namespace, **labels, NAME: namespace}
    return {NAMESPACE_PREFIX + key: value for key, value in named.items()}
