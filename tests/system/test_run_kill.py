"""The end of either process under steady look-ups and connections: what was open stays open, closed stays closed, and
nobody who asks a name goes without an answer."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.support.lab.guard import Guard
from tests.support.lab.lab import Lab
from tests.support.lab.process import run
from tests.support.lab.running import (
    CLIENT,
    CLOSED_ADDRESS,
    OPEN_ADDRESS,
    OPEN_NAME,
    PORT,
    kill,
    running,
    tell_everything,
)

pytestmark = [pytest.mark.xdist_group("kill"), pytest.mark.timeout(300)]

Running = tuple[Lab, Guard]

PATIENCE = 60.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Running]:
    with running() as (built, guard):
        tell_everything(built, guard)
        yield built, guard


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("role", ["controller", "forwarder"])
def test_a_process_that_ends_is_replaced_and_nothing_is_lost_or_let_through(
    lab: Running, role: str, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    outage = kill(*lab, role, number)
    with capsys.disabled():
        print(f"\n{outage}")
    assert outage.lost("denied", "timeout") == 0
    assert outage.lost("allowed", "answered") == 0
    assert outage.lost("connection", "answered") == 0
    assert outage.failed_lookups == 0


def test_a_forwarder_that_hangs_is_replaced(lab: Running) -> None:
    built, guard = lab
    agent = built.agent(CLIENT)
    agent.call("resolve", name=OPEN_NAME, family=4)
    hanging = guard.processes()["forwarder"]
    os.kill(hanging, signal.SIGSTOP)
    deadline = time.monotonic() + PATIENCE
    while guard.processes().get("forwarder", hanging) == hanging:
        assert time.monotonic() < deadline
        tried = agent.call("connect", transport="tcp", address=CLOSED_ADDRESS, port=PORT, wait=0.4)
        assert tried["outcome"] == "timeout"
    assert f"forwarder (pid {hanging}) hangs: killing it" in guard.log.read_text()
    guard.await_enforced(PATIENCE)
    assert agent.call("connect", transport="tcp", address=OPEN_ADDRESS, port=PORT)["outcome"] == "answered"


def test_enforcement_goes_on_while_nothing_runs(lab: Running) -> None:
    built, guard = lab
    agent = built.agent(CLIENT)
    agent.call("resolve", name=OPEN_NAME, family=4)
    assert guard.stop() == 0
    try:
        tried = {
            address: agent.call("connect", transport="tcp", address=address, port=PORT, wait=0.4)["outcome"]
            for address in (OPEN_ADDRESS, CLOSED_ADDRESS)
        }
        assert tried == {OPEN_ADDRESS: "answered", CLOSED_ADDRESS: "timeout"}
    finally:
        guard.start()
    guard.await_enforced()
    assert agent.call("connect", transport="tcp", address=OPEN_ADDRESS, port=PORT)["outcome"] == "answered"


@pytest.mark.usefixtures("lab")
def test_the_table_reads_like_the_policy() -> None:
    text = run("node", "nft list table inet dnsguard")
    assert "GlobalNetworkPolicy/ip-protect ingress rule 0" in text
    assert "end of tier application: deny" in text
