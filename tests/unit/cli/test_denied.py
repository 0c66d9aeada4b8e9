"""`dnsguard denied`."""

import json
from typing import Any

import pytest

from dnsguard.cli.denied import packet_text
from tests.unit.cli.conftest import Api, Run


@pytest.mark.usefixtures("api")
def test_records_as_they_are(run: Run) -> None:
    code, out, err = run("denied", "-n", "3", "--client", "shop/web", "-o", "json", "-f", "--log-rules")
    assert (code, err) == (0, "following\n")
    assert [json.loads(line) for line in out.splitlines()] == [
        {"type": "PACKET", "last": 3, "client": "shop/web", "action": ""},
        {"type": "PACKET"},
        {"type": "UNLOGGED", "count": 3},
    ]


@pytest.mark.usefixtures("api")
def test_nobody_who_does_not_follow_is_told_so(run: Run) -> None:
    assert run("denied")[::2] == (0, "")


def test_what_is_refused_is_said(run: Run, api: Api) -> None:
    assert api.url
    assert run("denied", "--client", "shop/nobody")[2] == "dnsguard denied: there is no endpoint 'shop/nobody'\n"


TCP: dict[str, Any] = {
    "time": "2026-01-02T03:04:05.678Z",
    "type": "PACKET",
    "action": "Deny",
    "endpoint": "shop/web",
    "direction": "egress",
    "protocol": "TCP",
    "source_ip": "10.0.0.2",
    "source_port": 40000,
    "destination_ip": "192.0.2.1",
    "destination_port": 443,
    "tier": "app",
    "decided_by": "end of tier app",
    "interface_in": "cali1",
    "interface_out": "eth0",
}
TIME = "2026-01-02T03:04:05.678Z"
FROM = f"{TIME} shop/web (10.0.0.2:40000) →"


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (TCP, f"{FROM} 192.0.2.1:443 TCP: denied by end of tier app [egress, cali1 → eth0]"),
        (
            TCP | {"names": ["www.example.org", "a.net"], "names_left_out": 3, "count": 4, "peer": "x/y"},
            f"{FROM} x/y (192.0.2.1:443) {{www.example.org, a.net and 3 more}} TCP: denied by end of tier app"
            " [egress, 4 packets, cali1 → eth0]",
        ),
        (
            TCP | {"names": [], "decided_by": "rule 3 of NetworkPolicy/shop/web", "rule": 3},
            f"{FROM} 192.0.2.1:443 {{no name}} TCP: denied by rule 3 of NetworkPolicy/shop/web in tier app"
            " [egress, cali1 → eth0]",
        ),
        (
            {
                "time": TIME,
                "action": "Log",
                "direction": "ingress",
                "endpoint": "shop/db",
                "protocol": "ICMPv6",
                "icmp_type": 128,
                "icmp_code": 0,
                "source_ip": "2001:db8::1",
                "destination_ip": "2001:db8::2",
                "profile": "kns.shop",
                "decided_by": "rule 0 of profile kns.shop",
                "interface_out": "cali2",
            },
            f"{TIME} 2001:db8::1 → shop/db (2001:db8::2) ICMPv6 type 128 code 0: logged by rule 0 of profile kns.shop"
            " [ingress, cali2]",
        ),
        (
            {
                "time": TIME,
                "action": "Deny",
                "protocol": "UDP",
                "source_ip": "2001:db8::1",
                "source_port": 5,
                "destination_ip": "10.0.0.2\x1b[2J",
                "fragment": True,
                "decided_by": "a workload that no endpoint describes",
                "interface_in": "cali9",
            },
            f"{TIME} [2001:db8::1]:5 → 10.0.0.2?[2J UDP fragment: denied: a workload that no endpoint describes"
            " [cali9]",
        ),
        (
            {"time": TIME, "type": "UNLOGGED", "count": 7, "reason": "why", "of": "shop/web"},
            f"{TIME} -- 7 packets of shop/web are missing: why",
        ),
    ],
)
def test_records_for_people(record: dict[str, Any], text: str) -> None:
    assert packet_text(record) == text
