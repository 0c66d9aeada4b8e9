"""Kubernetes network policies: what they may say, and what their authors should know."""

from typing import Any

import pytest

from dnsguard.resources import (
    KubernetesNetworkPolicy,
    PolicyType,
    StagedKubernetesNetworkPolicy,
    parse_object,
    to_dict,
    warnings,
)
from tests.unit.resources.objects import faults, kubernetes, obj, policy, read

POD: dict[str, Any] = {"podSelector": {}}


def ingress(**rule: Any) -> dict[str, Any]:
    """A policy with one ingress rule."""
    return kubernetes(podSelector={}, ingress=[rule])


def peer(**written: Any) -> dict[str, Any]:
    """A policy with one peer."""
    return ingress(**{"from": [written]})


def port(**written: Any) -> dict[str, Any]:
    """A policy with one port."""
    return ingress(ports=[written])


def requirement(**written: Any) -> dict[str, Any]:
    """A policy for pods of which this is true."""
    return kubernetes(podSelector={"matchExpressions": [written]})


GOOD: list[dict[str, Any]] = [
    kubernetes(podSelector={}),
    obj("NetworkPolicy") | {"apiVersion": "networking.k8s.io/v1"},
    kubernetes(podSelector={}) | {"status": {}},
    kubernetes(podSelector={"matchLabels": {"app": "web", "example.org/Role": ""}}, policyTypes=["Egress"]),
    ingress(),
    ingress(**{"from": []}, ports=[]),
    peer(podSelector={}, namespaceSelector={}),
    peer(ipBlock={"cidr": "10.0.0.1/8", "except": ["10.1.0.0/16", "10.1.0.0/16"]}),
    peer(ipBlock={"cidr": "2001:db8::/32", "except": []}),
    port(),
    port(protocol="SCTP", port=65535),
    port(port=1, endPort=1),
    port(port="https"),
    requirement(key="a", operator="NotIn", values=["b", ""]),
    requirement(key="a", operator="Exists", values=[]),
]

BAD: list[tuple[dict[str, Any], str, str]] = [
    (kubernetes(podSelector=None), "spec.podSelector", "null"),
    (kubernetes(selector="all()"), "spec.selector", "D-01"),
    (kubernetes(policyTypes=["ingress"]), "spec.policyTypes", "V-09"),
    (kubernetes(policyTypes=["Ingress", "Ingress"]), "spec.policyTypes", "V-09"),
    (kubernetes(ingress={}), "spec.ingress", "type"),
    (kubernetes(ingress=[{"to": []}]), "spec.ingress[0].to", "D-01"),
    (kubernetes(egress=[{"from": []}]), "spec.egress[0].from", "D-01"),
    (kubernetes(podSelector={"matchLabel": {}}), "spec.podSelector.matchLabel", "D-01"),
    (kubernetes(podSelector={"matchLabels": {"a": 1}}), "spec.podSelector.matchLabels.a", "D-03"),
    (kubernetes(podSelector={"matchLabels": {"a": "b c"}}), "spec.podSelector.matchLabels.a", "V-05"),
    (requirement(key="-", operator="Exists"), "spec.podSelector.matchExpressions[0].key", "V-05"),
    (requirement(key="a", operator="in", values=["b"]), "spec.podSelector.matchExpressions[0].operator", "V-42"),
    (requirement(key="a", operator="In"), "spec.podSelector.matchExpressions[0].values", "V-42"),
    (requirement(key="a", operator="NotIn", values=[]), "spec.podSelector.matchExpressions[0].values", "V-42"),
    (requirement(key="a", operator="Exists", values=["b"]), "spec.podSelector.matchExpressions[0].values", "V-42"),
    (requirement(key="a", operator="In", values=["b'"]), "spec.podSelector.matchExpressions[0].values[0]", "V-05"),
    (peer(), "spec.ingress[0].from[0]", "peer"),
    (peer(podSelector=None), "spec.ingress[0].from[0].podSelector", "null"),
    (peer(podSelector={}, ipBlock={"cidr": "10.0.0.0/8"}), "spec.ingress[0].from[0].ipBlock", "peer"),
    (peer(ipBlock={}), "spec.ingress[0].from[0].ipBlock.cidr", "required"),
    (peer(ipBlock={"cidr": "10.0.0.1"}), "spec.ingress[0].from[0].ipBlock.cidr", "V-40"),
    (peer(ipBlock={"cidr": "10.0.0.0/33"}), "spec.ingress[0].from[0].ipBlock.cidr", "V-40"),
    *(
        (peer(ipBlock={"cidr": "10.0.0.0/8", "except": [net]}), "spec.ingress[0].from[0].ipBlock.except[0]", "V-40")
        for net in ("11.0.0.0/16", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "10.0.0.1")
    ),
    (
        peer(ipBlock={"cidr": "10.0.0.0/8", "except": [f"10.0.{at}.0/24" for at in range(256)] + ["10.1.0.0/16"]}),
        "spec.ingress[0].from[0].ipBlock.except",
        "limit",
    ),
    (port(protocol="tcp"), "spec.ingress[0].ports[0].protocol", "V-31"),
    (port(protocol="ICMP"), "spec.ingress[0].ports[0].protocol", "V-31"),
    (port(port=0), "spec.ingress[0].ports[0].port", "V-48"),
    (port(port="80"), "spec.ingress[0].ports[0].port", "V-48"),
    (port(port="80:90"), "spec.ingress[0].ports[0].port", "V-48"),
    (port(port=True), "spec.ingress[0].ports[0].port", "V-48"),
    (port(endPort=80), "spec.ingress[0].ports[0].endPort", "V-48"),
    (port(port="http", endPort=80), "spec.ingress[0].ports[0].endPort", "V-48"),
    (port(port=0, endPort=80), "spec.ingress[0].ports[0].port", "V-48"),
    (port(port=81, endPort=80), "spec.ingress[0].ports[0].endPort", "V-48"),
    (port(port=81, endPort=65536), "spec.ingress[0].ports[0].endPort", "V-48"),
    (kubernetes(ingress=[{"from": [POD] * 1025}]), "spec.ingress", "V-10"),
    # 8 million rules, if somebody made them
    (
        kubernetes(ingress=[{"from": [POD] * 20_000, "ports": [{"port": 1 + number} for number in range(20_000)]}]),
        "spec.ingress",
        "V-10",
    ),
    (
        kubernetes(podSelector={"matchLabels": {f"a{at}": "x" * 60 for at in range(20)}}),
        "spec.podSelector",
        "V-42",
    ),
    (
        peer(namespaceSelector={"matchLabels": {f"a{at}": "x" * 60 for at in range(20)}}),
        "spec.ingress[0].from[0].namespaceSelector",
        "V-42",
    ),
]  # fmt: skip


@pytest.mark.parametrize("data", GOOD)
def test_good_policies(data: dict[str, Any]) -> None:
    assert faults(data) == set()


@pytest.mark.parametrize(("data", "field", "code"), BAD)
def test_bad_policies(data: dict[str, Any], field: str, code: str) -> None:
    assert faults(data) == {(field, code)}


def test_a_block_that_cannot_be_read_still_excludes_the_selectors() -> None:
    field = "spec.ingress[0].from[0].ipBlock"
    assert faults(peer(podSelector={}, ipBlock={"cidr": "x/8"})) == {(f"{field}.cidr", "V-40"), (field, "peer")}


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ({}, ["Ingress"]),
        ({"egress": []}, ["Ingress"]),
        ({"egress": [{}]}, ["Ingress", "Egress"]),
        ({"policyTypes": [], "egress": [{}]}, ["Ingress", "Egress"]),
        ({"policyTypes": ["Egress"], "ingress": [{}]}, ["Egress"]),
    ],
)
def test_types_are_filled_in_as_kubernetes_does(spec: dict[str, Any], types: list[str]) -> None:
    made = read(kubernetes(**spec))
    assert isinstance(made, KubernetesNetworkPolicy)
    assert made.spec.policy_types == tuple(map(PolicyType, types))
    assert to_dict(made)["spec"]["policyTypes"] == types


WARNED: list[tuple[dict[str, Any], str, str]] = [
    (ingress(**{"from": []}), "spec.ingress[0].from", "allows everybody"),
    (kubernetes(egress=[{"to": []}]), "spec.egress[0].to", "allows everybody"),
    (ingress(ports=[]), "spec.ingress[0].ports", "every port"),
    (kubernetes(policyTypes=[]), "spec.policyTypes", "inferred"),
    (kubernetes(policyTypes=["Egress"], ingress=[{}]), "spec.ingress", "ignored"),
    (peer(ipBlock={"cidr": "10.0.0.1/8"}), "spec.ingress[0].from[0].ipBlock.cidr", "means 10.0.0.0/8"),
    (peer(ipBlock={"cidr": "10.0.0.0/8", "except": []}), "spec.ingress[0].from[0].ipBlock.except", "excludes nothing"),
]


@pytest.mark.parametrize(("data", "field", "said"), WARNED)
def test_what_is_wider_than_it_looks_is_warned_about(data: dict[str, Any], field: str, said: str) -> None:
    (warning,) = warnings(read(data))
    assert warning.startswith(f"{field}: ")
    assert said in warning


@pytest.mark.parametrize("data", [kubernetes(podSelector={}, ingress=[]), ingress(), peer(podSelector={}), port()])
def test_what_is_usual_is_not_warned_about(data: dict[str, Any]) -> None:
    assert warnings(read(data)) == ()


def test_what_was_written_stays() -> None:
    spec = {
        "podSelector": {"matchLabels": {}},
        "policyTypes": ["Ingress"],
        "ingress": [{}, {"from": [], "ports": []}, {"from": [{"podSelector": {}}], "ports": [{"port": "web"}]}],
        "egress": [],
    }
    assert to_dict(read(kubernetes(**spec)))["spec"] == spec


def test_a_preview_has_the_same_rules_and_an_action() -> None:
    made = read(policy("StagedKubernetesNetworkPolicy", podSelector={}, egress=[{}]))
    assert isinstance(made, StagedKubernetesNetworkPolicy)
    assert to_dict(made)["spec"] == {
        "podSelector": {},
        "egress": [{}],
        "stagedAction": "Set",
        "policyTypes": ["Ingress", "Egress"],
    }
    long = {"matchLabels": {f"a{at}": "x" * 60 for at in range(20)}}
    assert faults(policy("StagedKubernetesNetworkPolicy", podSelector=long)) == {("spec.podSelector", "V-42")}
    assert faults(policy("StagedKubernetesNetworkPolicy", tier="default")) == {("spec.tier", "D-01")}


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({}, set()),
        ({"podSelector": {}, "ingress": [], "policyTypes": []}, set()),
        ({"podSelector": {"matchLabels": {}}}, set()),
        ({"podSelector": {"matchLabels": {"a": "b"}}}, {("spec.podSelector", "V-16")}),
        ({"ingress": [{}], "policyTypes": ["Ingress"]}, {("spec.ingress", "V-16"), ("spec.policyTypes", "V-16")}),
    ],
)
def test_a_preview_of_a_deletion_says_nothing_else(spec: dict[str, Any], found: set[tuple[str, str]]) -> None:
    data = policy("StagedKubernetesNetworkPolicy", stagedAction="Delete", **spec)
    assert faults(data) == found
    if not found:
        made = parse_object(data)
        assert warnings(made) == ()
        assert "policyTypes" not in to_dict(made)["spec"]
