"""What one rule may say: a row for each thing it may not."""

from typing import Any

import pytest

from dnsguard.resources import Action, NetworkPolicy, parse_object
from tests.unit.resources.objects import codes, egress, faults, ingress, policy, read, to

GOOD: list[dict[str, Any]] = [
    egress({}),
    egress({"source": {}, "destination": {}}),
    egress({"protocol": 132, "destination": {"ports": [1]}}),
    egress({"protocol": "17", "destination": {"ports": ["dns"], "notPorts": ["1:2"]}}),
    egress({"protocol": "ICMP", "destination": {"ports": []}}),
    egress({"protocol": "ICMPv6", "icmp": {"type": 128, "code": 0}}),
    egress({"protocol": 1, "icmp": {}}),
    egress({"notICMP": {"type": 8}}),
    egress({"notProtocol": "ICMP", "ipVersion": 4}),
    egress({"ipVersion": 6, "destination": {"nets": ["2001:db8::/32"], "notNets": ["2001:db8:1::/48"]}}),
    egress({"metadata": {"annotations": {"Example.org/why": "because"}}}),
    to({"domains": ["*.example.org"], "ports": ["https"], "notPorts": ["dns"]}),
    to({"domains": []}),
    to({"namespaceSelector": " global( ) ", "selector": "a == 'b'"}),
    to({"serviceAccounts": {"names": ["web"], "selector": "a == 'b'"}}),
    to({"selector": ""}),
    ingress({"source": {"nets": ["192.0.2.1/32"], "notNets": []}}),
]

BAD_PROTOCOLS: list[object] = [0, 256, "0", "tcpfoo", "", True, 1.5, [], -1]

BAD: list[tuple[dict[str, Any], str, str]] = [
    # policy, field within the rule, code
    (egress({"action": "allow"}), "action", "V-30"),
    (egress({"action": None}), "action", "null"),
    (egress({"ipVersion": 5}), "ipVersion", "V-38"),
    (egress({"ipVersion": True}), "ipVersion", "V-38"),
    *((egress({"protocol": value}), "protocol", "V-31") for value in BAD_PROTOCOLS),
    (egress({"notProtocol": "udp"}), "notProtocol", "V-31"),
    (egress({"source": {"ports": [1]}}), "source.ports", "V-32"),
    (egress({"notProtocol": "TCP", "source": {"notPorts": ["1:2"]}}), "source.notPorts", "V-32"),
    (egress({"protocol": 7, "destination": {"notPorts": ["dns"]}}), "destination.notPorts", "V-33"),
    (egress({"icmp": {"type": 8}}), "icmp", "V-34"),
    (egress({"protocol": "TCP", "icmp": {}}), "icmp", "V-34"),
    (egress({"notICMP": {"code": 0}}), "notICMP.code", "V-35"),
    (egress({"notICMP": {"type": 255}}), "notICMP.type", "V-35"),
    (egress({"protocol": "ICMP", "icmp": {"type": 3, "code": 256}}), "icmp.code", "V-35"),
    (egress({"protocol": "ICMP", "ipVersion": 6}), "protocol", "V-36"),
    (egress({"notProtocol": 58, "ipVersion": 4}), "notProtocol", "V-36"),
    (egress({"http": {"methods": ["GET"]}}), "http", "D-13"),
    (egress({"http": {}}), "http", "V-37"),
    (egress({"source": {"nets": ["192.0.2.0/24"]}, "destination": {"nets": ["::/0"]}}), "destination.nets[0]", "V-39"),
    (egress({"ipVersion": 6, "source": {"notNets": ["192.0.2.0/24"]}}), "source.notNets[0]", "V-38"),
    *((to({"nets": [net]}), "destination.nets[0]", "V-40") for net in ("x", "", "10.0.0.0/33", "10.0.0.0/255.0.0.0")),
    *((to({"nets": [net]}), "destination.nets[0]", "V-40") for net in ("fe80::1%eth0/64", "10.0.0.0/", "::1")),
    (to({"nets": [80]}), "destination.nets[0]", "type"),
    (to({"nets": "10.0.0.0/8"}), "destination.nets", "type"),
    (to({"nets": None}), "destination.nets", "null"),
    (to({"nets": ["10.0.0.0/8", "10.0.0.0/8"]}), "destination.nets[1]", "duplicate"),
    (to({"notNets": ["0::/0"]}), "destination.notNets[0]", "V-41"),
    (to({"nets": [f"10.0.{i}.0/24" for i in range(256)] + ["192.0.2.0/24"]}), "destination.nets", "limit"),
    (to({"ports": list(range(1, 52))}, protocol="TCP"), "destination.ports", "limit"),
    (to({"notSelector": "a ="}), "destination.notSelector", "V-42"),
    (to({"serviceAccounts": {"selector": "a ="}}), "destination.serviceAccounts.selector", "V-42"),
    (to({"selector": "a == '" + "x" * 1024 + "'"}), "destination.selector", "V-42"),
    (to({"selector": 'a == "global("'}), "destination.selector", "V-43"),
    (to({"namespaceSelector": "!global()"}), "destination.namespaceSelector", "V-44"),
    (to({"namespaceSelector": "(global())"}), "destination.namespaceSelector", "V-44"),
    (to({"services": {"namespace": "x"}}), "destination.services.name", "V-45"),
    (to({"services": {"name": "x" * 254, "namespace": "y"}}), "destination.services.name", "V-45"),
    (to({"services": {"name": "x"}, "notNets": ["10.0.0.0/8"]}), "destination.services", "V-45"),
    (to({"services": {"name": "x", "namespace": "y"}}), "destination.services", "D-12"),
    (egress({"source": {"services": {"name": "x"}}}), "source.services", "V-46"),
    *((to({"ports": [port]}, protocol="TCP"), "destination.ports[0]", "V-48") for port in ("*", "a b", -1, True, "-a")),
    *(
        (to({"ports": [port]}, protocol="TCP"), "destination.ports[0]", "V-48")
        for port in ("-1:5", "0:65536", None, "a--b")
    ),
    (to({"domains": ["a.com", "*.*.b"]}), "destination.domains[1]", "V-53a"),
    (to({"domains": ["www.g*.com"]}), "destination.domains[0]", "V-53b"),
    (to({"domains": ["*"]}), "destination.domains[0]", "V-53c"),
    (to({"domains": [80]}), "destination.domains[0]", "type"),
    (to({"domains": "a.com"}), "destination.domains", "type"),
    (to({"domains": ["a.com"] * 10_001}), "destination.domains", "D-19"),
    (to({"domains": ["a.com"], "services": {"name": "x"}}), "destination.domains", "V-54"),
    (to({"domains": ["a.com"], "serviceAccounts": {"names": ["x"]}}), "destination.domains", "V-55"),
    (to({"domains": ["a.com"], "notSelector": "all()"}), "destination.domains", "V-55"),
    (to({"domain": ["a.com"]}), "destination.domain", "D-01"),
    (egress({"source": []}), "source", "type"),
    (egress({"metadata": {"annotations": {"-": "x"}}}), "metadata.annotations.-", "V-07"),
]


@pytest.mark.parametrize("data", GOOD)
def test_good_rules(data: dict[str, Any]) -> None:
    assert faults(data) == set()


@pytest.mark.parametrize(("data", "field", "code"), BAD)
def test_bad_rules(data: dict[str, Any], field: str, code: str) -> None:
    assert (f"spec.egress[0].{field}", code) in faults(data)


HTTP: list[tuple[dict[str, Any], set[tuple[str, str]]]] = [
    # what stands beside the action in an ingress rule, (field, code)
    ({"http": {}}, {("http", "D-13")}),
    ({"http": {"methods": ["GET", "PUT"], "paths": [{"exact": "/a"}, {"prefix": "/"}]}}, {("http", "D-13")}),
    ({"http": {"headers": [{"header": "x", "operator": "In", "values": ["a"]}]}}, {("http", "D-13")}),
    ({"http": {}, "protocol": 6}, {("http", "D-13")}),
    ({"http": {}, "protocol": "UDP"}, {("http", "D-13"), ("http", "V-37")}),
    ({"http": {}, "action": "Deny"}, {("http", "D-13"), ("http", "V-37")}),
    ({"http": {"methods": ["GET", "GET"]}}, {("http", "D-13"), ("http.methods[1]", "V-37")}),
    ({"http": {"methods": [str(at) for at in range(21)]}}, {("http", "D-13"), ("http.methods", "limit")}),
    ({"http": {"paths": [{"exact": f"/{at}"} for at in range(21)]}}, {("http", "D-13"), ("http.paths", "limit")}),
    ({"http": {"paths": [{}]}}, {("http", "D-13"), ("http.paths[0]", "V-37")}),
    ({"http": {"paths": [{"exact": "/", "prefix": "/"}]}}, {("http", "D-13"), ("http.paths[0]", "V-37")}),
    *(
        ({"http": {"paths": [{"prefix": path}]}}, {("http", "D-13"), ("http.paths[0].prefix", "V-37")})
        for path in ("", "a", "/a?b", "/a#b", "/a b", "/" + "a" * 1024)
    ),
    ({"http": {"headers": [{"header": "x", "operator": "is"}]}},
     {("http", "D-13"), ("http.headers[0].operator", "V-37")}),
    ({"http": {"method": "GET"}}, {("http", "D-13"), ("http.method", "D-01")}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "found"), HTTP)
def test_http_is_checked_and_then_refused(rule: dict[str, Any], found: set[tuple[str, str]]) -> None:
    assert faults(ingress(rule)) == {(f"spec.ingress[0].{field}", code) for field, code in found}


def test_everything_wrong_with_one_rule_is_said_at_once() -> None:
    rule = {
        "action": "Deny",
        "protocol": "tcp",
        "colour": "red",
        "source": {"domains": ["b.com"], "nets": ["10.0.0.1/8", "10.0.0.0/8"], "colour": "red"},
        "destination": {"domains": ["a.com"], "nets": ["2001:db8::/32"], "ports": [443, 0], "services": {"name": "x"}},
        "http": {},
    }
    assert faults(policy("GlobalNetworkPolicy", doNotTrack=True, egress=[rule, {"action": "x"}])) == {
        ("spec.applyOnForward", "V-12"),
        ("spec.egress[0].colour", "D-01"),
        ("spec.egress[0].protocol", "V-31"),
        ("spec.egress[0].http", "V-37"),
        ("spec.egress[0].http", "D-13"),
        ("spec.egress[0].source.colour", "D-01"),
        ("spec.egress[0].source.domains", "V-50"),
        ("spec.egress[0].source.nets[0]", "V-40"),
        ("spec.egress[0].destination.domains", "V-51"),
        ("spec.egress[0].destination.domains", "V-52"),
        ("spec.egress[0].destination.domains", "V-54"),
        ("spec.egress[0].destination.ports[1]", "V-48"),
        ("spec.egress[0].destination.services", "V-45"),
        ("spec.egress[1].action", "V-30"),
    }


def test_a_protocol_that_cannot_be_read_does_not_make_its_ports_wrong() -> None:
    assert codes(to({"ports": [443]}, protocol="tcp")) == {"V-31"}


def test_what_a_rule_says_is_parsed() -> None:
    policy = read(to({"domains": ["*.Example.org"], "ports": [443, "1000:2000", "dns"]}, protocol="6"))
    assert isinstance(policy, NetworkPolicy)
    (rule,) = policy.spec.egress or ()
    assert rule.action is Action.ALLOW
    assert rule.protocol is not None
    assert rule.protocol.number == 6
    assert [str(port) for port in rule.destination.ports or ()] == ["443", "1000:2000", "dns"]
    assert (rule.destination.domains or ())[0].canonical == "*.example.org"
    assert rule.source.nets is None


def test_a_bad_selector_names_its_column() -> None:
    with pytest.raises(Exception, match="column 7"):
        parse_object(to({"selector": "color = 'red'"}))
