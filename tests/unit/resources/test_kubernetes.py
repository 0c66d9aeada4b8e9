"""Kubernetes policies as rules of our own, row by row."""

from typing import Any

import pytest

from dnsguard.resources import (
    KubernetesNetworkPolicy,
    PolicyType,
    StagedKubernetesNetworkPolicy,
    calico_spec,
)
from tests.unit.resources.objects import kubernetes, policy, read

POD = "projectcalico.org/orchestrator == 'k8s'"
OTHER_POD = f"{POD} && has(projectcalico.org/namespace) && !has(projectcalico.org/kind)"
WEB = {"podSelector": {"matchLabels": {"app": "web"}}}
WEB_PODS = {"selector": f"{OTHER_POD} && app == 'web'"}
BLOCK = {"ipBlock": {"cidr": "10.0.0.1/8", "except": ["10.1.2.3/16", "10.1.0.0/16"]}}
ADDRESSES = {"nets": ["10.0.0.0/8"], "notNets": ["10.1.0.0/16"]}
ALL_PODS = {"selector": OTHER_POD, "namespaceSelector": "all()"}

INGRESS: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    # rule, what it comes to
    ({}, [{"source": {}}]),
    ({"from": [], "ports": []}, [{"source": {}}]),
    ({"from": [{"podSelector": {}}]}, [{"source": {"selector": OTHER_POD}}]),
    ({"from": [WEB]}, [{"source": WEB_PODS}]),
    ({"from": [{"namespaceSelector": {}}]}, [{"source": ALL_PODS}]),
    (
        {"from": [{"namespaceSelector": {"matchLabels": {"team": "a", "env": "b"}}}]},
        [{"source": {"selector": OTHER_POD, "namespaceSelector": "env == 'b' && team == 'a'"}}],
    ),
    ({"from": [WEB | {"namespaceSelector": {}}]}, [{"source": WEB_PODS | {"namespaceSelector": "all()"}}]),
    ({"from": [BLOCK]}, [{"source": ADDRESSES}]),
    ({"from": [{"ipBlock": {"cidr": "2001:db8::/32"}}]}, [{"source": {"nets": ["2001:db8::/32"]}}]),
    ({"from": [BLOCK, WEB]}, [{"source": ADDRESSES}, {"source": WEB_PODS}]),
    ({"ports": [{}]}, [{"protocol": "TCP", "source": {}}]),
    (
        {"ports": [{"port": 80}, {"port": "web"}, {"port": 90, "endPort": 95}]},
        [{"protocol": "TCP", "source": {}, "destination": {"ports": [80, "web", "90:95"]}}],
    ),
    (
        {"ports": [{"protocol": "SCTP", "port": 1}, {"port": 2}, {"protocol": "SCTP", "port": 3}]},
        [
            {"protocol": "SCTP", "source": {}, "destination": {"ports": [1, 3]}},
            {"protocol": "TCP", "source": {}, "destination": {"ports": [2]}},
        ],
    ),
    ({"ports": [{"port": 80}, {"protocol": "TCP"}]}, [{"protocol": "TCP", "source": {}}]),
    (
        {"from": [WEB, BLOCK], "ports": [{"port": 80}, {"protocol": "UDP"}]},
        [
            {"protocol": "TCP", "source": WEB_PODS, "destination": {"ports": [80]}},
            {"protocol": "UDP", "source": WEB_PODS},
            {"protocol": "TCP", "source": ADDRESSES, "destination": {"ports": [80]}},
            {"protocol": "UDP", "source": ADDRESSES},
        ],
    ),
    (
        {"ports": [{"port": number} for number in range(1, 61)]},
        [
            {"protocol": "TCP", "source": {}, "destination": {"ports": list(range(1, 51))}},
            {"protocol": "TCP", "source": {}, "destination": {"ports": list(range(51, 61))}},
        ],
    ),
]

EGRESS: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    ({}, [{"destination": {}}]),
    ({"to": [WEB], "ports": []}, [{"destination": WEB_PODS}]),
    ({"to": [BLOCK], "ports": [{"port": 443}]}, [{"protocol": "TCP", "destination": ADDRESSES | {"ports": [443]}}]),
    ({"ports": [{"port": 443}]}, [{"protocol": "TCP", "destination": {"ports": [443]}}]),
    # a port's name is one that pods declare; the number beside it holds for any address
    (
        {"ports": [{"port": "dns", "protocol": "UDP"}, {"port": 53, "protocol": "UDP"}]},
        [
            {"protocol": "UDP", "destination": {"ports": [53]}},
            {"protocol": "UDP", "destination": ALL_PODS | {"ports": ["dns"]}},
        ],
    ),
    (
        {"to": [BLOCK], "ports": [{"port": "dns"}]},
        [{"protocol": "TCP", "destination": ADDRESSES | ALL_PODS | {"ports": ["dns"]}}],
    ),
    (
        {"to": [WEB], "ports": [{"port": "dns"}, {"port": 53}]},
        [{"protocol": "TCP", "destination": WEB_PODS | {"ports": ["dns", 53]}}],
    ),
]

SELECTORS = [
    # matchLabels, matchExpressions, selector
    ({}, [], POD),
    ({"b": "1", "a": ""}, [], f"{POD} && a == '' && b == '1'"),
    ({}, [{"key": "x/a", "operator": "In", "values": ["b", "c"]}], f"{POD} && x/a in {{ 'b', 'c' }}"),
    ({}, [{"key": "a", "operator": "NotIn", "values": ["b"]}], f"{POD} && a not in {{ 'b' }}"),
    ({}, [{"key": "a", "operator": "Exists"}], f"{POD} && has(a)"),
    ({"c": "d"}, [{"key": "a", "operator": "DoesNotExist", "values": []}], f"{POD} && c == 'd' && !has(a)"),
]


def converted(data: dict[str, Any]) -> dict[str, Any]:
    """The spec it comes to, as it would be written."""
    made = read(data)
    assert isinstance(made, KubernetesNetworkPolicy | StagedKubernetesNetworkPolicy)
    return calico_spec(made.spec).model_dump(mode="json", by_alias=True, exclude_unset=True)


@pytest.mark.parametrize(("rule", "rules"), INGRESS)
def test_ingress_rules(rule: dict[str, Any], rules: list[dict[str, Any]]) -> None:
    assert converted(kubernetes(ingress=[rule]))["ingress"] == [{"action": "Allow", **made} for made in rules]


@pytest.mark.parametrize(("rule", "rules"), EGRESS)
def test_egress_rules(rule: dict[str, Any], rules: list[dict[str, Any]]) -> None:
    assert converted(kubernetes(egress=[rule]))["egress"] == [{"action": "Allow", **made} for made in rules]


@pytest.mark.parametrize(("labels", "expressions", "selector"), SELECTORS)
def test_pods_are_chosen_by_their_labels(
    labels: dict[str, str], expressions: list[dict[str, Any]], selector: str
) -> None:
    chosen = {"matchLabels": labels, "matchExpressions": expressions}
    assert converted(kubernetes(podSelector=chosen))["selector"] == selector


@pytest.mark.parametrize("key", ["in", "not", "has", "all", "global", "contains", "1", "1.a", "in/not", "A_b-c.d"])
def test_a_label_may_be_called_as_the_words_of_the_selector_language_are(key: str) -> None:
    expressions = [{"key": key, "operator": "NotIn", "values": ["in", "all"]}, {"key": key, "operator": "Exists"}]
    selector = {"matchLabels": {key: "not"}, "matchExpressions": expressions}
    made = read(kubernetes(podSelector=selector, ingress=[{"from": [{"namespaceSelector": selector}]}]))
    assert isinstance(made, KubernetesNetworkPolicy)
    chosen = calico_spec(made.spec).selector
    assert chosen is not None
    assert chosen.expression is not None
    assert chosen.expression.matches({"projectcalico.org/orchestrator": "k8s", key: "not"})


def test_where_it_stands() -> None:
    made = read(kubernetes(podSelector={}, policyTypes=["Egress"]))
    assert isinstance(made, KubernetesNetworkPolicy)
    spec = calico_spec(made.spec)
    assert (spec.tier, spec.order, spec.types) == ("default", 1000.0, (PolicyType.EGRESS,))
    assert (spec.ingress, spec.egress) == ((), ())


def test_a_preview_is_converted_in_the_same_way() -> None:
    spec: dict[str, Any] = {"podSelector": {}, "ingress": [{"from": [WEB]}]}
    assert converted(policy("StagedKubernetesNetworkPolicy", **spec)) == converted(kubernetes(**spec))
