"""Effective selectors, row by row."""

from typing import Any

import pytest

from dnsguard.calc.scoping import entity_selectors, policy_selector
from dnsguard.resources import EntityRule, Policy, Resource
from tests.unit.calc.builders import global_policy, policy

IN_NS1 = 'projectcalico.org/namespace == "ns1"'
HAS_NS = "has(projectcalico.org/namespace)"
HAS_SA = "has(projectcalico.org/serviceaccount)"


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (policy("p", "ns1"), IN_NS1),
        (policy("p", "ns1", selector=""), IN_NS1),
        (policy("p", "ns1", selector="a == 'x' || has(b)"), f'((a == "x" || has(b)) && {IN_NS1})'),
        (policy("p", "ns1", selector="all()"), f"(all() && {IN_NS1})"),
        (policy("p", "ns1", serviceAccountSelector="r == 'x'"), f'({IN_NS1} && pcsa.r == "x")'),
        (policy("p", "ns1", selector="has(a)", serviceAccountSelector="all()"), f"((has(a) && {IN_NS1}) && all())"),
        (global_policy("p"), "all()"),
        (global_policy("p", selector="has(a)"), "has(a)"),
        (global_policy("p", namespaceSelector="env == 'x'"), 'pcns.env == "x"'),
        (global_policy("p", namespaceSelector="all()"), HAS_NS),
        (global_policy("p", selector="all()", namespaceSelector="has(env)"), f"({HAS_NS} && has(pcns.env))"),
        (global_policy("p", selector="has(a)", namespaceSelector="!has(env)"), "(has(a) && !has(pcns.env))"),
        (global_policy("p", serviceAccountSelector="all()"), HAS_SA),
        (global_policy("p", selector="all()", serviceAccountSelector="has(r)"), f"({HAS_SA} && has(pcsa.r))"),
        (
            global_policy("p", selector="all()", namespaceSelector="has(e)", serviceAccountSelector="has(r)"),
            f"(({HAS_NS} && has(pcns.e)) && has(pcsa.r))",
        ),
    ],
)
def test_which_endpoints_a_policy_applies_to(resource: Resource, expected: str) -> None:
    assert isinstance(resource, Policy)
    assert str(policy_selector(resource.spec, resource.namespace)) == expected


@pytest.mark.parametrize(
    ("entity", "namespaced", "in_global"),
    [
        ({}, None, None),
        ({"nets": ["192.0.2.0/24"], "ports": [53]}, None, None),
        ({"selector": "has(a)"}, f"({IN_NS1} && has(a))", "has(a)"),
        ({"selector": ""}, None, None),
        ({"selector": "all()"}, f"({IN_NS1} && all())", "all()"),
        ({"namespaceSelector": "all()"}, HAS_NS, HAS_NS),
        ({"namespaceSelector": "global()"}, f"!{HAS_NS}", f"!{HAS_NS}"),
        ({"selector": "has(a)", "namespaceSelector": "global()"}, f"(!{HAS_NS} && has(a))", f"(!{HAS_NS} && has(a))"),
        ({"selector": "all()", "namespaceSelector": "has(e)"}, "(has(pcns.e) && all())", "(has(pcns.e) && all())"),
        ({"notSelector": "has(a)"}, f"({IN_NS1} && !has(a))", "not has(a)"),
        ({"selector": "has(b)", "notSelector": "has(a)"}, f"(({IN_NS1} && has(b)) && !has(a))", "(has(b) && !has(a))"),
        ({"namespaceSelector": "all()", "notSelector": "has(a)"}, f"({HAS_NS} && !has(a))", f"({HAS_NS} && !has(a))"),
        (
            {"serviceAccounts": {"names": ["r", "q"]}},
            f'({IN_NS1} && projectcalico.org/serviceaccount in {{"q", "r"}})',
            'projectcalico.org/serviceaccount in {"q", "r"}',
        ),
        ({"serviceAccounts": {"selector": "all()"}}, f"({IN_NS1} && {HAS_SA})", HAS_SA),
        (
            {"serviceAccounts": {"names": ["r"], "selector": "has(x)"}, "selector": "has(a)"},
            f'({IN_NS1} && ((projectcalico.org/serviceaccount in {{"r"}} && has(pcsa.x)) && has(a)))',
            '((projectcalico.org/serviceaccount in {"r"} && has(pcsa.x)) && has(a))',
        ),
        (
            {"serviceAccounts": {"names": []}},
            f"({IN_NS1} && projectcalico.org/serviceaccount in {{}})",
            "projectcalico.org/serviceaccount in {}",
        ),
        ({"serviceAccounts": {}}, None, None),
    ],
)
def test_what_the_selectors_of_one_end_come_to(
    entity: dict[str, Any], namespaced: str | None, in_global: str | None
) -> None:
    for scope, expected in (("ns1", namespaced), ("", in_global)):
        found = entity_selectors(EntityRule.model_validate(entity), scope)
        assert found.positive is None or found.negative is None
        text = str(found.positive) if found.positive else f"not {found.negative}" if found.negative else None
        assert text == expected
