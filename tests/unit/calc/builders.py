"""Resources in one line each, through the same door as everybody's."""

from typing import Any

from dnsguard.resources import Resource, parse_object


def workload(name: str, *addresses: str, namespace: str = "shop", **spec: Any) -> Resource:
    """A workload endpoint of a namespace, with the namespace's profile unless `profiles` says otherwise."""
    labels = spec.pop("labels", {})
    spec = {"interfaceName": f"cali-{name}", "ipNetworks": list(addresses), "profiles": [f"kns.{namespace}"], **spec}
    return _resource("WorkloadEndpoint", name, spec, labels, namespace)


def host(name: str, *addresses: str, **spec: Any) -> Resource:
    """A host endpoint on eth0 of node-a."""
    labels = spec.pop("labels", {})
    spec = {"node": "node-a", "interfaceName": "eth0", "expectedIPs": list(addresses), **spec}
    return _resource("HostEndpoint", name, spec, labels)


def tier(name: str, **spec: Any) -> Resource:
    """A tier."""
    return _resource("Tier", name, spec)


def profile(name: str, **spec: Any) -> Resource:
    """A profile."""
    return _resource("Profile", name, spec)


def namespace(name: str, **labels: str) -> Resource:
    """A namespace with labels."""
    return parse_object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})


def network_set(name: str, namespace: str = "shop", **spec: Any) -> Resource:
    """A network set of a namespace."""
    return _resource("NetworkSet", name, spec, spec.pop("labels", {}), namespace)


def global_network_set(name: str, **spec: Any) -> Resource:
    """A network set of no namespace."""
    return _resource("GlobalNetworkSet", name, spec, spec.pop("labels", {}))


def policy(name: str, namespace: str = "shop", **spec: Any) -> Resource:
    """A policy of a namespace."""
    return _resource("NetworkPolicy", name, spec, {}, namespace)


def global_policy(name: str, **spec: Any) -> Resource:
    """A policy of no namespace."""
    return _resource("GlobalNetworkPolicy", name, spec)


def kubernetes_policy(name: str, namespace: str = "shop", **spec: Any) -> Resource:
    """A NetworkPolicy of Kubernetes; on all pods, unless `podSelector` says otherwise."""
    return parse_object(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"podSelector": {}, **spec},
        }
    )


def staged(name: str, namespace: str = "shop", **spec: Any) -> Resource:
    """A staged policy of a namespace."""
    return _resource("StagedNetworkPolicy", name, spec, {}, namespace)


def staged_global(name: str, **spec: Any) -> Resource:
    """A staged policy of no namespace."""
    return _resource("StagedGlobalNetworkPolicy", name, spec)


def staged_kubernetes(name: str, namespace: str = "shop", **spec: Any) -> Resource:
    """A staged Kubernetes policy."""
    return _resource("StagedKubernetesNetworkPolicy", name, spec, {}, namespace)


def _resource(
    kind: str, name: str, spec: dict[str, Any], labels: dict[str, str] | None = None, namespace: str | None = None
) -> Resource:
    metadata: dict[str, Any] = {"name": name, "labels": labels or {}}
    if namespace is not None:
        metadata["namespace"] = namespace
    return parse_object({"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": metadata, "spec": spec})
