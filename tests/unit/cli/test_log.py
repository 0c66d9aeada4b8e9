"""`dnsguard log`."""

import json
from typing import Any

import pytest
import yaml

from dnsguard.cli.log import record_text
from tests.unit.cli.conftest import Api, Run


@pytest.mark.usefixtures("api")
def test_records_as_they_are(run: Run) -> None:
    code, out, err = run("log", "-n", "3", "--client", "shop/web", "-o", "json", "--follow", "--denied")
    assert (code, err) == (0, "following\n")
    assert [json.loads(line) for line in out.splitlines()] == [
        {"type": "LOG", "last": 3, "client": "shop/web"},
        {"type": "LOG"},
        {"type": "UNLOGGED", "count": 1},
    ]


@pytest.mark.usefixtures("api")
def test_records_as_documents(run: Run) -> None:
    code, out, err = run("log", "-n", "3", "-o", "yaml")
    assert (code, err) == (0, "")
    first, *_ = yaml.safe_load_all(out)
    assert (first["type"], first["last"]) == ("LOG", 3)


@pytest.mark.usefixtures("api")
def test_nobody_who_does_not_follow_is_told_so(run: Run) -> None:
    assert run("log")[::2] == (0, "")


def test_what_is_refused_is_said(run: Run, api: Api) -> None:
    assert api.url
    assert run("log", "--follow", "--client", "shop/nobody")[2] == "dnsguard log: there is no endpoint 'shop/nobody'\n"
    assert run("log", "--name", "*.*")[::2] == (
        2, "dnsguard log: name: bad domain '*.*': more than one wildcard (V-53a)\n",
    )  # fmt: skip
    assert run("log", "-n", "-3")[0] == 2


ANSWERED: dict[str, Any] = {
    "time": "2026-01-02T03:04:05.678Z",
    "type": "LOG",
    "client": "shop/web",
    "client_ip": "10.0.0.2",
    "qname": "www.example.org",
    "qtype": "A",
    "rcode": "NOERROR",
    "source": "upstream",
    "total_ms": 1.5,
}


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (ANSWERED, "2026-01-02T03:04:05.678Z shop/web (10.0.0.2) www.example.org A: NOERROR [upstream 1.5 ms]"),
        (
            ANSWERED
            | {
                "addresses": [{"ip": "192.0.2.1"}, {"ip": "192.0.2.2"}],
                "policy_match": [
                    {"set": "s", "patterns": ["*.example.org"], "policies": ["NetworkPolicy/shop/names"]},
                    {"set": "t", "patterns": ["*.org"]},
                ],
                "leased": [{"set": "s", "seconds": 90}],
            },
            "2026-01-02T03:04:05.678Z shop/web (10.0.0.2) www.example.org A: NOERROR 192.0.2.1, 192.0.2.2"
            " [upstream 1.5 ms] {*.example.org in NetworkPolicy/shop/names, open for 90 s} {*.org}",
        ),
        (
            ANSWERED
            | {
                "client": "node",
                "policy_match": [{"set": "s", "patterns": ["*.org"]}],
                "leased": [{"set": "s", "seconds": 265}],
                "node_wide": True,
            },
            "2026-01-02T03:04:05.678Z node (10.0.0.2) www.example.org A: NOERROR [upstream 1.5 ms]"
            " {*.org, open to every endpoint that may, for 265 s}",
        ),
        (
            ANSWERED
            | {
                "addresses": [{"ip": "10.50.0.9"}, {"ip": "127.0.0.1"}],
                "policy_match": [{"set": "s", "patterns": ["*.org"]}],
                "withheld": ["10.50.0.9", "127.0.0.1"],
                "withheld_reasons": ["in 10.0.0.0/8 of unleased_nets", "loopback"],
            },
            "2026-01-02T03:04:05.678Z shop/web (10.0.0.2) www.example.org A: NOERROR 10.50.0.9, 127.0.0.1"
            " [upstream 1.5 ms] {*.org} not opened: 10.50.0.9, 127.0.0.1 (in 10.0.0.0/8 of unleased_nets, loopback)",
        ),
        (
            ANSWERED | {"rcode": "REFUSED", "source": "policy", "extended_text": "no\x1b[31m\n"},
            "2026-01-02T03:04:05.678Z shop/web (10.0.0.2) www.example.org A: REFUSED (no?[31m?) [policy 1.5 ms]",
        ),
        (
            {"time": "t", "type": "UNLOGGED", "count": 7, "client_ip": "10.0.0.2", "reason": "it asks too much"},
            "t -- 7 records of 10.0.0.2 are missing: it asks too much",
        ),
    ],
)
def test_a_record_is_a_line_for_people(record: dict[str, Any], text: str) -> None:
    assert " ".join(record_text(record).split()) == text
    assert record_text(record).isprintable()
