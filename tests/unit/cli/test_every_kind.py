"""Every kind through the commands: applied, shown, checked, deleted."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from dnsguard.resources import KINDS, Kind
from tests.support.samples import SAMPLES
from tests.unit.cli.conftest import Run

Write = Callable[[str, str], str]


def called(kind: Kind) -> str:
    return kind.called(SAMPLES[kind.collection]["metadata"]["name"])


@pytest.fixture
def everything(write: Write) -> str:
    """A file with a sample of every kind, what refers to others first."""
    return write("all.yaml", yaml.safe_dump_all(SAMPLES[kind.collection] for kind in reversed(KINDS)))


@pytest.mark.usefixtures("api")
def test_every_kind_is_applied_in_order_shown_and_deleted(run: Run, everything: str) -> None:
    code, out, err = run("apply", "-f", everything)
    assert (code, out.splitlines()) == (0, [f"{called(kind)} created" for kind in KINDS])
    assert err.startswith("accesstoken.dnsguard.io/sample: its token, shown this once: ")
    assert err.splitlines()[1:] == [f"{len(KINDS)} created"]
    assert run("apply", "-f", everything)[1].splitlines() == [f"{called(kind)} unchanged" for kind in KINDS]
    for kind in KINDS:
        for name in (kind.collection, *kind.short_names):
            code, out, _ = run("get", name, "-A", "-l", "made", "-o", "yaml")
            (item,) = yaml.safe_load(out)["items"]
            assert (code, item["kind"], item["apiVersion"]) == (0, kind.kind, kind.api_version), name
            spec = item.get("spec")
            if kind.kind == "AccessToken":
                assert len(spec.pop("hash")) == 64, "the server has made it"
            assert spec == SAMPLES[kind.collection].get("spec")
    code, out, _ = run("delete", "-f", everything)
    assert (code, out.splitlines()) == (0, [f"{called(kind)} deleted" for kind in reversed(KINDS)])


TABLES = [
    # name, titles, cells; the age apart
    ("np", "NAME TIER ORDER TYPES SELECTOR ENFORCED", "sample default 5 Egress app == 'web' -"),
    ("sgnp", "NAME ACTION TIER ORDER TYPES SELECTOR", "sample Learn default 5 Egress app == 'web'"),
    ("snp", "NAME ACTION TIER ORDER TYPES SELECTOR", "sample Delete default - - -"),
    ("sknp", "NAME ACTION POD-SELECTOR TYPES", "sample Set role=db Ingress,Egress"),
    ("knp", "NAME POD-SELECTOR TYPES ENFORCED", "sample role=db Ingress,Egress -"),
    ("networkpolicies.networking.k8s.io", "NAME POD-SELECTOR TYPES ENFORCED", "sample role=db Ingress,Egress -"),
    ("felixconfigurations", "NAME FIELDS ENFORCED", "default dnsExtraTTL,dnsPolicyMode -"),
]


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(("name", "titles", "cells"), TABLES, ids=[row[0] for row in TABLES])
def test_a_table_shows_what_matters_of_the_kind(run: Run, everything: str, name: str, titles: str, cells: str) -> None:
    run("apply", "-f", everything)
    shown = [line.split()[:-1] for line in run("get", name)[1].splitlines()]
    assert shown == [titles.split(), cells.split()]


SELECTORS = [
    ({}, "<all>"),
    ({"matchLabels": {}}, "<all>"),
    ({"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
    (
        {
            "matchLabels": {"a": "1"},
            "matchExpressions": [
                {"key": "b", "operator": "In", "values": ["x", "y"]},
                {"key": "c", "operator": "NotIn", "values": ["z"]},
                {"key": "d", "operator": "Exists"},
                {"key": "e", "operator": "DoesNotExist"},
            ],
        },
        "a=1,b in (x,y),c notin (z),d,!e",
    ),
]


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(("selector", "text"), SELECTORS)
def test_the_pods_of_a_kubernetes_policy_stand_in_one_word(
    run: Run, write: Write, selector: dict[str, Any], text: str
) -> None:
    policy = {**SAMPLES["networkpolicies.networking.k8s.io"], "spec": {"podSelector": selector}}
    run("apply", "-f", write("policy.yaml", yaml.safe_dump(policy)))
    assert f"sample {text} Ingress " in " ".join(run("get", "knp")[1].split())


def test_every_kind_is_checked_without_a_server(run: Run, everything: str) -> None:
    assert run("validate", "-f", everything) == (0, f"{len(KINDS)} objects in 1 file: all good\n", "")


def test_one_name_in_two_groups_is_no_repetition(run: Run, write: Write) -> None:
    both = [SAMPLES["networkpolicies"], SAMPLES["networkpolicies.networking.k8s.io"]]
    assert run("validate", "-f", write("both.yaml", yaml.safe_dump_all(both)))[0] == 0
    twice = [both[1], {**both[1], "spec": {"podSelector": {}}}]
    code, _, err = run("validate", "-f", write("twice.yaml", yaml.safe_dump_all(twice)))
    assert code == 2
    assert "the same object stands in" in err


def test_rendered_are_the_rules_that_are_in_force_and_nothing_staged(run: Run, write: Write) -> None:
    endpoint = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "WorkloadEndpoint",
        "metadata": {"name": "db", "labels": {"role": "db", "app": "web"}},
        "spec": {"orchestrator": "k8s", "interfaceName": "cali2", "ipNetworks": ["192.0.2.9"]},
    }
    names = ("networkpolicies.networking.k8s.io", "stagedglobalnetworkpolicies", "felixconfigurations")
    staged, felix = SAMPLES[names[1]], {**SAMPLES[names[2]], "spec": {"failsafeInboundHostPorts": []}}
    manifests = [endpoint, SAMPLES[names[0]], {**staged, "metadata": {"name": "lockdown"}}, felix]
    code, out, err = run("render", "-f", write("all.yaml", yaml.safe_dump_all(manifests)), "--node-name", "n")
    assert (code, err) == (0, "")
    assert "172.17.0.0/16" in out
    assert "lockdown" not in out


def test_a_bad_object_of_every_kind_names_its_field(run: Run, write: Write) -> None:
    for kind in KINDS:
        sample = {**SAMPLES[kind.collection], "spec": {"nosuch": 1}}
        code, _, err = run("validate", "-f", write("bad.yaml", yaml.safe_dump(sample)))
        field = "spec.nosuch" if "spec" in kind.model.model_fields else "spec"
        assert (code, f"{field}: unknown field" in err) == (2, True), (kind.collection, err)
