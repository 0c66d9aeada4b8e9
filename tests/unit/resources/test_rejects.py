"""The published objects to reject (N01 …), as far as one object alone shows what is wrong with it."""

from typing import Any

import pytest

from dnsguard.resources import parse_object, warnings
from dnsguard.resources.references import deletion_causes, reference_causes, reference_warnings
from tests.conformance.data_files import load
from tests.unit.resources.objects import codes, egress, faults, ingress, obj, policy, read, to

NET = "10.0.0.0/8"
DOMAINS = ["a.com"]

# id, object, code; None where the object is good
ROWS: list[tuple[str, dict[str, Any], str | None]] = [
    ("N01", to({"ports": [443]}), "V-32"),
    ("N02", to({"ports": ["443"], "domains": DOMAINS}), "V-32"),
    ("N03", to({"ports": ["dns"]}), None),
    ("N04", to({"ports": [1]}, protocol="ICMP"), "V-33"),
    ("N05", egress({"protocol": "tcp"}), "V-31"),
    ("N06", to({"ports": [1]}, protocol="UDPLite"), "V-33"),
    *[("N07", to({"ports": [port]}, protocol="TCP"), "V-48") for port in ("10:1", 0, 65536, "1:2:3")],
    ("N08", to({"ports": ["1000:2000", 443, "8443", "https"]}, protocol="TCP"), None),
    ("N09", ingress({"source": {"domains": DOMAINS}}), "V-50"),
    ("N09", ingress({"destination": {"domains": DOMAINS}}), "V-50"),
    ("N10", to({"domains": DOMAINS}, action="Deny"), "V-51"),
    ("N11", to({"domains": DOMAINS}, action="Log"), "V-51"),
    ("N11", to({"domains": DOMAINS}, action="Pass"), "V-51"),
    ("N12", to({"domains": DOMAINS, "nets": [NET]}), "V-52"),
    ("N13", to({"domains": DOMAINS, "selector": "color == 'red'"}), "V-52"),
    ("N14", to({"domains": DOMAINS, "namespaceSelector": "all()"}), "V-55"),
    ("N15", to({"domains": DOMAINS, "notNets": [NET]}), None),
    ("N16", egress({"source": {"selector": "app == 'x'"}, "destination": {"domains": DOMAINS}}), None),
    ("N17", to({"nets": ["10.0.0.1/8"]}), "V-40"),
    ("N18", to({"nets": ["10.0.0.1"]}), "V-40"),
    ("N19", obj("NetworkSet", {"nets": ["10.0.0.1", "10.1.2.3/8"]}), None),
    ("N20", obj("NetworkSet", {"nets": [NET, NET]}), "V-18"),
    ("N21", to({"nets": [NET, "2001:db8::/32"]}), "V-39"),
    ("N22", to({"nets": ["2001:db8::/32"]}, ipVersion=4), "V-38"),
    ("N23", to({"notNets": ["0.0.0.0/0"]}), "V-41"),
    ("N24", to({"selector": "color = 'red'"}), "V-42"),
    ("N25", to({"selector": "color == red"}), "V-42"),
    ("N26", to({"selector": "has (color)"}), "V-42"),
    ("N27", policy(selector="global()"), "V-21"),
    ("N27", to({"selector": "global()"}), "V-43"),
    ("N28", to({"namespaceSelector": "global() && all()"}), "V-44"),
    ("N29", policy("GlobalNetworkPolicy", doNotTrack=True), "V-12"),
    ("N30", policy("GlobalNetworkPolicy", doNotTrack=True, preDNAT=True), "V-11"),
    ("N31", policy("GlobalNetworkPolicy", preDNAT=True, applyOnForward=True, types=["Egress"]), "V-14"),
    ("N32", policy("NetworkPolicy", applyOnForward=True), "D-01"),
    ("N34", policy(types=["Ingress", "Ingress"]), "V-09"),
    ("N34", policy(types=["ingress"]), "V-09"),
    ("N35", obj("GlobalNetworkPolicy", {}, "a.b.c"), "V-03"),
    ("N36", obj("NetworkPolicy", {}, "Allow-Web"), "V-02"),
    (
        "N37",
        policy("StagedNetworkPolicy", stagedAction="Delete", egress=[{"action": "Allow"}]),
        "V-16",
    ),
    ("N39", obj("Tier", {}, "my.tier"), "V-04"),
    ("N40", obj("Tier", {"order": 10}, "default"), "V-22"),
    ("N42", obj("HostEndpoint", {"interfaceName": "eth0"}), "V-25"),
    ("N43", obj("HostEndpoint", {"node": "node-a"}), "V-26"),
    ("N44", obj("NetworkSet", {}, labels={"projectcalico.org/namespace": "x"}), "V-06"),
    ("N45", obj("NetworkSet", {}, labels={"trusted": True}), "D-03"),
    ("N46", egress({"destination": {"services": {"name": "web"}}}, "GlobalNetworkPolicy"), "V-15"),
    ("N47", to({"services": {"name": "web"}, "ports": ["http"]}), "V-47"),
    ("N48", to({"namespaceSelector": "projectcalico.org/namespace == 'x'"}), None),
    ("N49", obj("NetworkPolicy", {"tier": "default"}, "security.egress-dev1"), None),
]

ELSEWHERE = {
    "N33": "needs the tiers there are: test_a_policy_needs_its_tier",
    "N38": "has no code: test_an_unknown_staged_action_is_refused",
    "N41": "needs the policies there are: test_a_tier_that_holds_policies_stays",
}


@pytest.mark.parametrize(("row", "data", "code"), ROWS, ids=[row[0] for row in ROWS])
def test_published_rows(row: str, data: dict[str, Any], code: str | None) -> None:
    found = codes(data)
    assert code in found if code else not found, row


def test_every_published_row_is_here_or_has_a_reason() -> None:
    published = {row["id"]: row["result"] for row in load("rejects.yaml")}
    assert {row[0] for row in ROWS} | set(ELSEWHERE) == set(published)
    assert not {row[0] for row in ROWS} & set(ELSEWHERE)
    for row, _, code in ROWS:
        assert (code or "") in published[row], row
        if code is None:
            assert published[row].startswith(("ok", "warning")), row


def test_a_namespace_label_in_a_namespace_selector_is_warned_about() -> None:
    found = warnings(read(to({"namespaceSelector": "projectcalico.org/namespace == 'x'"})))
    assert len(found) == 1
    assert "spec.egress[0].destination.namespaceSelector" in found[0]
    assert "D-07" in found[0]


def test_a_name_that_names_another_tier_is_warned_about() -> None:
    named = parse_object(obj("NetworkPolicy", {"tier": "default"}, "security.egress-dev1"))
    assert "D-02" in reference_warnings(named, {"default", "security"})[0]
    assert reference_warnings(named, {"default"}) == ()


def test_a_policy_needs_its_tier() -> None:
    for kind in ("NetworkPolicy", "GlobalNetworkPolicy", "StagedNetworkPolicy", "StagedGlobalNetworkPolicy"):
        stray = read(policy(kind, tier="nosuchtier"))
        causes = reference_causes(stray, {"default"})
        assert [(cause.field, cause.code) for cause in causes] == [("spec.tier", "V-08")]
        assert reference_causes(stray, {"default", "nosuchtier"}) == ()


def test_a_tier_that_holds_policies_stays() -> None:
    tier = read(obj("Tier", {}, "security"))
    outside = [read(policy()), read(policy("StagedNetworkPolicy"))]
    assert deletion_causes(tier, outside) == ()
    for kind in ("NetworkPolicy", "GlobalNetworkPolicy", "StagedNetworkPolicy", "StagedGlobalNetworkPolicy"):
        inside = read(policy(kind, tier="security"))
        assert [cause.code for cause in deletion_causes(tier, [*outside, inside])] == ["V-23"]


def test_an_unknown_staged_action_is_refused() -> None:
    assert faults(policy("StagedNetworkPolicy", stagedAction="Remove")) == {("spec.stagedAction", "type")}
