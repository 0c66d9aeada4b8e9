"""Staged policies: what they may say, and what a deletion may not."""

from typing import Any

import pytest

from dnsguard.resources import (
    Policy,
    StagedAction,
    StagedGlobalNetworkPolicy,
    StagedNetworkPolicy,
    parse_object,
    to_dict,
    warnings,
)
from tests.unit.resources.objects import codes, faults, obj, policy, read

KINDS = ("StagedNetworkPolicy", "StagedGlobalNetworkPolicy")
ALLOW = [{"action": "Allow"}]

BAD: list[tuple[str, dict[str, Any], set[tuple[str, str]]]] = [
    # kind, spec, (field, code)
    ("StagedNetworkPolicy", {"stagedAction": "set"}, {("spec.stagedAction", "type")}),
    ("StagedNetworkPolicy", {"stagedAction": None}, {("spec.stagedAction", "null")}),
    ("StagedNetworkPolicy", {"stagedAction": 1}, {("spec.stagedAction", "type")}),
    ("StagedNetworkPolicy", {"stagedAction": "Delete", "order": 0}, {("spec.order", "V-16")}),
    ("StagedNetworkPolicy", {"stagedAction": "Delete", "types": ["Ingress"]}, {("spec.types", "V-16")}),
    (
        "StagedGlobalNetworkPolicy",
        {"stagedAction": "Delete", "preDNAT": True, "selector": "all()"},
        {("spec.preDNAT", "V-16"), ("spec.selector", "V-16")},
    ),
    (
        "StagedNetworkPolicy",
        {"stagedAction": "Delete", "ingress": [{"action": "x"}]},
        {("spec.ingress[0].action", "V-30")},
    ),
    # what the enforced kind refuses
    ("StagedNetworkPolicy", {"applyOnForward": True}, {("spec.applyOnForward", "D-01")}),
    ("StagedNetworkPolicy", {"types": ["Ingress", "Ingress"]}, {("spec.types", "V-09")}),
    ("StagedNetworkPolicy", {"ingress": ALLOW * 1025}, {("spec.ingress", "V-10")}),
    ("StagedGlobalNetworkPolicy", {"doNotTrack": True}, {("spec.applyOnForward", "V-12")}),
    (
        "StagedGlobalNetworkPolicy",
        {"stagedAction": "Ignore", "preDNAT": True, "applyOnForward": True, "egress": ALLOW},
        {("spec.egress", "V-13")},
    ),
    ("StagedNetworkPolicy", {"selector": "global()"}, {("spec.selector", "V-21")}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "spec", "found"), BAD)
def test_bad_specs(kind: str, spec: dict[str, Any], found: set[tuple[str, str]]) -> None:
    assert faults(policy(kind, **spec)) == found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("written", "meant"), [({}, "Set"), ({"stagedAction": ""}, "Set"), ({"stagedAction": "Learn"}, "Learn")]
)
def test_the_action_is_set_unless_something_else_is_written(kind: str, written: dict[str, str], meant: str) -> None:
    made = to_dict(read(policy(kind, **written, egress=ALLOW)))
    assert made["spec"]["stagedAction"] == meant
    assert made["spec"]["types"] == ["Egress"]
    assert made["metadata"]["labels"] == {
        "projectcalico.org/tier": "default",
        "projectcalico.org/spec.stagedAction": meant,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_deletion_has_no_types(kind: str) -> None:
    data = policy(kind, stagedAction="Delete", tier="security", types=[], selector="", ingress=[])
    made = read(data)
    assert isinstance(made, StagedNetworkPolicy | StagedGlobalNetworkPolicy)
    assert made.spec.staged_action is StagedAction.DELETE
    assert made.spec.types == ()
    assert made.tier == "security"
    assert warnings(made) == ()
    written = to_dict(made)
    assert "types" not in written["spec"]
    assert parse_object(written) == made


def test_staged_policies_are_policies_of_their_own() -> None:
    staged = read(policy("StagedGlobalNetworkPolicy"))
    assert isinstance(staged, Policy)
    assert staged.kind == "StagedGlobalNetworkPolicy"
    assert staged.spec != read(policy("GlobalNetworkPolicy"))


@pytest.mark.parametrize(
    ("kind", "name", "found"),
    [
        ("StagedNetworkPolicy", "a.b", set()),
        ("StagedNetworkPolicy", "knp.default.a.b", set()),
        ("StagedNetworkPolicy", "a.b.c", {"V-02"}),
        ("StagedGlobalNetworkPolicy", "a.b", set()),
        ("StagedGlobalNetworkPolicy", "knp.default.a", {"V-03"}),
    ],
)
def test_names(kind: str, name: str, found: set[str]) -> None:
    assert codes(obj(kind, {}, name)) == found


def test_a_staged_policy_is_warned_about_as_its_enforced_kind_is() -> None:
    rule = {"action": "Allow", "destination": {"notSelector": "a == 'b'"}}
    namespaced = warnings(read(policy("StagedNetworkPolicy", egress=[rule])))
    assert len(namespaced) == 1
    assert warnings(read(policy("StagedGlobalNetworkPolicy", egress=[rule]))) == ()
