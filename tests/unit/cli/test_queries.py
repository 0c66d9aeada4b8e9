"""`dnsguard explain` and `dnsguard status`."""

import json

import pytest

from dnsguard.cli.errors import UsageError
from dnsguard.cli.explain import destination_and_port, explanation, protocol_name
from dnsguard.cli.status import summary
from tests.unit.cli.conftest import Run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.org:443", ("example.org", 443)),
        ("example.org", ("example.org", None)),
        ("192.0.2.1:1", ("192.0.2.1", 1)),
        ("[2001:db8::1]:443", ("2001:db8::1", 443)),
        ("[2001:db8::1]", ("2001:db8::1", None)),
        ("2001:db8::1", ("2001:db8::1", None)),
        ("shop/web:80", ("shop/web", 80)),
    ],
)
def test_destinations(text: str, expected: tuple[str, int | None]) -> None:
    assert destination_and_port(text) == expected


@pytest.mark.parametrize("text", ["a:0", "a:65536", "a:", "[::1]:x", "a:http"])
def test_bad_ports(text: str) -> None:
    with pytest.raises(UsageError, match="is no port"):
        destination_and_port(text)


def test_protocols() -> None:
    assert [protocol_name(text) for text in ("tcp", "UDP", "icmpv6", "udplite", "6")] == [
        "TCP",
        "UDP",
        "ICMPv6",
        "UDPLite",
        6,
    ]


@pytest.mark.usefixtures("api")
def test_explain_asks_the_server(run: Run) -> None:
    assert run("explain", "shop/web", "example.org:443") == (
        0,
        "Deny: because\n  from shop/web\n  to   example.org\n",
        "",
    )
    answer = json.loads(run("explain", "shop/web", "example.org:53", "--protocol", "udp", "-o", "json")[1])
    assert answer["verdict"] == "Deny"


@pytest.mark.usefixtures("api")
def test_explain_says_what_the_server_does_not_understand(run: Run) -> None:
    code, out, err = run("explain", "nobody", "example.org:443")
    assert (code, out) == (1, "")
    assert "there is no endpoint nobody" in err
    assert run("explain", "shop/web", "example.org:0")[0] == 2


def test_an_explanation_for_people() -> None:
    steps: list[dict[str, object]] = [
        {"policy": "NetworkPolicy/shop/a", "rule": 0, "action": "Allow", "reason": "port"},
        {
            "policy": "NetworkPolicy/shop/a",
            "rule": 1,
            "action": "Log",
            "matched": True,
            "reason": "every condition holds",
        },
        {"action": "Deny", "matched": True, "reason": "nothing decided"},
    ]
    steps = [{"direction": "egress", "tier": "security", **step} for step in steps]
    lines = explanation(
        {"verdict": "Deny", "summary": "s", "source": "a", "destination": "b", "steps": steps, "notes": ["n"]}
    )
    assert lines[3:] == [
        "    egress [security] NetworkPolicy/shop/a rule 0 would allow, but port",
        "  → egress [security] NetworkPolicy/shop/a rule 1: Log, every condition holds",
        "  → egress [security] end of tier: Deny, nothing decided",
        "  note: n",
    ]


def test_the_last_step_of_an_explanation_may_belong_to_no_tier() -> None:
    step = {"direction": "ingress", "action": "Deny", "matched": True, "reason": "no profile decides"}
    answer = {"verdict": "Deny", "summary": "s", "source": "a", "destination": "b", "steps": [step]}
    assert explanation(answer)[3:] == ["  → ingress Deny, no profile decides"]


@pytest.mark.usefixtures("api")
def test_status(run: Run) -> None:
    code, out, _ = run("status")
    assert code == 0
    assert out.startswith("dnsguard 1.2.3: ready\n")
    assert json.loads(run("status", "-o", "json")[1])["storeRevision"] == 7


def test_a_status_for_people_says_problems_first() -> None:
    report = {
        "version": "1",
        "ready": False,
        "problems": ["no forwarder"],
        "warnings": ["w"],
        "objects": {"tiers": 3, "networksets": 1},
        "dataplane": {"table": "dnsguard", "inSync": False, "chains": 2, "sets": 5, "problem": "refused"},
        "forwarders": [
            {
                "id": "f1",
                "connected": False,
                "listen": ["127.0.0.1#53", "::1#53"],
                "upstreams": {"192.0.2.53#53": "timed out"},
            }
        ],
    }
    assert summary(report) == [
        "dnsguard 1: NOT READY",
        "  problem: no forwarder",
        "  warning: w",
        "policy: revision 0, enforced 0",
        "objects: 1 networksets, 3 tiers",
        "table inet dnsguard: NOT IN SYNC, 2 chains, 5 sets, refused",
        "forwarder f1: NOT CONNECTED, revision 0, answers on 127.0.0.1:53, [::1]:53",
        "  upstream 192.0.2.53#53: timed out",
    ]
