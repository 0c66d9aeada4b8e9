"""Warnings: what is valid and probably not meant."""

from typing import Any

import pytest

from dnsguard.resources import warnings
from tests.unit.resources.objects import egress, obj, policy, read, to

WARNED: list[tuple[dict[str, Any], str, str]] = [
    # object, field, what is said
    (to({"nets": []}), "spec.egress[0].destination.nets", "matches nothing"),
    (to({"domains": []}), "spec.egress[0].destination.domains", "matches nothing"),
    (to({"ports": []}), "spec.egress[0].destination.ports", "matches nothing"),
    (to({"notNets": []}), "spec.egress[0].destination.notNets", "excludes nothing"),
    (egress({"source": {"notPorts": []}}), "spec.egress[0].source.notPorts", "excludes nothing"),
    (policy(types=[]), "spec.types", "inferred"),
    (policy(egress=[]), "spec.egress", "allows nothing"),
    (policy(ingress=[], egress=[{"action": "Allow"}]), "spec.ingress", "allows nothing"),
    (policy(types=["Ingress"], egress=[{"action": "Allow"}]), "spec.egress", "ignored"),
    (to({"selector": " "}), "spec.egress[0].destination.selector", "restricts nothing"),
    (to({"serviceAccounts": {"names": []}}), "spec.egress[0].destination.serviceAccounts.names", "matches nothing"),
    (to({"serviceAccounts": {}}), "spec.egress[0].destination.serviceAccounts", "restricts nothing"),
    (to({"serviceAccounts": {"selector": ""}}), "spec.egress[0].destination.serviceAccounts", "restricts nothing"),
    (to({"domains": ["www.mycompany.*"]}), "spec.egress[0].destination.domains[0]", "www.mycompany.*"),
    (to({"domains": ["a.com", "A.com."]}), "spec.egress[0].destination.domains[1]", "same domain as item 0"),
    (
        to({"domains": ["a.com"], "ports": [443, "https"]}, protocol="TCP"),
        "spec.egress[0].destination.ports[1]",
        "write the number",
    ),
    (to({"notSelector": "a == 'b'"}), "spec.egress[0].destination.notSelector", "not addresses outside"),
    (to({"selector": "projectcalico.org/name == 'x'"}), "spec.egress[0].destination.selector", "D-07"),
    (policy(selector="a == 'b' && !has(projectcalico.org/name)"), "spec.selector", "D-07"),
    (
        policy("GlobalNetworkPolicy", namespaceSelector="projectcalico.org/namespace in {'a'}"),
        "spec.namespaceSelector",
        "D-07",
    ),
    (obj("NetworkSet", {"nets": [], "allowedEgressDomains": []}), "spec", "matches nothing"),
    (obj("NetworkSet", {"nets": ["10.1.2.3/8"]}), "spec.nets[0]", "means 10.0.0.0/8"),
    (obj("NetworkSet", {"nets": ["2001:DB8:1::5/32"]}), "spec.nets[0]", "means 2001:db8::/32"),
    (obj("GlobalNetworkSet", {"allowedEgressDomains": ["a.*"]}), "spec.allowedEgressDomains[0]", "a.*"),
    (obj("WorkloadEndpoint", {"interfaceName": "cali0"}), "spec.ipNetworks", "dropped"),
    (
        obj("WorkloadEndpoint", {"interfaceName": "c", "ipNetworks": ["::1"], "qosControls": {"ingressBurst": 1}}),
        "spec.qosControls",
        "no effect",
    ),
    (
        obj("WorkloadEndpoint", {"interfaceName": "c", "ipNetworks": ["::1"], "allowSpoofedSourcePrefixes": ["::/0"]}),
        "spec.allowSpoofedSourcePrefixes",
        "no effect",
    ),
    (
        obj("WorkloadEndpoint", {"interfaceName": "cali0", "ipNetworks": ["::1"]}, labels={"pcns.a": "b"}),
        "metadata.labels[pcns.a]",
        "ignored",
    ),
    (obj("HostEndpoint", {"node": "n", "interfaceName": "*"}), "spec.expectedIPs", "ever matches"),
    (
        obj(
            "HostEndpoint",
            {"node": "n", "expectedIPs": ["::1"], "ports": [{"name": "a", "protocol": "TCP", "port": 1}] * 2},
        ),
        "spec.ports",
        "more than once",
    ),
    (
        obj("Profile", {"egress": [{"action": "Allow", "destination": {"nets": []}}]}),
        "spec.egress[0].destination.nets",
        "nothing",
    ),
]


@pytest.mark.parametrize(("data", "field", "said"), WARNED)
def test_warned_about(data: dict[str, Any], field: str, said: str) -> None:
    (warning,) = warnings(read(data))
    assert warning.startswith(f"{field}: ")
    assert said in warning


QUIET = [
    to({"nets": ["10.0.0.0/8"], "ports": ["dns"]}),
    to({"domains": ["*.example.org"], "notNets": ["10.0.0.0/8"]}),
    to({"selector": "a == 'b'", "notSelector": "c == 'd'"}),
    egress({"destination": {"notSelector": "a == 'b'"}}, "GlobalNetworkPolicy"),
    to({"namespaceSelector": "projectcalico.org/name == 'x'"}),
    policy(types=["Ingress", "Egress"]),
    # whether they select a workload, which they do not affect, shows when they are compiled
    policy("GlobalNetworkPolicy", doNotTrack=True, applyOnForward=True),
    policy("GlobalNetworkPolicy", preDNAT=True, applyOnForward=True),
    policy("GlobalNetworkPolicy", applyOnForward=True),
    obj("NetworkSet", {"nets": ["192.0.2.1", "10.0.0.0/8", "2001:DB8::/32", "::"]}),
    obj("Tier"),
    obj("Namespace"),
]


@pytest.mark.parametrize("data", QUIET)
def test_nothing_to_say(data: dict[str, Any]) -> None:
    assert warnings(read(data)) == ()
