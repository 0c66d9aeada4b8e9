"""Denied packets at the whole program, in the lab: names, live, under a flood, and where somebody else has the log."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.lab import topology
from tests.support.lab.guard import PROGRAM, Guard
from tests.support.lab.lab import Lab
from tests.support.lab.process import inside
from tests.support.lab.running import (
    CLIENT,
    CLOSED_ADDRESS,
    OPEN_ADDRESS,
    OPEN_NAME,
    PORT,
    running,
    tell_everything,
)

pytestmark = [pytest.mark.xdist_group("denied packets"), pytest.mark.timeout(300)]

PATIENCE = 60.0
END = "tier-default-egress-end"
FLOOD = 20_000
"""Packets, which a loop in Python sends in about a second."""

FLOODING = f"""
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range({FLOOD}):
    sender.sendto(b"?", ("{CLOSED_ADDRESS}", 9))
"""
HOLDING = """
import time
from dnsguard.netlink.packetlog import PacketLog
log = PacketLog(101)
log.open()
print("held", flush=True)
time.sleep(1000)
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[tuple[Lab, Guard]]:
    with running() as (built, guard):
        tell_everything(built, guard)
        yield built, guard


def until(look: Callable[[], Any]) -> Any:
    give_up = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < give_up
        time.sleep(0.1)
    return found


def command(guard: Guard, *words: str) -> list[str]:
    return inside(topology.NODE, [str(PROGRAM), "denied", "--state-dir", str(guard.state), *words])


def shown(guard: Guard, *words: str) -> list[dict[str, Any]]:
    done = subprocess.run(command(guard, "-o", "json", *words), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def written(guard: Guard) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (guard.state / "packet-log.jsonl").read_text().splitlines()]


def who(built: Lab, workload: str = CLIENT) -> str:
    return f"{built.workloads[workload].namespace}/{workload}"


def connect(built: Lab, address: str, workload: str = CLIENT, wait: float = 0.3) -> str:
    tried = built.agent(workload).call("connect", transport="tcp", address=address, port=PORT, wait=wait)
    return str(tried["outcome"])


def names_of(lab: tuple[Lab, Guard], address: str, workload: str = CLIENT) -> list[str]:
    """Of a connection that is denied, once forwarders are asked: they say a moment after they start that they can."""
    built, guard = lab
    give_up = time.monotonic() + PATIENCE
    while True:
        assert connect(built, address, workload) == "timeout"
        # What others tried to the same address may be written down a moment later.
        for found in reversed(shown(guard, "--client", who(built, workload), "-n", "20")):
            if "names" in found and (found["endpoint"], found["destination_ip"]) == (who(built, workload), address):
                return list(found["names"])
        assert time.monotonic() < give_up


@pytest.mark.parametrize(
    ("workload", "name", "address", "names"),
    [
        pytest.param(CLIENT, "badexample.com", "198.51.100.50", ["badexample.com"], id="looked up and not allowed"),
        pytest.param(CLIENT, "", CLOSED_ADDRESS, [], id="never looked up"),
        pytest.param("svc3", "", "198.51.100.50", [], id="looked up by another"),
        pytest.param(CLIENT, "", "2001:db8::99", [], id="never looked up, IPv6"),
        pytest.param(
            "svc3",
            "cdn.example.com",
            "192.0.2.99",
            ["cdn.example.com", "edge.cdnprovider.net"],
            id="behind an alias",
        ),
        pytest.param(
            CLIENT, "metadata.example.com", "169.254.169.254", ["metadata.example.com"], id="what no name may open"
        ),
    ],
)
def test_the_names_that_led_a_client_there(
    lab: tuple[Lab, Guard], workload: str, name: str, address: str, names: list[str]
) -> None:
    if name:
        assert lab[0].agent(workload).call("resolve", name=name, family=4)["addresses"] == [address]
    assert names_of(lab, address, workload) == names


def test_it_is_seen_live_and_stands_in_the_file(lab: tuple[Lab, Guard]) -> None:
    built, guard = lab
    address = "198.51.100.98"
    words = command(guard, "--follow", "-n", "0", "--client", who(built))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        try:
            assert tail.stderr.readline() == "following\n"
            assert connect(built, OPEN_ADDRESS) in ("timeout", "answered")  # whether it was looked up before or not
            assert connect(built, address) == "timeout"
            line = ""
            while address not in line:
                line = tail.stdout.readline()
        finally:
            tail.terminate()
    assert f" {who(built)} ({built.workloads[CLIENT].address()}:" in line
    assert f"→ {address}:{PORT} " in line
    assert f"TCP: denied by end of tier default [egress, cali{CLIENT} → eth0]" in line
    (record,) = until(lambda: [each for each in written(guard) if each.get("destination_ip") == address])
    assert record in shown(guard, "--client", address)


def flood() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(inside(CLIENT, [sys.executable, "-c", FLOODING]))


def told(guard: Guard) -> int:
    """Denied packets that records tell of, and those of which they say that they are missing."""
    records = [each for each in written(guard) if each.get("counter") == END]
    return sum(int(each.get("count", 1)) for each in records)


def as_usual(built: Lab) -> None:
    answer = built.lookup(CLIENT, OPEN_NAME)
    assert answer is not None
    assert str(answer.short()) == OPEN_ADDRESS
    assert connect(built, OPEN_ADDRESS, wait=5.0) == "answered"
    assert connect(built, CLOSED_ADDRESS) == "timeout"


def test_a_flood_stops_nobody_and_every_packet_is_accounted_for(lab: tuple[Lab, Guard]) -> None:
    built, guard = lab
    until(lambda: told(guard) == guard.counters()[END])
    flooding = flood()
    for _ in range(5):
        as_usual(built)
    assert flooding.wait(PATIENCE) == 0
    assert guard.counters()[END] >= FLOOD
    until(lambda: told(guard) == guard.counters()[END])
    gaps = [each for each in written(guard) if each["type"] == "UNLOGGED"]
    assert {(each["of"], each["reason"]) for each in gaps} == {
        ("end of tier default", "beyond what is logged in a second")
    }
    assert sum(each["count"] for each in gaps) > FLOOD / 2
    scraped = guard.request("GET", "/metrics").text
    assert f"dnsguard_logged_packets_unlogged_total {sum(each['count'] for each in gaps)}\n" in scraped


def test_nobody_waits_for_a_reader_that_is_stuck(lab: tuple[Lab, Guard]) -> None:
    built, guard = lab
    controller = guard.processes()["controller"]
    os.kill(controller, signal.SIGSTOP)
    try:
        flooding = flood()
        as_usual(built)
        assert flooding.wait(PATIENCE) == 0
        as_usual(built)
    finally:
        os.kill(controller, signal.SIGCONT)
    until(lambda: told(guard) == guard.counters()[END])


def test_a_log_that_another_program_reads_is_left_to_it_and_said(lab: tuple[Lab, Guard]) -> None:
    built, guard = lab
    guard.stop()
    words = inside(topology.NODE, [sys.executable, "-c", HOLDING])
    with subprocess.Popen(words, stdout=subprocess.PIPE) as holding:
        assert holding.stdout is not None
        assert holding.stdout.readline() == b"held\n"
        guard.start()
        (problem,) = until(lambda: guard.status()["problems"])
        assert problem.startswith("the log of denied packets cannot be read, and is tried again: NFLOG group 101")
        before = guard.counters()[END]
        assert connect(built, CLOSED_ADDRESS) == "timeout"
        assert guard.counters()[END] > before
        holding.kill()
    until(lambda: not guard.status()["problems"])
    assert connect(built, CLOSED_ADDRESS) == "timeout"
    until(lambda: shown(guard, "--client", CLOSED_ADDRESS))
