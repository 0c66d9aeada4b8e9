"""With several workers the one that owns the leases takes what is intercepted."""

import os
import signal

import pytest

from tests.support.lab import topology
from tests.support.lab.running import CLIENT, OPEN_ADDRESS, OPEN_NAME, PORT, running, tell_everything
from tests.system.test_interception import LIAR, LIAR6, addresses

pytestmark = [pytest.mark.xdist_group("interception by workers"), pytest.mark.timeout(300)]


def test_beside_other_workers_queries_are_intercepted_and_a_restart_loses_none() -> None:
    with running(["--intercept-dns", "Workloads", "--workers", "2"]) as (lab, guard):
        tell_everything(lab, guard)
        for server in LIAR, LIAR6, topology.LISTEN_ADDRESSES[0]:
            assert addresses(lab.lookup(CLIENT, OPEN_NAME, server=server)) == [OPEN_ADDRESS]
        tried = lab.agent(CLIENT).call("connect", transport="tcp", address=OPEN_ADDRESS, port=PORT)
        assert tried["outcome"] == "answered"
        os.kill(guard.processes()["forwarder"], signal.SIGKILL)
        # It waits for the next one, which has policy of up to half a second before until the controller tells it more.
        assert lab.lookup(CLIENT, OPEN_NAME, server=LIAR, transport="tcp", wait=20) is not None
        guard.await_enforced(30)
        assert addresses(lab.lookup(CLIENT, OPEN_NAME, server=LIAR)) == [OPEN_ADDRESS]
