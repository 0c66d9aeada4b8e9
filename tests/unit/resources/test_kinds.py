"""The kinds besides policies: tiers, sets, endpoints, profiles, namespaces."""

from typing import Any

import pytest

from dnsguard.resources import HostEndpoint, NetworkSet, Tier, TierAction, WorkloadEndpoint, to_dict
from tests.unit.resources.objects import faults, obj, read

NS_LABEL = "projectcalico.org/namespace"
NS_LABEL_FIELD = f"metadata.labels[{NS_LABEL}]"

BY_SERVICE = {"action": "Allow", "source": {"services": {"name": "x"}}}
NAT46 = {"internalIP": "::2", "externalIP": "192.0.2.1"}
WEP = {"interfaceName": "cali0"}


def wep(**spec: Any) -> dict[str, Any]:
    """A workload endpoint with an interface."""
    return obj("WorkloadEndpoint", {**WEP, **spec})


GOOD: list[dict[str, Any]] = [
    obj("Tier"),
    obj("Tier", {"order": 5.5, "defaultAction": "Pass"}, "fo-o"),
    obj("Tier", {}, "kube-admin"),
    obj("Tier", {"order": 1000, "defaultAction": "Pass"}, "kube-admin"),
    obj("NetworkSet"),
    obj("GlobalNetworkSet", {"nets": ["192.0.2.1", "::1/128"], "allowedEgressDomains": ["*.com", "www.mycompany.*"]}),
    obj("WorkloadEndpoint", WEP),
    obj("WorkloadEndpoint", {**WEP, "ipNetworks": ["192.0.2.1", "192.0.2.2/32", "2001:db8::1/128"], "node": "node-a"}),
    obj("WorkloadEndpoint", {**WEP, "ports": [{"protocol": "UDP", "port": 53, "hostPort": 53}]}),
    obj(
        "WorkloadEndpoint",
        {**WEP, "ipNetworks": ["::1"], "ipNATs": [{"internalIP": "0::1", "externalIP": "2001:db8::1"}]},
    ),
    obj("WorkloadEndpoint", {**WEP, "mac": "02:00:5e:00:53:01", "profiles": ["kns.a", "kns.a"], "containerID": "a1-B"}),
    obj(
        "WorkloadEndpoint",
        {
            **WEP,
            "mac": "0200.5e00.5301",
            "orchestrator": "k8s",
            "workload": "a.b",
            "pod": "a",
            "endpoint": "eth0",
            "serviceAccountName": "web",
        },
    ),
    obj("WorkloadEndpoint", {**WEP, "mac": "02:00:5e:00:53:01:aa:bb", "allowSpoofedSourcePrefixes": ["10.0.0.1/8"]}),
    obj(
        "WorkloadEndpoint",
        {**WEP, "ports": [{"name": "a", "protocol": "TCP", "port": 1, "hostPort": 2, "hostIP": "::1"}]},
    ),
    obj(
        "WorkloadEndpoint",
        {**WEP, "qosControls": {"ingressBandwidth": 1_000_000, "egressMaxConnections": 0, "dscp": "EF"}},
    ),
    obj("WorkloadEndpoint", {**WEP, "ipv4Gateway": "169.254.1.1", "ipv6Gateway": "fe80::1"}),
    obj("HostEndpoint", {"node": "n", "interfaceName": "*", "ports": [{"name": "dns", "protocol": "UDP", "port": 53}]}),
    obj("HostEndpoint", {"node": "n", "expectedIPs": ["192.0.2.1"]}),
    obj("Profile", {"labelsToApply": {"a": "b"}, "egress": [{"action": "Allow"}]}),
    obj("Namespace"),
    obj("Namespace", {"finalizers": ["kubernetes"]}) | {"status": {"phase": "Active"}},
]

BAD: list[tuple[dict[str, Any], str, str]] = [
    (obj("Tier", {}, "a" * 64), "metadata.name", "V-04"),
    (obj("Tier", {"defaultAction": "Allow"}), "spec.defaultAction", "type"),
    (obj("Tier", {"order": None}), "spec.order", "null"),
    (obj("Tier", {"order": "first"}), "spec.order", "type"),
    (obj("Tier", {"defaultAction": "Deny"}, "kube-baseline"), "spec.defaultAction", "V-22"),
    (obj("Tier", []), "spec", "type"),
    (obj("NetworkSet", {"nets": ["10.0.0.0/8", "10.1.0.0/8"]}), "spec.nets[1]", "V-18"),
    (obj("NetworkSet", {"nets": ["example.org"]}), "spec.nets[0]", "V-18"),
    (obj("NetworkSet", {"nets": [0]}), "spec.nets[0]", "type"),
    (obj("NetworkSet", {"allowedEgressDomains": ["a.com", "-a.com"]}), "spec.allowedEgressDomains[1]", "V-19"),
    (obj("NetworkSet", {"allowedEgressDomain": []}), "spec.allowedEgressDomain", "D-01"),
    (obj("GlobalNetworkSet", {}, labels={NS_LABEL: ""}), NS_LABEL_FIELD, "V-06"),
    (obj("WorkloadEndpoint", {}), "spec.interfaceName", "required"),
    (obj("WorkloadEndpoint"), "spec", "required"),
    (obj("WorkloadEndpoint", {"interfaceName": "x" * 16}), "spec.interfaceName", "V-26"),
    (wep(ipNetworks=["192.0.2.0/24"]), "spec.ipNetworks[0]", "V-28"),
    (wep(ipv4Gateway="::1"), "spec.ipv4Gateway", "V-28"),
    (wep(ipv6Gateway="192.0.2.1"), "spec.ipv6Gateway", "V-28"),
    (wep(ipNetworks=["::2"], ipNATs=[NAT46]), "spec.ipNATs[0].externalIP", "V-28"),
    (wep(ipNATs=[{"internalIP": "192.0.2.1", "externalIP": "192.0.2.2"}]), "spec.ipNATs[0].internalIP", "V-28"),
    (wep(node="Node"), "spec.node", "V-01"),
    *((wep(**{field: "A"}), f"spec.{field}", "V-01") for field in
      ("orchestrator", "workload", "pod", "endpoint", "serviceAccountName")),
    (wep(profiles=["kns.a", "B"]), "spec.profiles[1]", "V-01"),
    (wep(interfaceName="*"), "spec.interfaceName", "V-26"),
    (wep(ipNATs=[{"internalIP": "192.0.2.1"}]), "spec.ipNATs[0].externalIP", "required"),
    (wep(allowSpoofedSourcePrefixes=["10.0.0.1"]), "spec.allowSpoofedSourcePrefixes[0]", "V-40"),
    (wep(qosControls={"ingressBandwith": 1}), "spec.qosControls.ingressBandwith", "D-01"),
    (wep(qosControls={"ingressBandwidth": -1}), "spec.qosControls.ingressBandwidth", "limit"),
    (wep(qosControls={"ingressBandwidth": "1M"}), "spec.qosControls.ingressBandwidth", "type"),
    (wep(ports=[{"name": "a", "protocol": "TCP", "port": 1, "hostPort": 0}]), "spec.ports[0].hostPort", "V-48"),
    (wep(ports=[{"name": "a", "protocol": "TCP", "port": 1, "hostIP": "x"}]), "spec.ports[0].hostIP", "type"),
    (wep(mac="0200.5e00"), "spec.mac", "type"),
    (wep(mac="02:00"), "spec.mac", "type"),
    (wep(mac="02:00:5e-00:53:01"), "spec.mac", "type"),
    (wep(containerID="a_b"), "spec.containerID", "V-01"),
    (wep(ports=[{"protocol": "UDP", "port": 53}]), "spec.ports[0].name", "V-27"),
    (wep(ports=[{"name": "a--b", "protocol": "UDP", "port": 53}]), "spec.ports[0].name", "V-27"),
    (wep(ports=[{"name": "a", "protocol": "ICMP", "port": 53}]), "spec.ports[0].protocol", "V-31"),
    (wep(ports=[{"name": "a", "protocol": "TCP", "port": "53"}]), "spec.ports[0].port", "V-48"),
    (obj("HostEndpoint", {"node": "N", "interfaceName": "*"}), "spec.node", "V-25"),
    (obj("HostEndpoint", {"node": "n", "interfaceName": "a b"}), "spec.interfaceName", "V-26"),
    (obj("HostEndpoint", {"node": "n", "expectedIPs": []}), "spec.interfaceName", "V-26"),
    (obj("HostEndpoint", {"node": "n", "expectedIPs": ["192.0.2.0/24"]}), "spec.expectedIPs[0]", "type"),
    (obj("HostEndpoint", {"node": "n", "expectedIPs": ["::1", "0::1"]}), "spec.expectedIPs[1]", "duplicate"),
    (obj("HostEndpoint", {"node": "n", "interfaceName": "*", "profiles": ["a", "a"]}), "spec.profiles[1]", "duplicate"),
    (obj("HostEndpoint", {"node": "n", "interfaceName": "*"}, labels={NS_LABEL: "x"}), NS_LABEL_FIELD, "D-14"),
    (obj("Profile", {"labelsToApply": {"a": 1}}), "spec.labelsToApply.a", "D-03"),
    (obj("Profile", {"ingress": [{"action": "Allow"}] * 1025}), "spec.ingress", "V-10"),
    (obj("Profile", {"ingress": [BY_SERVICE]}), "spec.ingress[0].source.services", "D-12"),
    (obj("Namespace", {}, "a.b"), "metadata.name", "V-01"),
    (obj("Namespace", {}, namespace="a"), "metadata.namespace", "scope"),
]  # fmt: skip


@pytest.mark.parametrize("data", GOOD)
def test_good_objects(data: dict[str, Any]) -> None:
    assert faults(data) == set()


@pytest.mark.parametrize(("data", "field", "code"), BAD)
def test_bad_objects(data: dict[str, Any], field: str, code: str) -> None:
    assert faults(data) == {(field, code)}


def test_what_a_tier_left_out_is_written_into_it() -> None:
    assert to_dict(read(obj("Tier", {})))["spec"] == {"order": 1_000_000, "defaultAction": "Deny"}
    assert to_dict(read(obj("Tier")))["spec"] == {"order": 1_000_000, "defaultAction": "Deny"}
    admin = read(obj("Tier", {}, "kube-admin"))
    assert isinstance(admin, Tier)
    assert (admin.spec.order, admin.spec.default_action) == (1000, TierAction.PASS)


def test_a_set_keeps_what_was_written_and_knows_what_it_means() -> None:
    made = read(obj("NetworkSet", {"nets": ["10.1.2.3/8", "192.0.2.1"]}))
    assert isinstance(made, NetworkSet)
    assert [str(net.network) for net in made.spec.nets or ()] == ["10.0.0.0/8", "192.0.2.1/32"]
    assert to_dict(made)["spec"]["nets"] == ["10.1.2.3/8", "192.0.2.1"]


def test_an_endpoint_knows_its_addresses() -> None:
    made = read(obj("WorkloadEndpoint", {**WEP, "ipNetworks": ["192.0.2.1/32", "2001:db8::1"]}))
    assert isinstance(made, WorkloadEndpoint)
    assert [str(address) for address in made.spec.addresses] == ["192.0.2.1", "2001:db8::1"]


def test_a_tier_that_is_half_wrong_is_not_blamed_for_what_was_not_read() -> None:
    assert faults(obj("Tier", {"order": "x"}, "kube-admin")) == {("spec.order", "type")}
    assert faults(obj("Tier", {"order": "x", "defaultAction": "Deny"}, "kube-admin")) == {
        ("spec.order", "type"),
        ("spec.defaultAction", "V-22"),
    }


def test_an_absent_node_hides_nothing_else() -> None:
    assert faults(obj("HostEndpoint", {})) == {("spec.node", "V-25"), ("spec.interfaceName", "V-26")}


def test_a_namespace_carries_its_name_as_a_label() -> None:
    assert read(obj("Namespace", name="shop")).labels == {"kubernetes.io/metadata.name": "shop"}
    forged = obj("Namespace", name="shop", labels={"kubernetes.io/metadata.name": "other", "a": "b"})
    assert read(forged).labels == {"kubernetes.io/metadata.name": "shop", "a": "b"}


def test_a_host_endpoint_of_all_interfaces() -> None:
    made = read(obj("HostEndpoint", {"node": "n", "interfaceName": "*"}))
    assert isinstance(made, HostEndpoint)
    assert made.spec.interface_name == "*"
    assert made.spec.expected_ips is None
