from typing import Any

import pytest

from dnsguard.api.services import CannotExplain
from dnsguard.api.views.explaining import ExplainQuery
from dnsguard.controller.explain.question import Question, question_of
from dnsguard.controller.explain.written import Written
from tests.unit.controller.running import SHOP, InForce

MORE = """
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: gw}
spec: {node: here, interfaceName: eth0, expectedIPs: [192.0.2.7, "2001:db8::100"]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: gw.example.org}
spec: {node: here, interfaceName: eth1, expectedIPs: [192.0.2.8]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: web}
spec: {node: here, interfaceName: eth2, expectedIPs: [192.0.2.9]}
---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: starting, namespace: shop}
spec: {interfaceName: cali4}
"""


@pytest.fixture(scope="module")
def in_force() -> InForce:
    return InForce(SHOP + MORE)


def asked(in_force: InForce, source: str = "shop/cart", destination: str = "192.0.2.1", **more: Any) -> Question:
    enforced = in_force.enforcer.enforced
    assert enforced is not None
    if not more.keys() & {"port", "protocol"}:
        more["port"] = 443
    query = ExplainQuery(source=source, destination=destination, **more)
    return question_of(query, enforced.compiled, Written(enforced.resources))


@pytest.mark.parametrize(
    ("text", "taken_for", "addresses"),
    [
        ("shop/cart", "workload endpoint shop/cart", ["10.0.0.7", "2001:db8::7"]),
        ("cart", "workload endpoint shop/cart", ["10.0.0.7", "2001:db8::7"]),
        ("wep/shop/web", "workload endpoint shop/web", ["10.0.0.8"]),
        ("WorkloadEndpoint/web", "workload endpoint shop/web", ["10.0.0.8"]),
        ("hep/web", "host endpoint web", ["192.0.2.9"]),
        ("gw", "host endpoint gw", ["192.0.2.7", "2001:db8::100"]),
        ("10.0.0.8", "10.0.0.8 (workload endpoint shop/web)", ["10.0.0.8"]),
        ("10.0.0.8/32", "10.0.0.8 (workload endpoint shop/web)", ["10.0.0.8"]),
        ("2001:DB8::7", "2001:db8::7 (workload endpoint shop/cart)", ["2001:db8::7"]),
        ("203.0.113.1", "203.0.113.1", ["203.0.113.1"]),
        ("10.0.0.9/24", "network 10.0.0.0/24", []),
        ("2001:db8::/64", "network 2001:db8::/64", []),
    ],
)
def test_parties(in_force: InForce, text: str, taken_for: str, addresses: list[str]) -> None:
    other = "2001:db8:5::1" if text.startswith("2001") else "203.0.113.9"
    source = asked(in_force, text, other).source
    assert (source.text, [str(address) for address in source.addresses]) == (taken_for, addresses)


@pytest.mark.parametrize(
    ("text", "taken_for", "wire"),
    [
        ("API.example.org", "domain name api.example.org", b"\3api\7example\3org\0"),
        ("gw.", "domain name gw", b"\2gw\0"),
        ("gw.example.org.", "domain name gw.example.org", b"\2gw\7example\3org\0"),
        ("bücher.example", "domain name xn--bcher-kva.example", b"\x0dxn--bcher-kva\7example\0"),
    ],
)
def test_names(in_force: InForce, text: str, taken_for: str, wire: bytes) -> None:
    destination = asked(in_force, destination=text).destination
    assert (destination.text, destination.name, destination.addresses) == (taken_for, wire, ())


@pytest.mark.parametrize(
    ("question", "field", "message"),
    [
        ({"source": "web"}, "source", "write one of hostendpoint/web, workloadendpoint/shop/web"),
        (
            {"destination": "gw.example.org"},
            "destination",
            r"write one of hostendpoint/gw.example.org, gw.example.org. \(the domain name\)",
        ),
        ({"source": "shop/nobody"}, "source", "there is no endpoint 'shop/nobody': it is NAMESPACE/NAME"),
        ({"source": "example.org"}, "source", "'example.org' is no address and no known endpoint"),
        ({"source": "shop/starting"}, "source", "workload endpoint shop/starting has no address"),
        ({"destination": "a..b"}, "destination", "no domain name"),
        ({"destination": "*.example.org"}, "destination", "is a pattern: ask for one of the names"),
        ({"source": "shop/web", "destination": "2001:db8::1"}, "destination", "no IP family in common"),
        ({"protocol": "TCP"}, "port", "a port is needed for TCP, as in 192.0.2.1:443"),
        (
            {"source": "2001:db8::1", "destination": "2001:db8::2", "protocol": "TCP"},
            "port",
            r"as in \[2001:db8::2\]:443",
        ),
        ({"protocol": "ICMP", "port": 1}, "port", "policy knows no ports of ICMP"),
        ({"protocol": 47, "source_port": 1}, "sourcePort", "policy knows no ports of protocol 47"),
        ({"protocol": "TCPX"}, "protocol", "'TCPX' is no protocol: write TCP, UDP"),
        ({"protocol": 256}, "protocol", "256 is no protocol"),
        ({"port": 0}, "port", "0 is no port"),
        ({"port": "65536"}, "port", "65536 is no port"),
        ({"port": 9**99}, "port", "is no port"),
        ({"port": "http"}, "port", "'http' is no number, and 192.0.2.1 is no endpoint with named ports"),
        (
            {"destination": "shop/web", "port": "https"},
            "port",
            r"shop/web has no port named 'https': it declares dns \(TCP 53\), dns \(UDP 53\), http \(TCP 80\)",
        ),
        ({"destination": "shop/web", "port": "dns"}, "port", "shop/web has several ports named 'dns'"),
        ({"destination": "shop/web", "port": "http", "protocol": "UDP"}, "port", "has no port named 'http'"),
        ({"destination": "shop/far", "port": "http"}, "port", "it declares none"),
        ({"protocol": "ICMPv6"}, "protocol", "ICMPv6 belongs to IPv6, which .* do not both have: ask for ICMP"),
        ({"protocol": "ICMP", "destination": "2001:db8::1"}, "protocol", "ICMP belongs to IPv4.*: ask for ICMPv6"),
        ({"protocol": "ICMP", "icmp_code": 1}, "icmpType", "a code needs a type"),
        ({"port": 1, "icmp_type": 8}, "icmpType", "TCP has no types and codes"),
        ({"port": 1, "icmp_code": 8}, "icmpCode", "TCP has no types and codes"),
    ],
)
def test_questions_without_an_answer(in_force: InForce, question: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(CannotExplain, match=message) as caught:
        asked(in_force, **question)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("more", "protocol", "port", "text"),
    [
        ({"port": 443}, 6, 443, "TCP port 443"),
        ({"port": "443", "protocol": "udp"}, 17, 443, "UDP port 443"),
        ({"port": 53, "source_port": 4000}, 6, 53, "TCP port 53 from port 4000"),
        ({"port": 1, "protocol": 132}, 132, 1, "SCTP port 1"),
        ({"protocol": "UDPLite"}, 136, None, "UDPLite"),
        ({"protocol": 47}, 47, None, "protocol 47"),
        ({"protocol": "ICMP"}, 1, None, "ICMP echo request"),
        ({"protocol": "1", "icmp_type": 3}, 1, None, "ICMP type 3"),
        ({"protocol": "icmp", "icmp_type": 3, "icmp_code": 1}, 1, None, "ICMP type 3 code 1"),
        ({"port": "http", "destination": "shop/web"}, 6, 80, "TCP port 80"),
        ({"port": "dns", "protocol": "UDP", "destination": "shop/web"}, 17, 53, "UDP port 53"),
    ],
)
def test_protocols_and_ports(
    in_force: InForce, more: dict[str, Any], protocol: int, port: int | None, text: str
) -> None:
    question = asked(in_force, **more)
    assert (question.protocol, question.port, question.protocol_text) == (protocol, port, text)


def test_an_icmp_question_is_about_one_family(in_force: InForce) -> None:
    assert asked(in_force, destination="gw", protocol="ICMP").families == {4}
    assert asked(in_force, destination="gw", protocol="ICMPv6").families == {6}
    assert asked(in_force, destination="gw").families == {4, 6}
    assert asked(in_force, destination="api.example.org", protocol="ICMPv6").families == {6}
    assert (asked(in_force, destination="gw", protocol="ICMPv6").icmp_type) == 128
