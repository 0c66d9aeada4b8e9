"""`dnsguard get --stats`."""

import json
from collections.abc import Callable

import pytest
import yaml

from dnsguard.cli.counted import rule_lines
from dnsguard.resources import KINDS, kind_named
from tests.unit.cli.conftest import Api, Run
from tests.unit.cli.manifests import ALL

Write = Callable[[str, str], str]

OTHER = """
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: idle, namespace: shop}
spec: {egress: [{action: Allow}]}
"""


@pytest.fixture(autouse=True)
def stocked(api: Api, run: Run, write: Write) -> Api:
    assert run("apply", "-f", write("all.yaml", ALL), "-f", write("other.yaml", OTHER))[0] == 0
    return api


def cells(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()]


def without_age(out: str) -> list[list[str]]:
    return [line[:-1] for line in cells(out)]


def test_what_each_policy_did_and_what_of_it_never_matched(run: Run) -> None:
    code, out, _ = run("get", "np", "-A", "--stats")
    assert code == 0
    assert without_age(out) == [
        ["NAMESPACE", "NAME", "TIER", "RULES", "UNMATCHED", "ALLOWED", "DENIED", "PASSED", "LOGGED"],
        ["shop", "idle", "default", "-", "-", "-", "-", "-", "-"],
        ["shop", "security.partners", "security", "2", "1", "7", "0", "0", "0"],
    ]
    (_, _, wide) = cells(run("get", "np", "-n", "shop", "--stats", "-o", "wide")[1])
    assert wide[1:9] == ["security", "2", "1", "7", "420", "0", "0", "0"]


def test_each_rule_of_one_policy(run: Run) -> None:
    code, out, _ = run("get", "np", "security.partners", "-n", "shop", "--stats")
    assert code == 0
    head, _, rules = out.partition("\n\n")
    assert cells(head)[1][:5] == ["security.partners", "security", "2", "1", "7"]
    title, *lines = cells(rules)
    assert title == ["DIRECTION", "RULE", "ACTION", "PACKETS", "BYTES", "MATCHES"]
    assert [line[:5] for line in lines] == [["egress", "0", "Allow", "7", "420"]]


def test_a_policy_that_is_in_force_for_nobody_has_its_rules_shown_and_no_counts(run: Run) -> None:
    _, rules = run("get", "np", "idle", "-n", "shop", "--stats")[1].split("\n\n")
    assert cells(rules)[1] == ["egress", "0", "Allow", "-", "-", "everything"]


def test_tiers_and_their_ends(run: Run) -> None:
    lines = {line[0]: line[1:-1] for line in cells(run("get", "tiers", "--stats")[1])}
    assert lines["NAME"] == [
        "ORDER", "POLICIES", "ALLOWED", "DENIED", "PASSED", "LOGGED", "END-INGRESS", "END-EGRESS",
    ]  # fmt: skip
    assert lines["security"][1:] == ["1", "7", "0", "0", "0", "-", "3"]
    assert lines["default"][1:] == ["-"] * 7


def test_as_json_and_yaml_counts_stand_in_the_objects(run: Run) -> None:
    words = ("get", "np", "-n", "shop", "--stats", "-o")
    listed = json.loads(run(*words, "json")[1])
    assert yaml.safe_load(run(*words, "yaml")[1]) == listed
    stats = {item["metadata"]["name"]: item["stats"] for item in listed["items"]}
    assert stats["idle"] is None
    assert stats["security.partners"]["unmatched"] == 1
    assert [each["packets"] for each in stats["security.partners"]["rules"]] == [7, 0]
    assert listed["items"][0]["kind"] == "NetworkPolicy"


def test_a_rule_is_cut_where_the_table_is_not_wide() -> None:
    nets = [f"198.51.100.{number}/32" for number in range(20)]
    value = {"spec": {"ingress": [{"action": "Deny", "source": {"nets": nets}, "destination": {}}]}}
    kind = kind_named("gnp")
    cut, whole = (list(rule_lines(kind, value, wide=wide))[1][-1] for wide in (False, True))
    assert (len(cut), cut[-1]) == (72, "…")
    assert whole == f"source: {{nets: [{', '.join(nets)}]}}"


def test_of_kubernetes_policy_the_rules_that_it_comes_to_are_shown() -> None:
    (kind,) = (each for each in KINDS if each.collection == "networkpolicies.networking.k8s.io")
    value = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "a", "namespace": "shop"},
        "spec": {
            "podSelector": {},
            "ingress": [
                {"from": [{"ipBlock": {"cidr": f"198.51.100.{n}/32"}} for n in (1, 2)], "ports": [{"port": 80}]}
            ],
        },
        "stats": {"rules": [{"direction": "ingress", "rule": 1, "action": "Allow", "packets": 5, "bytes": 300}]},
    }
    _, *lines = rule_lines(kind, value, wide=True)
    assert [line[:5] for line in lines] == [
        ["ingress", "0", "Allow", "-", "-"],
        ["ingress", "1", "Allow", "5", "300"],
    ]
    assert "198.51.100.2/32" in lines[1][-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("np", "--stats", "-w"), "--stats and --watch exclude each other"),
        (("np", "--stats", "-o", "name"), "--stats and -o name exclude each other"),
        (("np,gns", "--stats"), "--stats: nothing is counted of globalnetworksets, but of networkpolicies, "),
    ],
)
def test_bad_usage(run: Run, words: tuple[str, ...], said: str) -> None:
    code, out, err = run("get", *words)
    assert (code, out) == (2, "")
    assert said in err
