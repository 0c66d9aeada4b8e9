"""The engine that other tests use: it runs containers on a host of its own, and dies and comes back as they want."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.dockerd import Engine, engine, lacking

pytestmark = pytest.mark.xdist_group("docker")


def test_its_containers_are_on_a_host_of_their_own(docker: Engine) -> None:
    docker.run("web", "--label", "role=web")
    docker.run("monitor", "--network", "host")
    assert docker.docker("exec", "web", "hostname", "-i") == "172.17.0.2"
    assert "docker0" in docker.docker("exec", "monitor", "ip", "link")
    assert "docker0" in docker.node.run("ip link")
    assert "docker0" not in os.listdir("/sys/class/net")  # noqa: PTH208
    key = Path(docker.docker("inspect", "--format", "{{.NetworkSettings.SandboxKey}}", "web"))
    assert key.parent == docker.namespaces
    assert key.stat().st_dev == Path("/proc/self/ns/net").stat().st_dev
    docker.empty()
    assert docker.docker("ps", "--all", "--quiet") == ""


@pytest.mark.soak
@pytest.mark.skipif(bool(lacking()), reason=lacking())
def test_containers_outlive_the_daemon_where_that_is_asked_for_and_nothing_outlives_the_engine() -> None:
    with engine("--live-restore") as own:
        own.run("web")
        state = own.docker("inspect", "--format", "{{json .State}}", "web")
        own.stop(signal.SIGKILL)
        own.start()
        assert own.docker("inspect", "--format", "{{json .State}}", "web") == state
    assert not list(Path("/sys/fs/cgroup").glob(f"**/dnsguard-test-{os.getpid()}-{own.node.pid}"))
