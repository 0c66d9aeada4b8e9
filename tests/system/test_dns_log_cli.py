"""`dnsguard log` at the whole program, in the lab: real queries by dig, live, with the policies that they meet."""

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.lab import topology
from tests.support.lab.guard import PROGRAM, Guard
from tests.support.lab.lab import Lab
from tests.support.lab.process import inside
from tests.support.lab.running import CLIENT, OPEN_ADDRESS, OPEN_NAME, running, tell_everything

pytestmark = [pytest.mark.xdist_group("dns-log"), pytest.mark.timeout(300)]

PATIENCE = 60.0


@pytest.fixture(scope="module")
def lab() -> Iterator[tuple[Lab, Guard]]:
    with running(["--dns-log", "All"]) as (built, guard):
        tell_everything(built, guard)
        yield built, guard


def command(guard: Guard, *words: str) -> list[str]:
    return inside(topology.NODE, [str(PROGRAM), "log", "--state-dir", str(guard.state), *words])


def shown(guard: Guard, *words: str) -> list[dict[str, Any]]:
    done = subprocess.run(command(guard, "-o", "json", *words), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def dig(workload: str, name: str) -> str:
    words = ["dig", f"@{topology.LISTEN_ADDRESSES[0]}", name, "A", "+short", "+tries=1"]
    return subprocess.run(inside(workload, words), capture_output=True, text=True, check=True).stdout


def until_policies_are_named(lab: tuple[Lab, Guard]) -> None:
    """The controller says which policies a pattern is of, a moment after it has said the pattern."""
    _, guard = lab
    give_up = time.monotonic() + PATIENCE
    while True:
        dig(CLIENT, OPEN_NAME)
        found = shown(guard, "--name", OPEN_NAME, "-n", "1")
        if found and all("policies" in match for match in found[-1]["policy_match"]):
            return
        assert time.monotonic() < give_up


def test_what_dig_asks_is_seen_live_with_its_policy(lab: tuple[Lab, Guard]) -> None:
    built, guard = lab
    until_policies_are_named(lab)
    workload = built.workloads[CLIENT]
    who = f"{workload.namespace}/{workload.name}"
    words = command(guard, "--follow", "-n", "0", "--client", who, "--name", "*.example.com")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        try:
            assert tail.stderr.readline() == "following\n"
            dig(CLIENT, "api.alice.com")
            assert OPEN_ADDRESS in dig(CLIENT, OPEN_NAME)
            line = tail.stdout.readline()
        finally:
            tail.terminate()
    assert f"{who} ({workload.address()})" in line
    assert f"{OPEN_NAME} A: " in line
    assert "NOERROR" in line
    assert OPEN_ADDRESS in line
    assert "*.example.com in " in line
    assert ", open for " in line


def test_filters_and_the_file_agree(lab: tuple[Lab, Guard]) -> None:
    built, guard = lab
    until_policies_are_named(lab)
    dig(CLIENT, "api.alice.com")
    dig(CLIENT, OPEN_NAME)
    address = built.workloads[CLIENT].address()
    give_up = time.monotonic() + PATIENCE
    path = guard.state / "dns-log.jsonl"
    while not (records := shown(guard, "--client", address, "--name", "api.alice.com", "-n", "1")):
        assert time.monotonic() < give_up
    (record,) = records
    assert (record["qname"], record["client_ip"], record["rcode"]) == ("api.alice.com", address, "NOERROR")
    assert record["policy_match"][0]["policies"]
    while record not in map(json.loads, path.read_text().splitlines()):
        assert time.monotonic() < give_up
    assert shown(guard, "--denied", "--client", address, "--name", "api.alice.com") == []


def lines_of(guard: Guard, *words: str) -> list[str]:
    """For people, once there are some."""
    give_up = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(command(guard, *words), capture_output=True, text=True, check=True)
        if lines := done.stdout.splitlines():
            return lines
        assert time.monotonic() < give_up


def test_what_no_name_may_open_is_said_to_be_not_opened(lab: tuple[Lab, Guard]) -> None:
    built, guard = lab
    assert dig(CLIENT, "metadata.example.com").split() == ["169.254.169.254"]
    address = built.workloads[CLIENT].address()
    (line, *_) = lines_of(guard, "--client", address, "--name", "metadata.example.com")
    assert " NOERROR 169.254.169.254 " in line
    assert line.endswith(" not opened: 169.254.169.254 (link-local)")
    (record, *_) = shown(guard, "--client", address, "--name", "metadata.example.com")
    assert (record["withheld"], record["withheld_reasons"]) == (["169.254.169.254"], ["link-local"])


def test_a_look_up_of_the_node_opens_to_every_endpoint_and_says_so(lab: tuple[Lab, Guard]) -> None:
    _, guard = lab
    dig(topology.NODE, "a.b.example.com")
    (line, *_) = lines_of(guard, "--name", "a.b.example.com")
    assert " node (" in line
    assert ", open to every endpoint that may, for " in line


def test_a_client_that_is_not_there_is_said(lab: tuple[Lab, Guard]) -> None:
    _, guard = lab
    done = subprocess.run(command(guard, "--client", "shop/nobody"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "dnsguard log: there is no endpoint 'shop/nobody'\n")
