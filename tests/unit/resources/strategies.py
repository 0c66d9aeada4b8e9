"""Random good objects of every kind, as they would be written."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from dnsguard.resources import KINDS

Manifest = dict[str, Any]
Strategy = st.SearchStrategy[Any]

CALICO = "projectcalico.org/v3"


def optional(**fields: Strategy) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings that hold any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def some(items: Strategy, most: int = 3) -> st.SearchStrategy[list[Any]]:
    """Lists without repetition, the empty one among them."""
    return st.lists(items, max_size=most, unique_by=str)


names = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
keys = st.sampled_from(["a", "x", "y", "example.org/Role", "app.kubernetes.io/name"])
values = st.sampled_from(["", "b", "1", "A.b-c_d"])
labels = st.dictionaries(keys, values, max_size=2)
selectors = st.sampled_from(["", "all()", "a == 'b'", "has(x) && y in {'1', '2'}", "!has(projectcalico.org/namespace)"])
namespace_selectors = st.one_of(selectors, st.sampled_from(["global()", " global( ) "]))
nets = st.sampled_from(["10.0.0.0/8", "192.0.2.1/32", "0.0.0.0/1", "192.0.2.128/25"])
set_nets = st.one_of(nets, st.sampled_from(["10.1.2.3/9", "192.0.2.7", "2001:db8::/32", "2001:DB8:1::5"]))
domains = st.sampled_from(["example.org", "*.Example.org", "update.*.example.org", "b\u00fccher.example", "www.*"])
numbers = st.integers(1, 65_535)
ports = st.one_of(numbers, st.sampled_from(["dns", "1000:2000", "0443"]))
orders = st.one_of(st.integers(-(10**9), 10**9), st.floats(-1e9, 1e9))
annotations = st.dictionaries(st.sampled_from(["a", "Example.org/why"]), st.text(max_size=5), max_size=2)

_ENTITY: Mapping[str, Strategy] = {
    "nets": some(nets),
    "notNets": some(nets),
    "selector": selectors,
    "notSelector": selectors,
    "namespaceSelector": namespace_selectors,
    "serviceAccounts": optional(names=some(names), selector=selectors),
    "ports": some(ports),
    "notPorts": some(ports),
}
entities = optional(**_ENTITY)
outside = optional(domains=some(domains), notNets=some(nets), ports=some(ports), notPorts=some(ports))
_more = optional(
    ipVersion=st.just(4),
    notProtocol=st.one_of(st.integers(2, 57), st.sampled_from(["UDP", "UDPLite"])),
    notICMP=st.one_of(
        st.just({}), st.fixed_dictionaries({"type": st.integers(0, 254)}, optional={"code": st.integers(0, 255)})
    ),
    metadata=optional(annotations=annotations),
)
_with_ports = st.fixed_dictionaries({"protocol": st.sampled_from(["TCP", "UDP", "SCTP", 6, "17"])})
_icmp = st.fixed_dictionaries({"protocol": st.sampled_from(["ICMP", 1]), "icmp": optional(type=st.integers(0, 254))})
_addresses = optional(nets=some(nets), notNets=some(nets), selector=selectors)
_actions = st.sampled_from(["Allow", "Deny", "Log", "Pass"])


def _rules(ends: Strategy, kind: Strategy = _with_ports, action: Strategy = _actions) -> Strategy:
    return st.builds(
        lambda chosen, more, base, both: {"action": chosen, **more, **base, **both}, action, _more, kind, ends
    )


ingress_rules = st.one_of(
    _rules(optional(source=entities, destination=entities)),
    _rules(optional(source=_addresses, destination=_addresses), _icmp),
)
egress_rules = st.one_of(ingress_rules, _rules(optional(source=entities, destination=outside), action=st.just("Allow")))
_policy: Mapping[str, Strategy] = {
    "tier": st.sampled_from(["default", "security"]),
    "order": orders,
    "selector": selectors,
    "serviceAccountSelector": selectors,
    "types": st.sampled_from([[], ["Egress"], ["Ingress"], ["Ingress", "Egress"]]),
    "ingress": st.lists(ingress_rules, max_size=2),
    "egress": st.lists(egress_rules, max_size=2),
    "performanceHints": st.sampled_from([[], ["AssumeNeededOnEveryNode"]]),
}
_global: Mapping[str, Strategy] = {
    **_policy,
    "namespaceSelector": selectors,
    "applyOnForward": st.booleans(),
    "doNotTrack": st.just(False),
}
_staged: Mapping[str, Strategy] = {"stagedAction": st.sampled_from(["", "Set", "Learn", "Ignore"])}
_deletion = st.fixed_dictionaries(
    {"stagedAction": st.just("Delete")},
    optional={"tier": names, "types": st.just([]), "ingress": st.just([]), "selector": st.just("")},
)

label_selectors = optional(
    matchLabels=labels,
    matchExpressions=st.lists(
        st.one_of(
            st.fixed_dictionaries(
                {
                    "key": keys,
                    "operator": st.sampled_from(["In", "NotIn"]),
                    "values": st.lists(values, min_size=1, max_size=2),
                }
            ),
            st.fixed_dictionaries(
                {"key": keys, "operator": st.sampled_from(["Exists", "DoesNotExist"])}, optional={"values": st.just([])}
            ),
        ),
        max_size=2,
    ),
)
blocks = st.one_of(
    st.fixed_dictionaries(
        {"cidr": st.sampled_from(["10.0.0.0/8", "10.1.2.3/8"])},
        optional={"except": some(st.sampled_from(["10.0.0.0/9", "10.1.0.0/16", "10.3.3.3/16"]))},
    ),
    st.fixed_dictionaries({"cidr": st.just("2001:db8::/32")}, optional={"except": some(st.just("2001:db8:1::/48"))}),
)
peers = st.one_of(
    st.fixed_dictionaries({"podSelector": label_selectors}, optional={"namespaceSelector": label_selectors}),
    st.fixed_dictionaries({"namespaceSelector": label_selectors}),
    st.fixed_dictionaries({"ipBlock": blocks}),
)
_protocols = st.sampled_from(["TCP", "UDP", "SCTP"])
kubernetes_ports = st.one_of(
    optional(protocol=_protocols, port=st.one_of(numbers, st.sampled_from(["dns", "web"]))),
    st.builds(
        lambda first, width, more: {"port": first, "endPort": min(first + width, 65_535), **more},
        numbers,
        st.integers(0, 100),
        optional(protocol=_protocols),
    ),
)
_kubernetes: Mapping[str, Strategy] = {
    "podSelector": label_selectors,
    "policyTypes": st.sampled_from([[], ["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
    "ingress": st.lists(
        optional(**{"from": st.lists(peers, max_size=2), "ports": st.lists(kubernetes_ports, max_size=3)}), max_size=2
    ),
    "egress": st.lists(
        optional(to=st.lists(peers, max_size=2), ports=st.lists(kubernetes_ports, max_size=3)), max_size=2
    ),
}

addresses = st.sampled_from(["10.0.0.1", "10.0.0.2/32", "2001:db8::1", "2001:db8::2/128"])
_named_ports = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(["dns", "web"]), "protocol": _protocols, "port": numbers}),
    max_size=2,
)
_workload = st.fixed_dictionaries(
    {"interfaceName": st.sampled_from(["cali0", "eth0.1"])},
    optional={
        "orchestrator": st.just("k8s"),
        "workload": names,
        "node": names,
        "pod": names,
        "endpoint": names,
        "containerID": st.just("a1-B"),
        "serviceAccountName": names,
        "ipNetworks": some(addresses),
        "profiles": some(names),
        "ipv4Gateway": st.just("169.254.1.1"),
        "ipv6Gateway": st.just("fe80::1"),
        "mac": st.just("02:00:5e:00:53:01"),
        "ports": _named_ports,
        "allowSpoofedSourcePrefixes": some(nets),
        "qosControls": optional(
            ingressBandwidth=st.integers(0, 10**9), dscp=st.one_of(st.integers(0, 63), st.just("EF"))
        ),
    },
)
_host = st.fixed_dictionaries(
    {"node": names, "interfaceName": st.sampled_from(["*", "eth0"])},
    optional={
        "expectedIPs": some(st.sampled_from(["192.0.2.1", "2001:db8::1"])),
        "profiles": some(names),
        "ports": _named_ports,
    },
)
durations = st.sampled_from(["0", "3s", "1m30s", "250ms", "1.5h"])
failsafe_entries = st.fixed_dictionaries(
    {"port": numbers}, optional={"protocol": st.sampled_from(["TCP", "UDP", "tcp", "udp"]), "net": nets}
)
_felix = optional(
    dnsTrustedServers=some(
        st.sampled_from(["192.0.2.53", "[2001:db8::53]:5353", "k8s-service:a/b", "dns.example.org"])
    ),
    dnsPolicyMode=st.sampled_from(["DelayDeniedPacket", "DelayDNSResponse", "Inline", "NoDelay"]),
    dnsExtraTTL=durations,
    DNSCacheEpoch=st.integers(-5, 5),
    dnspacketsnfqueuemaxholdduration=durations,
    dnsPolicyNfqueueID=st.integers(0, 65_535),
    dnsLogsFileEnabled=st.booleans(),
    failsafeInboundHostPorts=st.lists(failsafe_entries, max_size=2),
    failsafeOutboundHostPorts=st.lists(failsafe_entries, max_size=2),
    allowVXLANPacketsFromWorkloads=st.booleans(),
    allowIPIPPacketsFromWorkloads=st.booleans(),
    defaultEndpointToHostAction=st.sampled_from(["Drop", "Accept", "Return"]),
    dropActionOverride=st.sampled_from(["Drop", "Accept", "LogAndDrop", "LogAndAccept"]),
    nftablesFilterDenyAction=st.sampled_from(["Drop", "Reject"]),
)
_switches = st.sampled_from(["Enabled", "Disabled"])
_controllers = optional(
    node=optional(
        reconcilerPeriod=durations,
        hostEndpoint=optional(autoCreate=_switches, createDefaultHostEndpoint=_switches),
    ),
    namespace=optional(reconcilerPeriod=durations),
)
_set = optional(nets=some(set_nets), allowedEgressDomains=some(domains))


def _objects(
    kind: str, spec: Strategy, api_version: str = CALICO, named: Strategy = names, *, namespaced: bool = False
) -> st.SearchStrategy[Manifest]:
    more: dict[str, Strategy] = {"labels": labels, "annotations": annotations}
    if namespaced:
        more["namespace"] = names
    return st.builds(
        lambda name, metadata, spec: {
            "apiVersion": api_version, "kind": kind, "metadata": {"name": name, **metadata}, **spec
        },
        named,
        optional(**more),
        st.one_of(st.just({}), spec.map(lambda written: {"spec": written})),
    )  # fmt: skip


def _with_spec(manifests: st.SearchStrategy[Manifest]) -> st.SearchStrategy[Manifest]:
    return manifests.filter(lambda manifest: "spec" in manifest)


_words = st.sampled_from(["get", "list", "*", "networkpolicies", "tier.networkpolicies", "tiers/status", "a.*"])
_some_words = st.lists(_words, min_size=1, max_size=3)
_kind_rules = st.fixed_dictionaries(
    {
        "verbs": _some_words,
        "apiGroups": st.lists(st.sampled_from(["", "*", "a.b"]), min_size=1),
        "resources": _some_words,
    },
    optional={"resourceNames": _some_words},
)
_path_rules = st.fixed_dictionaries(
    {"verbs": _some_words, "nonResourceURLs": st.lists(st.sampled_from(["*", "/v1/*", "/metrics"]), min_size=1)}
)
_RBAC = "rbac.authorization.k8s.io"


def _role(kind: str, rules: Strategy) -> st.SearchStrategy[Manifest]:
    return st.builds(
        lambda whole, rules: {**whole, **rules},
        _objects(kind, st.just({}), f"{_RBAC}/v1").map(_without_spec),
        optional(rules=st.lists(rules, max_size=3)),
    )


def _binding(kind: str, roles: Strategy) -> st.SearchStrategy[Manifest]:
    subjects = st.one_of(
        st.fixed_dictionaries({"kind": st.sampled_from(["User", "Group"]), "name": names}),
        st.fixed_dictionaries({"kind": st.just("ServiceAccount"), "name": names, "namespace": names}),
    )
    return st.builds(
        lambda whole, subjects, role, name: {**whole, **subjects, "roleRef": {"kind": role, "name": name}},
        _objects(kind, st.just({}), f"{_RBAC}/v1").map(_without_spec),
        optional(subjects=st.lists(subjects, max_size=3)),
        roles,
        names,
    )


def _without_spec(manifest: Manifest) -> Manifest:
    return {field: part for field, part in manifest.items() if field != "spec"}


MANIFESTS: Mapping[str, st.SearchStrategy[Manifest]] = {
    # by collection
    "namespaces": _objects("Namespace", st.just({}), "v1"),
    "felixconfigurations": _objects(
        "FelixConfiguration", _felix, named=st.one_of(st.just("default"), names.map("node.{}".format))
    ),
    "kubecontrollersconfigurations": _objects(
        "KubeControllersConfiguration", optional(controllers=_controllers), named=st.just("default")
    ),
    "tiers": _objects("Tier", optional(order=orders, defaultAction=st.sampled_from(["Deny", "Pass"]))).filter(
        lambda manifest: manifest["metadata"]["name"] != "default"
    ),
    "profiles": _objects(
        "Profile",
        optional(
            ingress=st.lists(ingress_rules, max_size=2), egress=st.lists(egress_rules, max_size=2), labelsToApply=labels
        ),
    ),
    "globalnetworksets": _objects("GlobalNetworkSet", _set),
    "networksets": _objects("NetworkSet", _set, namespaced=True),
    "globalnetworkpolicies": _objects("GlobalNetworkPolicy", optional(**_global)),
    "networkpolicies": _objects("NetworkPolicy", optional(**_policy), namespaced=True),
    "networkpolicies.networking.k8s.io": _objects(
        "NetworkPolicy", optional(**_kubernetes), "networking.k8s.io/v1", namespaced=True
    ),
    "stagedglobalnetworkpolicies": _objects(
        "StagedGlobalNetworkPolicy", st.one_of(optional(**_global, **_staged), _deletion)
    ),
    "stagednetworkpolicies": _objects(
        "StagedNetworkPolicy", st.one_of(optional(**_policy, **_staged), _deletion), namespaced=True
    ),
    "stagedkubernetesnetworkpolicies": _objects(
        "StagedKubernetesNetworkPolicy",
        st.one_of(
            optional(**_kubernetes, **_staged),
            st.fixed_dictionaries({"stagedAction": st.just("Delete")}, optional={"podSelector": st.just({})}),
        ),
        namespaced=True,
    ),
    "hostendpoints": _with_spec(_objects("HostEndpoint", _host)),
    "workloadendpoints": _with_spec(_objects("WorkloadEndpoint", _workload, namespaced=True)),
    "clusterroles.rbac.authorization.k8s.io": _role("ClusterRole", st.one_of(_kind_rules, _path_rules)),
    "roles.rbac.authorization.k8s.io": _role("Role", _kind_rules),
    "clusterrolebindings.rbac.authorization.k8s.io": _binding("ClusterRoleBinding", st.just("ClusterRole")),
    "rolebindings.rbac.authorization.k8s.io": _binding("RoleBinding", st.sampled_from(["Role", "ClusterRole"])),
    "accesstokens.dnsguard.io": _objects(
        "AccessToken",
        optional(expires=st.just("2031-12-31T00:00:00Z"), groups=some(names)),
        "dnsguard.io/v1",
        names.filter(lambda name: name != "admin"),
    ),
}

ACCESS = frozenset(kind.collection for kind in KINDS if kind.is_access)

manifests: st.SearchStrategy[Manifest] = st.one_of(
    *(each for collection, each in MANIFESTS.items() if collection not in ACCESS)
)
"""An object of any kind that policy is computed from."""
