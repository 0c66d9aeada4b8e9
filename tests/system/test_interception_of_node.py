"""What the node itself asks other servers, where that is wanted: answered by the forwarder, or by nobody."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support.lab import topology
from tests.support.lab.guard import PROGRAM, Guard
from tests.support.lab.lab import Lab
from tests.support.lab.process import inside, run
from tests.support.lab.running import CLIENT, OPEN_ADDRESS, OPEN_NAME, running, tell_everything
from tests.system.test_interception import LIAR, LIAR6, LIE_NAME, WATCH, addresses, heard_by_rogue, rules

pytestmark = [pytest.mark.xdist_group("interception of the node"), pytest.mark.timeout(300)]

Running = tuple[Lab, Guard]


@pytest.fixture(scope="module")
def lab() -> Iterator[Running]:
    with running(["--intercept-dns", "WorkloadsAndNode"]) as (built, guard):
        run(topology.ROGUE, "nft -f - <<END\n" + WATCH + "END")
        tell_everything(built, guard)
        yield built, guard


def asked_by_node(server: str, name: str = OPEN_NAME, *options: str, wait: int = 3) -> str:
    """What dig prints in the node; empty where no answer came."""
    command = ["dig", f"+time={wait}", "+tries=1", *options, f"@{server}", name, "A"]
    done = subprocess.run(inside(topology.NODE, command), capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("server", [LIAR, LIAR6, *topology.TRUSTED_ADDRESSES])
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_the_node_is_answered_by_the_forwarder(server: str, transport: str) -> None:
    before = heard_by_rogue()
    said = asked_by_node(server, OPEN_NAME, transport)
    assert OPEN_ADDRESS in said
    assert f"SERVER: {server}#53" in said
    assert "status: NXDOMAIN" in asked_by_node(server, LIE_NAME, transport)
    assert heard_by_rogue() == before


@pytest.mark.usefixtures("lab")
def test_the_forwarder_reaches_the_trusted_servers_all_the_same() -> None:
    """A name that nobody asked for yet: the answer cannot be one that was kept."""
    assert topology.bulk_address(31_000) in asked_by_node(LIAR, topology.bulk_name(31_000))


def test_workloads_are_intercepted_as_well(lab: Running) -> None:
    built, _ = lab
    assert addresses(built.lookup(CLIENT, OPEN_NAME, server=LIAR)) == [OPEN_ADDRESS]


@pytest.mark.usefixtures("lab")
def test_without_the_ip_rule_the_packet_does_not_leave() -> None:
    before = heard_by_rogue()
    run(topology.NODE, "ip rule delete preference 53")
    deadline = time.monotonic() + 20
    while not rules(""):
        said = asked_by_node(LIAR, wait=1)
        assert not said or OPEN_ADDRESS in said
        assert time.monotonic() < deadline
    assert OPEN_ADDRESS in asked_by_node(LIAR)
    assert heard_by_rogue() == before


def test_nothing_leaks_while_the_forwarder_is_away(lab: Running) -> None:
    _, guard = lab
    before = heard_by_rogue()
    os.kill(guard.processes()["forwarder"], signal.SIGSTOP)
    for server in LIAR, LIAR6:
        assert not asked_by_node(server, wait=1)
    os.kill(guard.processes()["forwarder"], signal.SIGKILL)
    deadline = time.monotonic() + 20
    while OPEN_ADDRESS not in asked_by_node(LIAR, wait=1):
        assert time.monotonic() < deadline
    guard.await_enforced(30)
    assert heard_by_rogue() == before


def test_upstreams_by_name_are_refused(lab: Running) -> None:
    settings = f"--state-dir {lab[1].state}x --intercept-dns WorkloadsAndNode --upstreams dns.example.org"
    with pytest.raises(RuntimeError, match=r"dns\.example\.org:53 is a name.*write its address"):
        run(topology.NODE, f"{PROGRAM} run {settings}")


def test_uninstall_lets_the_node_ask_again(lab: Running) -> None:
    """The last one here."""
    _, guard = lab
    guard.stop()
    assert not asked_by_node(LIAR, wait=1)
    run(topology.NODE, f"{PROGRAM} uninstall --state-dir {guard.state}")
    assert "198.51.100.66" in asked_by_node(LIAR)
    assert (rules(""), rules("-6")) == ([], [])
