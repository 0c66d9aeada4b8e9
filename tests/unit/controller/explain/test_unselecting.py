"""Policies that would allow and do not select: by manifests, since it is selectors as written that matter."""

from ipaddress import ip_address
from typing import Any

import pytest

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Direction, EndpointId
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.matching import nothing_leased
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.calc.staging import View
from dnsguard.controller.explain.unselecting import Unselecting, compile_idle, unselecting
from dnsguard.controller.explain.written import Written
from dnsguard.resources import parse_object

CART = EndpointId("WorkloadEndpoint", "shop", "cart")
GATEWAY = EndpointId("HostEndpoint", "", "gw")
PACKET = Packet(ip_address("10.0.0.7"), ip_address("192.0.2.9"), 6, 40000, 443)
Json = dict[str, Any]


def thing(kind: str, name: str, spec: Json, namespace: str = "", **labels: str) -> Json:
    version = {"Namespace": "v1", "KubernetesNetworkPolicy": "networking.k8s.io/v1"}.get(kind, "projectcalico.org/v3")
    metadata: Json = {"name": name, "labels": labels} | ({"namespace": namespace} if namespace else {})
    found = {"apiVersion": version, "kind": kind.removeprefix("Kubernetes"), "metadata": metadata}
    return found if kind == "Namespace" else {**found, "spec": spec}


def allowing(kind: str, name: str, namespace: str = "", **spec: Any) -> Json:
    return thing(kind, name, {"types": ["Egress"], "egress": [{"action": "Allow"}], **spec}, namespace)


BASE = [
    thing("Namespace", "shop", {}, env="test"),
    thing("WorkloadEndpoint", "cart", {"interfaceName": "cali1", "ipNetworks": ["10.0.0.7"]}, "shop", app="cart"),
    thing("HostEndpoint", "gw", {"interfaceName": "eth0", "expectedIPs": ["10.0.0.7"], "node": "here"}, role="gate"),
    thing("Tier", "late", {"order": 2_000_000}),
    thing("Tier", "early", {"order": 1}),
    allowing("GlobalNetworkPolicy", "closed", selector="all()", egress=[]),
]


def found(
    *more: Json, endpoint: EndpointId = CART, view: View = View.ENFORCED, base: list[Json] = BASE
) -> list[Unselecting]:
    resources = [parse_object(each) for each in (*base, *more)]
    compiled = compile_policy(resources, view=view)
    written = Written(resources, view)
    judgement = Evaluator(compiled).judge(endpoint, Direction.EGRESS, PACKET)
    idle = compile_idle(written, compiled)
    return list(unselecting(judgement, PACKET, compiled, idle, nothing_leased, written))


@pytest.mark.parametrize(
    ("policy", "missing"),
    [
        (
            allowing("NetworkPolicy", "p", "shop", selector="app == 'web'"),
            ("it asks for app == \"web\", but shop/cart has app = 'cart'",),
        ),
        (
            allowing("NetworkPolicy", "p", "shop", selector="app == 'cart' && has(tier) && zone in {'a'}"),
            (
                "it asks for has(tier), but shop/cart has no such label",
                'it asks for zone in {"a"}, but shop/cart has no such label',
            ),
        ),
        (
            allowing("NetworkPolicy", "p", "other", selector="all()"),
            ("it is for namespace other, but shop/cart is in shop",),
        ),
        (
            allowing("GlobalNetworkPolicy", "p", namespaceSelector="env == 'prod'", selector="app == 'cart'"),
            ('it asks for pcns.env == "prod", but the namespace of shop/cart has no such label',),
        ),
        (
            allowing("GlobalNetworkPolicy", "p", selector="app == 'x' || app == 'y'"),
            ('it asks for (app == "x" || app == "y"), but shop/cart does not meet that',),
        ),
        (
            allowing("GlobalNetworkPolicy", "p", selector="app != 'cart'"),
            ("it asks for app != \"cart\", but shop/cart has app = 'cart'",),
        ),
        (
            allowing("GlobalNetworkPolicy", "p", selector="app not in {'cart'}"),
            ("it asks for app not in {\"cart\"}, but shop/cart has app = 'cart'",),
        ),
    ],
)
def test_what_is_missing_is_named(policy: Json, missing: tuple[str, ...]) -> None:
    (only,) = found(policy)
    assert (only.missing, only.rule, only.tier) == (missing, 0, "default")


def test_labels_of_the_namespace_are_called_so() -> None:
    spec = {"interfaceName": "cali1", "ipNetworks": ["10.0.0.7"], "profiles": ["kns.shop"]}
    base = [each for each in BASE if each["kind"] != "WorkloadEndpoint"]
    policy = allowing("GlobalNetworkPolicy", "p", namespaceSelector="env == 'prod'")
    (only,) = found(policy, base=[*base, thing("WorkloadEndpoint", "cart", spec, "shop")])
    assert only.missing == ("it asks for pcns.env == \"prod\", but the namespace of shop/cart has pcns.env = 'test'",)


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(
            allowing("GlobalNetworkPolicy", "p", selector="x == 'y'", egress=[{"action": "Deny"}]), id="denies"
        ),
        pytest.param(
            allowing(
                "GlobalNetworkPolicy",
                "p",
                selector="x == 'y'",
                egress=[{"action": "Deny", "protocol": "TCP"}, {"action": "Allow"}],
            ),
            id="denies first",
        ),
        pytest.param(
            allowing("GlobalNetworkPolicy", "p", selector="x == 'y'", types=["Ingress"], egress=None),
            id="other direction",
        ),
        pytest.param(
            allowing("GlobalNetworkPolicy", "p", selector="x == 'y'", doNotTrack=True, applyOnForward=True),
            id="other stage",
        ),
        pytest.param(
            allowing("GlobalNetworkPolicy", "p", selector="x == 'y'", applyOnForward=True), id="meant for hosts"
        ),
        pytest.param(allowing("GlobalNetworkPolicy", "p", selector="x == 'y'", tier="late"), id="tier after the end"),
        pytest.param(allowing("GlobalNetworkPolicy", "p", selector="x == 'y'", tier="nowhere"), id="no such tier"),
        pytest.param(allowing("StagedGlobalNetworkPolicy", "p", selector="x == 'y'"), id="staged"),
    ],
)
def test_what_would_not_help_is_not_named(policy: Json) -> None:
    spec = {key: value for key, value in policy["spec"].items() if value is not None}
    assert found({**policy, "spec": spec}) == []


def test_a_staged_policy_counts_where_it_stands() -> None:
    (only,) = found(allowing("StagedGlobalNetworkPolicy", "p", selector="x == 'y'"), view=View.PENDING)
    assert str(only.policy) == "StagedGlobalNetworkPolicy/p"


def test_a_kubernetes_policy_is_named_too() -> None:
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"], "egress": [{}]}
    (only,) = found(thing("KubernetesNetworkPolicy", "k", spec, "shop"))
    assert str(only.policy) == "KubernetesNetworkPolicy/shop/k"
    assert "it asks for app == \"web\", but shop/cart has app = 'cart'" in only.missing


def test_the_least_is_missing_first_and_then_the_order_counts() -> None:
    names = [
        each.policy.name
        for each in found(
            allowing("GlobalNetworkPolicy", "much", selector="has(a) && has(b)", tier="early"),
            allowing("GlobalNetworkPolicy", "last", selector="has(a)"),
            allowing("GlobalNetworkPolicy", "first", selector="has(a)", order=5),
            allowing("GlobalNetworkPolicy", "more", selector="has(a) && has(b)", order=1),
        )
    ]
    assert names == ["first", "last", "much"]


def test_a_deny_lets_only_those_before_it_help() -> None:
    deny = allowing("GlobalNetworkPolicy", "deny", selector="all()", order=10, egress=[{"action": "Deny"}])
    before = allowing("GlobalNetworkPolicy", "before", selector="has(a)", order=9)
    after = allowing("GlobalNetworkPolicy", "after", selector="has(a)", order=11)
    assert [each.policy.name for each in found(deny, before, after)] == ["before"]


def test_a_tier_that_is_left_lets_only_those_before_the_pass_help() -> None:
    leave = allowing(
        "GlobalNetworkPolicy", "leave", selector="all()", order=10, tier="early", egress=[{"action": "Pass"}]
    )
    before = allowing("GlobalNetworkPolicy", "before", selector="has(a)", order=9, tier="early")
    after = allowing("GlobalNetworkPolicy", "after", selector="has(a)", order=11, tier="early")
    assert [each.policy.name for each in found(leave, before, after)] == ["before"]


def test_where_no_policy_applies_every_tier_may_help() -> None:
    late = allowing("GlobalNetworkPolicy", "late", selector="has(a)", tier="late")
    assert [each.policy.name for each in found(late, base=BASE[:-1])] == ["late"]


def test_policies_of_a_namespace_never_select_a_host() -> None:
    of_namespace = allowing("NetworkPolicy", "p", "shop", selector="all()")
    of_all = allowing("GlobalNetworkPolicy", "p", selector="role == 'other'")
    (only,) = found(of_namespace, of_all, endpoint=GATEWAY, base=BASE[:-1])
    assert only.missing == ("it asks for role == \"other\", but gw has role = 'gate'",)


def test_a_host_is_offered_what_is_for_hosts() -> None:
    (only,) = found(
        allowing("GlobalNetworkPolicy", "p", selector="role == 'other'", applyOnForward=True),
        endpoint=GATEWAY,
        base=BASE[:-1],
    )
    assert only.policy.name == "p"
