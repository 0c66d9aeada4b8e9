"""The lab by itself, without dnsguard: everything in it reaches everything, and it leaves nothing behind."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab import isolate, topology, world
from tests.support.lab.lab import Lab
from tests.support.lab.process import AgentError, run

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.xdist_group("lab")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(world.WORKLOADS, world.RECORDS, world.LIES, [world.GATEWAY]) as built:
        yield built


CONNECTIONS = [
    # from, transport, address, port
    ("roll1", "tcp", "198.51.100.7", 443),
    ("roll1", "udp", "198.51.100.7", 4433),
    ("roll1", "icmp", "198.51.100.7", 0),
    ("roll1", "tcp", "2001:db8::7", 443),
    ("roll1", "udp", "2001:db8::7", 4433),
    ("roll1", "icmp", "2001:db8::7", 0),
    ("roll1", "icmp", "10.244.6.10", 0),
    ("svc3", "tcp", "10.10.10.10", 1010),
    ("svc3", "udp", "8.8.8.8", 53),
    ("internet", "icmp", "10.244.6.10", 0),
    ("internet", "icmp", "fd00::3:10", 0),
    ("node", "tcp", "198.51.100.1", 80),
]


@pytest.mark.parametrize(("who", "transport", "address", "port"), CONNECTIONS)
def test_everyone_reaches_everyone(lab: Lab, who: str, transport: str, address: str, port: int) -> None:
    tried = lab.agent(who).call("connect", transport=transport, address=address, port=port)
    assert tried["outcome"] == "answered"
    if transport != "icmp":
        assert tried["reply"]["me"] == f"{address}#{port}"
        assert tried["reply"]["you"].split("#")[0] in [*lab_addresses(lab, who)]


def lab_addresses(lab: Lab, who: str) -> tuple[str, ...]:
    return lab.workloads[who].addresses if who in lab.workloads else topology.NODE_ADDRESSES


def test_a_server_remembers_who_came(lab: Lab) -> None:
    internet = lab.agent(topology.INTERNET)
    lab.agent("svc1").call("connect", transport="udp", address="203.0.113.77", port=9999, payload="the-mark")
    arrived = internet.call("arrivals", transport="udp", to="203.0.113.77#9999", payload="the-mark")
    assert [entry["from"].split("#")[0] for entry in arrived] == ["10.244.1.11"]
    assert internet.call("arrivals", transport="udp", to="203.0.113.78#9999") == []


ANSWERS = [
    # name, type, server, addresses
    ("bob.example.com", "A", topology.TRUSTED_ADDRESSES[0], ["198.51.100.7"]),
    ("bob.example.com", "AAAA", topology.TRUSTED_ADDRESSES[0], ["2001:db8::7"]),
    ("cdn.example.com", "A", topology.TRUSTED_ADDRESSES[0], ["edge.cdnprovider.net.", "192.0.2.99"]),
    ("bob.example.com", "A", topology.ROGUE_ADDRESSES[0], ["198.51.100.66"]),
    ("nobody.example.com", "A", topology.TRUSTED_ADDRESSES[0], []),
    (topology.bulk_name(777), "A", topology.TRUSTED_ADDRESSES[0], ["198.18.3.9"]),
]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(("name", "kind", "server", "expected"), ANSWERS)
def test_name_servers_answer(lab: Lab, name: str, kind: str, server: str, expected: list[str], transport: str) -> None:
    answer = lab.lookup("roll1", name, kind, server=server, transport=transport)
    assert answer is not None
    assert [str(record.rdata) for record in answer.rr] == expected


def test_the_trusted_server_answers_over_ipv6(lab: Lab) -> None:
    answer = lab.lookup("roll1", "bob.example.com", server=topology.TRUSTED_ADDRESSES[1])
    assert answer is not None
    assert answer.short() == "198.51.100.7"


def test_programs_resolve_through_the_server_of_their_namespace(lab: Lab) -> None:
    assert lab.agent("internet").call("resolve", name="bob.example.com")["addresses"] == ["198.51.100.7", "2001:db8::7"]
    own = Path("/etc/resolv.conf").read_text()
    assert topology.LISTEN_ADDRESSES[0] not in own


def test_a_rule_on_the_node_is_what_a_workload_feels(lab: Lab) -> None:
    run("node", "nft add table inet t; nft add chain inet t c '{ type filter hook forward priority 0; }'")
    try:
        run("node", "nft add rule inet t c ip saddr 10.244.1.10 counter drop")
        denied = lab.agent("svc3").call("connect", transport="tcp", address="198.51.100.7", port=443, wait=0.3)
        allowed = lab.agent("svc1").call("connect", transport="tcp", address="198.51.100.7", port=443)
        assert (denied["outcome"], allowed["outcome"]) == ("timeout", "answered")
        ruleset = json.loads(run("node", "nft -j list chain inet t c"))
        counters = [
            part["counter"]
            for entry in ruleset["nftables"]
            for part in entry.get("rule", {}).get("expr", [])
            if "counter" in part
        ]
        assert [counter["packets"] for counter in counters] == [1]
    finally:
        run("node", "nft delete table inet t")


def test_a_held_connection_outlives_a_drop_of_new_ones(lab: Lab) -> None:
    agent = lab.agent("svc3")
    assert agent.call("hold", name="kept", address="198.51.100.7", port=443)["outcome"] == "answered"
    assert agent.call("use", name="kept") == "answered"
    agent.call("release", name="kept")
    with pytest.raises(AgentError, match="KeyError: 'kept'"):
        agent.call("use", name="kept")


def test_a_storm_counts_what_it_loses(lab: Lab) -> None:
    names = ["bob.example.com", "nobody.example.com", "badexample.com"]
    result = lab.agent("node").call("storm", names=names, port=443)
    assert (result["done"], [failure["name"] for failure in result["failed"]]) == (3, ["nobody.example.com"])


def test_a_first_packet_that_is_lost_is_seen(lab: Lab) -> None:
    """One SYN is dropped; the connection stands a second later all the same."""
    run("node", "nft add table inet t; nft add chain inet t c '{ type filter hook forward priority 0; }'")
    try:
        run("node", "nft add rule inet t c ip saddr 10.244.1.11 tcp flags syn limit rate 1/hour burst 1 packets drop")
        tried = lab.agent("svc1").call("connect", transport="tcp", address="198.51.100.7", port=443, wait=5)
        assert tried["outcome"] == "retransmitted"
        names = ["example.com"]
        assert lab.agent("node").call("storm", names=names, port=443)["failed"] == []
    finally:
        run("node", "nft delete table inet t")


KILLED = """
import os, sys
from tests.support.lab import isolate, world
from tests.support.lab.lab import Lab
isolate.prepare()
with Lab(world.WORKLOADS[:1], world.RECORDS) as lab:
    print(lab.directory, flush=True)
    sys.stdin.read()
"""


def test_kill_9_leaves_no_process_behind() -> None:
    """The lab's programs carry its directory on their command lines: after the kill every one of them ends."""
    command = isolate.isolating([sys.executable, "-c", KILLED])
    outer = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert outer.stdout is not None
    assert outer.stdin is not None
    directory = outer.stdout.readline().strip()
    handles = [os.pidfd_open(process) for process in processes_mentioning(directory)]
    assert handles
    os.kill(outer.pid, signal.SIGKILL)
    outer.wait()
    for handle in handles:
        ended, _, _ = select.select([handle], [], [], 10)
        assert ended
        os.close(handle)
    outer.stdin.close()
    outer.stdout.close()


def processes_mentioning(text: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it ended while we looked
                continue
            if text in line:
                found.append(int(entry.name))
    return found
