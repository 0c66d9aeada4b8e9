"""A workload that asks another server is answered by the forwarder from that server's address, as far as policy lets
it ask there, and learns nothing from that server."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator

import dnslib
import pytest

from dnsguard.dns.codes import EDE_PROHIBITED, NXDOMAIN, REFUSED
from tests.support.lab import topology
from tests.support.lab.guard import PROGRAM, Guard
from tests.support.lab.lab import Lab
from tests.support.lab.process import run
from tests.support.lab.running import CLIENT, OPEN_ADDRESS, OPEN_NAME, PORT, running, tell_everything

pytestmark = [pytest.mark.xdist_group("interception"), pytest.mark.timeout(300)]

Running = tuple[Lab, Guard]

LIAR, LIAR6 = topology.ROGUE_ADDRESSES
NAMELESS, NAMELESS6 = "192.0.2.53", "2001:db8::53"
"""Addresses out there, at which no DNS server answers."""

WATCH = """table inet watch {
    chain in { type filter hook input priority 0; iifname lo accept
    udp dport 53 counter
    tcp dport 53 counter
    }
}
"""

LIE_NAME, LIE_ADDRESS = "fake.example.com", "198.51.100.66"
UNLISTED_NAME, UNLISTED_ADDRESS = "other.org", "198.51.100.7"
EXTENDED_ERROR = 15


@pytest.fixture(scope="module")
def lab() -> Iterator[Running]:
    with running(["--intercept-dns", "Workloads"]) as (built, guard):
        run(topology.ROGUE, "nft -f - <<END\n" + WATCH + "END")
        tell_everything(built, guard)
        yield built, guard


def addresses(answer: dnslib.DNSRecord | None) -> list[str]:
    assert answer is not None
    return [str(record.rdata) for record in answer.rr]


def extended_error(answer: dnslib.DNSRecord) -> tuple[int, str]:
    """Code and text (RFC 8914)."""
    option = next(option for record in answer.ar for option in record.rdata if option.code == EXTENDED_ERROR)
    return int.from_bytes(option.data[:2], "big"), option.data[2:].decode()


def heard_by_rogue() -> int:
    """How many packets came to the lying server, for port 53."""
    return sum(map(int, re.findall(r"packets (\d+)", run(topology.ROGUE, "nft list table inet watch"))))


@pytest.mark.parametrize("server", [LIAR, LIAR6, NAMELESS, NAMELESS6, *topology.TRUSTED_ADDRESSES])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("client", ["dig", "kdig"])
def test_whoever_is_asked_the_forwarder_answers_from_there(
    lab: Running, server: str, transport: str, client: str
) -> None:
    built, _ = lab
    over_tcp = "+tcp" if transport == "tcp" else "+notcp"
    once = "+tries=1" if client == "dig" else "+retry=0"
    said = run(CLIENT, f"{client} +time=3 {once} {over_tcp} @{server} {OPEN_NAME} A")
    assert OPEN_ADDRESS in said
    assert LIE_ADDRESS not in said
    # Both clients say from where the answer came, and take it from nowhere else.
    assert server in next(line for line in said.splitlines() if "SERVER:" in line or "From" in line)
    assert (
        built.agent(CLIENT).call("connect", transport="tcp", address=OPEN_ADDRESS, port=PORT)["outcome"] == "answered"
    )


@pytest.mark.parametrize("server", [LIAR, LIAR6])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_lie_opens_nothing_since_nobody_hears_it(lab: Running, server: str, transport: str) -> None:
    built, _ = lab
    answer = built.lookup(CLIENT, LIE_NAME, server=server, transport=transport)
    assert answer is not None
    assert (answer.header.rcode, addresses(answer)) == (NXDOMAIN, [])
    tried = built.agent(CLIENT).call("connect", transport="tcp", address=LIE_ADDRESS, port=PORT, wait=0.2)
    assert tried["outcome"] == "timeout"


@pytest.mark.parametrize("server", [LIAR, LIAR6])
def test_policy_for_port_53_there_decides_about_names_that_no_rule_allows(lab: Running, server: str) -> None:
    """The examples let it send UDP to port 53 anywhere, and no TCP."""
    built, _ = lab
    assert addresses(built.lookup(CLIENT, UNLISTED_NAME, server=server)) == [UNLISTED_ADDRESS]
    refused = built.lookup(CLIENT, UNLISTED_NAME, server=server, transport="tcp")
    assert refused is not None
    assert refused.header.rcode == REFUSED
    code, text = extended_error(refused)
    assert (code, text) == (EDE_PROHIBITED, "policy denies DNS to this server, and no policy allows this name")
    # Allowing a domain implies looking it up.
    assert addresses(built.lookup(CLIENT, OPEN_NAME, server=server, transport="tcp")) == [OPEN_ADDRESS]


def test_a_policy_that_changes_counts_from_then_on(lab: Running) -> None:
    built, guard = lab
    assert addresses(built.lookup(CLIENT, UNLISTED_NAME, server=NAMELESS)) == [UNLISTED_ADDRESS]
    deny = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "NetworkPolicy",
        "metadata": {"name": "not-there", "namespace": "rollout-test"},
        "spec": {
            "order": 0,
            "selector": "my-pod-label == 'my-value'",
            "types": ["Egress"],
            "egress": [{"action": "Deny", "protocol": "UDP", "destination": {"nets": [f"{NAMELESS}/32"]}}],
        },
    }
    guard.apply([deny])
    refused = built.lookup(CLIENT, UNLISTED_NAME, server=NAMELESS)
    assert refused is not None
    assert refused.header.rcode == REFUSED
    assert addresses(built.lookup(CLIENT, UNLISTED_NAME, server=LIAR)) == [UNLISTED_ADDRESS]
    guard.answer("DELETE", "/apis/projectcalico.org/v3/namespaces/rollout-test/networkpolicies/not-there")
    guard.await_enforced()
    assert addresses(built.lookup(CLIENT, UNLISTED_NAME, server=NAMELESS)) == [UNLISTED_ADDRESS]


def test_a_workload_that_nobody_knows_is_told_nothing(lab: Running) -> None:
    built, _ = lab
    before = heard_by_rogue()
    assert built.lookup("stranger", OPEN_NAME, server=LIAR, wait=0.3) is None
    assert heard_by_rogue() == before


def test_the_forwarder_itself_is_asked_as_before(lab: Running) -> None:
    built, _ = lab
    for server in topology.LISTEN_ADDRESSES:
        assert addresses(built.lookup(CLIENT, OPEN_NAME, server=server)) == [OPEN_ADDRESS]


def test_other_ports_are_left_to_policy(lab: Running) -> None:
    """DNS over TLS among them: it is the server's own, so policy has to say whether it may be."""
    built, guard = lab
    agent = built.agent(CLIENT)
    assert agent.call("connect", transport="tcp", address=LIAR, port=853, wait=0.2)["outcome"] == "timeout"
    assert guard.explain("rollout-test/roll1", LIAR, "TCP", 853)["verdict"] == "Deny"


def test_explain_says_who_answers_and_what_policy_says_of_the_server(lab: Running) -> None:
    _, guard = lab
    told = guard.explain("rollout-test/roll1", LIAR, "UDP", 53)
    assert told["verdict"] == "Allow"
    assert told["outcomes"][0]["decision"]["text"] == "since it goes to the forwarder, which judges each query itself"
    assert any("answers in the place of 10.0.0.66" in note and "every name" in note for note in told["notes"])
    told = guard.explain("rollout-test/roll1", LIAR, "TCP", 53)
    assert any("answers in the place of 10.0.0.66" in note and "only names" in note for note in told["notes"])


@pytest.mark.parametrize("role", ["forwarder", "controller"])
def test_a_process_that_is_killed_leaks_nothing_and_comes_back(lab: Running, role: str) -> None:
    built, guard = lab
    before = heard_by_rogue()
    os.kill(guard.processes()[role], signal.SIGKILL)
    deadline = time.monotonic() + 20
    while True:
        answer = built.lookup(CLIENT, OPEN_NAME, server=LIAR, wait=0.1)
        assert answer is None or addresses(answer) == [OPEN_ADDRESS]
        if answer is not None and role in guard.processes():
            break
        assert time.monotonic() < deadline
    guard.await_enforced(30)
    assert heard_by_rogue() == before
    # The rule is one still, adopted by the process that came after.
    assert len(rules("")) == len(rules("-6")) == 1
    assert addresses(built.lookup(CLIENT, UNLISTED_NAME, server=LIAR)) == [UNLISTED_ADDRESS]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_what_is_asked_while_the_forwarder_is_started_again_waits_for_it(lab: Running, transport: str) -> None:
    built, guard = lab
    os.kill(guard.processes()["forwarder"], signal.SIGKILL)
    answer = built.lookup(CLIENT, OPEN_NAME, server=LIAR, transport=transport, wait=20)
    assert addresses(answer) == [OPEN_ADDRESS]
    guard.await_enforced(30)


def test_rules_that_others_remove_come_back_and_meanwhile_nothing_leaks(lab: Running) -> None:
    built, _ = lab
    before = heard_by_rogue()
    run(topology.NODE, "ip rule delete preference 53")
    deadline = time.monotonic() + 20
    while not rules(""):
        answer = built.lookup(CLIENT, OPEN_NAME, server=LIAR, wait=0.1)
        assert answer is None or addresses(answer) == [OPEN_ADDRESS]
        assert time.monotonic() < deadline
    assert addresses(built.lookup(CLIENT, OPEN_NAME, server=LIAR)) == [OPEN_ADDRESS]
    assert heard_by_rogue() == before


def test_nothing_leaks_while_nobody_runs_and_uninstall_removes_everything(lab: Running) -> None:
    """The last one here: it leaves nothing behind."""
    built, guard = lab
    before = heard_by_rogue()
    guard.stop()
    for server, transport in (LIAR, "udp"), (LIAR6, "udp"), (LIAR, "tcp"):
        assert built.lookup(CLIENT, OPEN_NAME, server=server, transport=transport, wait=0.2) is None
    assert heard_by_rogue() == before
    said = run(topology.NODE, f"{PROGRAM} uninstall --state-dir {guard.state}")
    assert "IP rule and route of interception removed" in said
    assert (rules(""), rules("-6")) == ([], [])
    assert run(topology.NODE, "ip route show table 10053; ip -6 route show table 10053; nft list tables") == ""


def rules(family: str) -> list[dict[str, object]]:
    """The IP rules of ours in the node."""
    listed = json.loads(run(topology.NODE, f"ip -j {family} rule"))
    return [rule for rule in listed if rule.get("fwmark") == "0x40000"]
