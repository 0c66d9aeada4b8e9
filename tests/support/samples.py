"""One good object of every kind, in canonical form: what is stored is what was written."""

from typing import Any

Manifest = dict[str, Any]

_CALICO = "projectcalico.org/v3"
_RBAC_GROUP = "rbac.authorization.k8s.io"
_RBAC = f"{_RBAC_GROUP}/v1"
_RULE = {"action": "Allow", "protocol": "TCP", "destination": {"nets": ["192.0.2.0/24"], "ports": [443]}}
_POLICY = {"tier": "default", "order": 5, "selector": "app == 'web'", "types": ["Egress"], "egress": [_RULE]}
_KUBERNETES = {
    "podSelector": {"matchLabels": {"role": "db"}},
    "policyTypes": ["Ingress", "Egress"],
    "ingress": [
        {
            "from": [
                {"ipBlock": {"cidr": "172.17.0.0/16", "except": ["172.17.1.0/24"]}},
                {"namespaceSelector": {"matchLabels": {"project": "myproject"}}},
                {"podSelector": {"matchExpressions": [{"key": "role", "operator": "In", "values": ["frontend"]}]}},
            ],
            "ports": [{"protocol": "TCP", "port": 6379}],
        }
    ],
    "egress": [
        {
            "to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}],
            "ports": [{"protocol": "TCP", "port": 32000, "endPort": 32768}],
        }
    ],
}


def _manifest(kind: str, spec: Manifest | None, api_version: str = _CALICO, name: str = "sample") -> Manifest:
    value = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "labels": {"made": "by-test"}}}
    return value if spec is None else {**value, "spec": spec}


SAMPLES: dict[str, Manifest] = {
    # by collection; those of a namespace name none
    "namespaces": _manifest("Namespace", None, "v1"),
    "felixconfigurations": _manifest(
        "FelixConfiguration", {"dnsPolicyMode": "DelayDNSResponse", "dnsExtraTTL": "10s"}, name="default"
    ),
    "kubecontrollersconfigurations": _manifest(
        "KubeControllersConfiguration",
        {
            "controllers": {
                "node": {"hostEndpoint": {"autoCreate": "Enabled", "createDefaultHostEndpoint": "Enabled"}},
            }
        },
        name="default",
    ),
    "tiers": _manifest("Tier", {"order": 300, "defaultAction": "Pass"}),
    "profiles": _manifest("Profile", {"egress": [{"action": "Allow"}], "labelsToApply": {"pcns.env": "prod"}}),
    "globalnetworksets": _manifest(
        "GlobalNetworkSet", {"nets": ["192.0.2.0/24"], "allowedEgressDomains": ["*.a.example"]}
    ),
    "networksets": _manifest("NetworkSet", {"nets": [], "allowedEgressDomains": ["b.example"]}),
    "globalnetworkpolicies": _manifest("GlobalNetworkPolicy", {**_POLICY, "applyOnForward": True}),
    "networkpolicies": _manifest("NetworkPolicy", _POLICY),
    "networkpolicies.networking.k8s.io": _manifest("NetworkPolicy", _KUBERNETES, "networking.k8s.io/v1"),
    "stagedglobalnetworkpolicies": _manifest("StagedGlobalNetworkPolicy", {"stagedAction": "Learn", **_POLICY}),
    "stagednetworkpolicies": _manifest("StagedNetworkPolicy", {"stagedAction": "Delete", "tier": "default"}),
    "stagedkubernetesnetworkpolicies": _manifest(
        "StagedKubernetesNetworkPolicy", {"stagedAction": "Set", **_KUBERNETES}
    ),
    "hostendpoints": _manifest(
        "HostEndpoint", {"node": "node-a", "interfaceName": "eth0", "expectedIPs": ["192.0.2.1"]}
    ),
    "workloadendpoints": _manifest("WorkloadEndpoint", {"interfaceName": "cali1", "ipNetworks": ["192.0.2.2"]}),
    "clusterroles.rbac.authorization.k8s.io": {
        **_manifest("ClusterRole", None, _RBAC),
        "rules": [
            {"verbs": ["get"], "apiGroups": ["projectcalico.org"], "resources": ["tiers"], "resourceNames": ["web"]},
            {"verbs": ["get"], "nonResourceURLs": ["/metrics", "/v1/*"]},
        ],
    },
    "roles.rbac.authorization.k8s.io": {
        **_manifest("Role", None, _RBAC),
        "rules": [{"verbs": ["get", "list"], "apiGroups": ["projectcalico.org"], "resources": ["networksets"]}],
    },
    "clusterrolebindings.rbac.authorization.k8s.io": {
        **_manifest("ClusterRoleBinding", None, _RBAC),
        "subjects": [{"apiGroup": _RBAC_GROUP, "kind": "Group", "name": "netops"}],
        "roleRef": {"apiGroup": _RBAC_GROUP, "kind": "ClusterRole", "name": "view"},
    },
    "rolebindings.rbac.authorization.k8s.io": {
        **_manifest("RoleBinding", None, _RBAC),
        "subjects": [
            {"apiGroup": _RBAC_GROUP, "kind": "User", "name": "alice"},
            {"kind": "ServiceAccount", "name": "robot", "namespace": "shop"},
        ],
        "roleRef": {"apiGroup": _RBAC_GROUP, "kind": "ClusterRole", "name": "view"},
    },
    "accesstokens.dnsguard.io": _manifest(
        "AccessToken", {"expires": "2031-12-31T00:00:00Z", "groups": ["netops"]}, "dnsguard.io/v1"
    ),
}
