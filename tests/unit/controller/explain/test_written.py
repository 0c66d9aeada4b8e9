from dnsguard.calc.compiled import Direction, EndpointId, PolicyId
from dnsguard.controller.explain.written import Written
from dnsguard.resources import Resource, manifest

TEXT = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {env: test}}
---
apiVersion: projectcalico.org/v3
kind: Profile
metadata: {name: open}
spec: {egress: [{action: Log}, {action: Allow, protocol: TCP, destination: {ports: ["80", "1:2"]}}]}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: late, namespace: shop}
spec: {order: 9, egress: [{action: Deny, notProtocol: UDP}], ingress: [{action: Allow, source: {nets: []}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: late, namespace: shop}
spec: {podSelector: {}, ingress: [{ports: [{protocol: TCP, port: 80}]}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: waiting}
spec: {tier: nowhere, egress: [{action: Allow}]}
---
apiVersion: projectcalico.org/v3
kind: NetworkSet
metadata: {name: partners, namespace: shop, labels: {role: partner}}
spec: {nets: [192.0.2.0/24]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: gw}
spec: {node: here, interfaceName: eth0, ports: [{name: http, protocol: TCP, port: 80}]}
"""
RESOURCES: tuple[Resource, ...] = tuple(document.resource for document in manifest.load(TEXT, "test"))
OURS, THEIRS = PolicyId("NetworkPolicy", "shop", "late"), PolicyId("KubernetesNetworkPolicy", "shop", "late")


def test_policies_are_in_the_order_of_evaluation_and_wait_for_their_tier() -> None:
    assert list(Written(RESOURCES).policies) == [OURS, THEIRS]


def test_rules_are_quoted_as_they_were_written() -> None:
    written = Written(RESOURCES)
    assert written.rule(OURS, "", Direction.EGRESS, 0) == {"action": "Deny", "notProtocol": "UDP"}
    assert written.rule(OURS, "", Direction.INGRESS, 0) == {"action": "Allow", "source": {"nets": []}}
    quoted = {"action": "Allow", "protocol": "TCP", "destination": {"ports": [80, "1:2"]}}
    assert written.rule(None, "open", Direction.EGRESS, 1) == quoted


def test_a_rule_of_kubernetes_is_quoted_as_what_it_comes_to() -> None:
    quoted = Written(RESOURCES).rule(THEIRS, "", Direction.INGRESS, 0)
    assert quoted is not None
    assert (quoted["action"], quoted["protocol"], quoted["destination"]) == ("Allow", "TCP", {"ports": [80]})


def test_what_nobody_wrote_is_not_quoted() -> None:
    written = Written(RESOURCES)
    assert written.rule(OURS, "", Direction.EGRESS, 1) is None
    assert written.rule(OURS, "", Direction.EGRESS, -1) is None
    assert written.rule(None, "kns.shop", Direction.EGRESS, 0) is None
    assert written.rule(PolicyId("NetworkPolicy", "shop", "gone"), "", Direction.EGRESS, 0) is None


def test_named_ports_and_network_sets() -> None:
    written = Written(RESOURCES)
    assert written.ports(EndpointId("HostEndpoint", "", "gw")) == [("http", 6, 80)]
    assert written.ports(EndpointId("HostEndpoint", "", "nobody")) == []
    ((network_set, labels),) = written.network_sets
    assert (network_set.name, labels["role"], labels["pcns.env"]) == ("partners", "partner", "test")
