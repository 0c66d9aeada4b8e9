"""What happens when somebody else takes rules away under traffic, and when processes die at odd moments."""

import os
import random
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab import topology
from tests.support.lab.guard import Guard
from tests.support.lab.lab import Lab
from tests.support.lab.process import run
from tests.support.lab.running import (
    CLIENT,
    CLOSED_ADDRESS,
    OPEN_ADDRESS,
    OPEN_NAME,
    PORT,
    running,
    tell_everything,
)

pytestmark = [pytest.mark.xdist_group("attack on the rules"), pytest.mark.timeout(300)]

Running = tuple[Lab, Guard]

LONGEST_GAP = 6.0
"""Seconds until a table that others removed is back: it is seen within three looks, one a second."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Running]:
    with running() as (built, guard):
        tell_everything(built, guard)
        yield built, guard


def outcomes(lab: Lab) -> tuple[str, str]:
    """Of a connection that policy allows and of one that it denies."""
    agent = lab.agent(CLIENT)
    tried = [
        agent.submit("connect", transport="tcp", address=address, port=PORT, wait=0.2)
        for address in (OPEN_ADDRESS, CLOSED_ADDRESS)
    ]
    first, second = (each.result(10)["outcome"] for each in tried)
    return first, second


AS_WRITTEN = ("answered", "timeout")


def chains() -> list[str]:
    text = run(topology.NODE, "nft -s list table inet dnsguard")
    return sorted(re.sub(r"(packets|bytes|timeout) \w+", "", text).splitlines())


@pytest.mark.parametrize(
    "damage",
    [
        "delete table inet dnsguard",
        "flush ruleset",
        "flush table inet dnsguard",
        "flush chain inet dnsguard forward-egress",
        "insert rule inet dnsguard forward-egress accept",
        "flush map inet dnsguard workload-egress-4",
    ],
)
def test_rules_that_others_change_come_back_and_leases_with_them(lab: Running, damage: str) -> None:
    built, guard = lab
    built.agent(CLIENT).call("resolve", name=OPEN_NAME, family=4)
    assert outcomes(built) == AS_WRITTEN
    before, restored = chains(), guard.status()["warnings"]
    run(topology.NODE, f"nft {damage}")
    started = time.monotonic()
    while guard.status()["warnings"] == restored or outcomes(built) != AS_WRITTEN:
        assert time.monotonic() - started < LONGEST_GAP
    assert chains() == before


def test_processes_killed_at_random_open_and_close_nothing(lab: Running) -> None:
    built, guard = lab
    chance = random.Random(7)
    agent = built.agent(CLIENT)
    agent.call("resolve", name=OPEN_NAME, family=4)
    rounds = 120
    names = [topology.bulk_name(number + 500) for number in range(rounds)]
    steady = agent.submit(
        "steady",
        names=names,
        port=PORT,
        allowed=OPEN_ADDRESS,
        denied=CLOSED_ADDRESS,
        rounds=rounds,
        interval=0.05,
    )
    for role in ("forwarder", "controller", "controller", "forwarder", "controller"):
        time.sleep(chance.uniform(0.05, 1.5))
        if (process := guard.processes().get(role)) is not None:
            os.kill(process, signal.SIGKILL)
    seen = steady.result(60)
    assert {each["denied"] for each in seen} == {"timeout"}
    assert {each["allowed"] for each in seen} == {"answered"}
    assert {each["connection"] for each in seen} <= {"answered", "not tried"}
    guard.await_enforced(30)
    assert set(guard.processes()) == {"run", "controller", "forwarder"}


def test_a_killed_supervisor_leaves_no_process_and_no_lock(lab: Running) -> None:
    built, guard = lab
    built.agent(CLIENT).call("resolve", name=OPEN_NAME, family=4)
    processes = guard.processes()
    os.kill(processes.pop("run"), signal.SIGKILL)
    deadline = time.monotonic() + 30
    while any(alive(process) for process in processes.values()):
        assert time.monotonic() < deadline
    assert outcomes(built) == AS_WRITTEN
    guard.stop()
    guard.start()
    assert outcomes(built) == AS_WRITTEN


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
