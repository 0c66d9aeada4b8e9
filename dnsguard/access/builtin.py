"""The cluster roles that exist from the first start, in Kubernetes' and Calico's sense."""

from typing import Any

from dnsguard.resources.apiversions import PROJECTCALICO, RBAC
from dnsguard.resources.rbac import ClusterRole

_CALICO = PROJECTCALICO.partition("/")[0]
_NETWORKING = "networking.k8s.io"
_READ = ["get", "list", "watch"]
_WRITE = ["create", "update", "patch", "delete", "deletecollection"]
_NAMESPACED = ["stagedkubernetesnetworkpolicies", "networksets", "workloadendpoints"]
_GLOBAL = [
    "tiers",
    "globalnetworksets",
    "hostendpoints",
    "profiles",
    "felixconfigurations",
    "kubecontrollersconfigurations",
]
_TIERED = ["tier.networkpolicies", "tier.stagednetworkpolicies"]
_GLOBAL_TIERED = ["tier.globalnetworkpolicies", "tier.stagedglobalnetworkpolicies"]

_VIEWS = [
    *(f"/v1/{view}" for view in (
        "denied", "dns-log", "effective", "endpoints", "leases", "names", "set-users", "stats", "status",
    )),
    "/metrics",
]  # fmt: skip
"""Not the audit log, which holds what others wrote."""

_Rule = dict[str, Any]


def _on(group: str, verbs: list[str], *resources: str) -> _Rule:
    return {"apiGroups": [group], "resources": list(resources), "verbs": verbs}


_VIEW = [
    _on(_CALICO, _READ, *_NAMESPACED, *_GLOBAL, *_TIERED, *_GLOBAL_TIERED),
    _on(_NETWORKING, _READ, "networkpolicies"),
    _on("", _READ, "namespaces"),
    {"nonResourceURLs": _VIEWS, "verbs": ["get"]},
    {"nonResourceURLs": ["/v1/explain"], "verbs": ["post"]},
]
_EDIT = [
    *_VIEW,
    # Not endpoints: who writes one says whose an interface and an address are, those of other namespaces, too, and by
    # its profiles of which namespace it is.
    _on(_CALICO, _WRITE, "stagedkubernetesnetworkpolicies", "networksets", *_TIERED),
    _on(_NETWORKING, _WRITE, "networkpolicies"),
]
_RULES: dict[str, list[_Rule]] = {
    "cluster-admin": [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ],
    "admin": [*_EDIT, _on(RBAC.partition("/")[0], [*_READ, *_WRITE], "roles", "rolebindings")],
    "edit": _EDIT,
    "view": _VIEW,
    "tigera-network-admin": [
        *_VIEW,
        _on(_CALICO, _WRITE, *_NAMESPACED, *_GLOBAL, *_TIERED, *_GLOBAL_TIERED),
        _on(_NETWORKING, _WRITE, "networkpolicies"),
        _on("", _WRITE, "namespaces"),
        {"nonResourceURLs": ["/v1/*"], "verbs": ["get"]},
    ],
    "tigera-ui-user": _VIEW,
}

BUILTIN_ROLES: tuple[ClusterRole, ...] = tuple(
    ClusterRole.model_validate(
        {
            "apiVersion": RBAC,
            "kind": "ClusterRole",
            "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
            "rules": rules,
        }
    )
    for name, rules in _RULES.items()
)
"""Granted by bindings like any other; they stay as they are here, whatever is stored."""

BUILTIN_NAMES = frozenset(_RULES)
