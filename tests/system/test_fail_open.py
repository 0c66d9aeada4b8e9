"""`fail_open_after`, seen from a workload: all of dnsguard is killed, and the time runs out; it is started again."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.lab import topology
from tests.support.lab.guard import PROGRAM, Guard
from tests.support.lab.lab import Lab
from tests.support.lab.process import run
from tests.support.lab.running import CLIENT, CLOSED_ADDRESS, OPEN_ADDRESS, OPEN_NAME, PORT, running, tell_everything

pytestmark = [pytest.mark.xdist_group("fail open"), pytest.mark.timeout(300)]

Running = tuple[Lab, Guard]

LIAR = topology.ROGUE_ADDRESSES[0]
LIE_NAME, LIE_ADDRESS = "fake.example.com", "198.51.100.66"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Running]:
    with running(["--intercept-dns", "Workloads", "--fail-open-after", "30s"]) as (built, guard):
        tell_everything(built, guard)
        yield built, guard


def outcome(built: Lab, address: str) -> str:
    tried = built.agent(CLIENT).call("connect", transport="tcp", address=address, port=PORT, wait=0.4)
    return str(tried["outcome"])


def lie(built: Lab) -> list[str]:
    """What the lying server is heard to say."""
    answer = built.lookup(CLIENT, LIE_NAME, server=LIAR, wait=0.4)
    return [] if answer is None else [str(record.rdata) for record in answer.rr]


def await_(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.1)


def test_it_is_said_loudly_and_closed_while_somebody_is_alive(lab: Running) -> None:
    built, guard = lab
    built.agent(CLIENT).call("resolve", name=OPEN_NAME, family=4)
    assert (outcome(built, OPEN_ADDRESS), outcome(built, CLOSED_ADDRESS), lie(built)) == ("answered", "timeout", [])
    said = "fail_open_after: dnsguard fails open: everything passes 30 s after the last sign of life of the forwarder"
    assert said in guard.status()["warnings"]
    assert said in guard.log.read_text()
    shown = run(topology.NODE, f"env DNSGUARD_STATE_DIR={guard.state} {PROGRAM} status")
    assert f"warning: {said}" in shown


def test_all_killed_it_opens_in_time_and_started_again_it_closes(lab: Running) -> None:
    built, guard = lab
    os.kill(guard.processes()["run"], signal.SIGKILL)
    await_(lambda: guard.processes().keys() == {"run"})
    assert outcome(built, CLOSED_ADDRESS) == "timeout", "not at once: a restart is no death"
    await_(lambda: outcome(built, CLOSED_ADDRESS) == "answered")
    assert guard.counters()["failed-open"] > 0
    assert lie(built) == [LIE_ADDRESS], "DNS goes where the workload sends it"
    guard.stop()
    guard.start()
    assert (outcome(built, CLOSED_ADDRESS), lie(built)) == ("timeout", [])
    guard.await_enforced()
    assert outcome(built, LIE_ADDRESS) == "timeout", "what was learned from others opened nothing"


def test_open_with_a_controller_it_is_a_problem(lab: Running) -> None:
    """The forwarder stands still, and so does who would start it anew."""
    built, guard = lab
    stopped = [guard.processes()[role] for role in ("run", "forwarder")]
    for each in stopped:
        os.kill(each, signal.SIGSTOP)
    try:
        await_(lambda: any("EVERYTHING PASSES" in each for each in guard.status()["problems"]))
        assert outcome(built, CLOSED_ADDRESS) == "answered"
    finally:
        for each in stopped:
            os.kill(each, signal.SIGCONT)
    await_(lambda: not any("EVERYTHING PASSES" in each for each in guard.status()["problems"]))
    assert outcome(built, CLOSED_ADDRESS) == "timeout"
    assert "policy is in force; what connected meanwhile may go on" in guard.log.read_text()
