"""The whole program beside a real Docker engine: containers are endpoints by themselves."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dnsguard.discovery.docker.labels import NETWORK
from tests.support.dockerd import Engine, engine, lacking
from tests.support.dockerhost import ADDRESS6, ADDRESSES, V3, Program, dockerhost
from tests.support.netns import Namespace
from tests.system.controller import until

pytestmark = [pytest.mark.xdist_group("docker"), pytest.mark.timeout(300)]

SERVICE = "com.docker.compose.service"
BILLING = "--label", f"{SERVICE}=billing"


class Host:
    """All of it."""

    def __init__(self, engine: Engine, program: Program, internet: Namespace) -> None:
        self.engine = engine
        self.program = program
        with internet.entered():
            self._sockets = {address: _listening(address) for address in (ADDRESSES[0], ADDRESS6)}

    def close(self) -> None:
        for each in self._sockets.values():
            each.close()

    def reaches(self, container: str, address: str = ADDRESSES[0]) -> bool:
        """Whether a connection to the internet is made, by the engine's own account of what ran."""
        said = self.engine.docker("exec", container, "sh", "-c", f"nc -w 1 {address} 80 -e true && echo made || true")
        return said == "made"


def _listening(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, 80), family=family, backlog=100)


@pytest.fixture(scope="module")
def host(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with dockerhost(docker, tmp_path_factory.mktemp("docker")) as (program, internet):
        program.select("billing", f"{SERVICE} == 'billing'", {"action": "Allow"})
        program.select("others", f"projectcalico.org/orchestrator == 'docker' && {SERVICE} != 'billing'")
        made = Host(docker, program, internet)
        yield made
        made.close()


def test_a_label_is_all_it_takes_in_every_network_while_it_is_there(host: Host) -> None:
    docker, program = host.engine.docker, host.program
    named = "com.docker.network.bridge.name=back0"
    docker("network", "create", "--ipv6", "--subnet", "2001:db8:9::/64", "--opt", named, "Back_end")
    host.engine.run("pay", *BILLING, "--network", "Back_end", "--label", f"com.docker.compose.config-hash={'a' * 64}")
    host.engine.run("web", "--label", f"{SERVICE}=web")
    docker("run", "--detach", "--name", "sidecar", "--network", "container:pay", "busybox:here", "sleep", "86400")
    docker("run", "--detach", "--name", "agent", "--network", "host", "busybox:here", "sleep", "86400")
    program.until_enforced("pay.back-end", "web.bridge")
    pay = program.endpoints()["pay.back-end"]
    assert pay["metadata"]["annotations"]["dnsguard.io/docker-labels-left-out"] == "com.docker.compose.config-hash"
    assert pay["metadata"]["labels"][NETWORK] == "Back_end"
    assert [each.partition("/")[2] for each in pay["spec"]["ipNetworks"]] == ["32", "128"]
    assert host.reaches("pay")
    assert host.reaches("pay", ADDRESS6)
    assert host.reaches("sidecar")
    assert not host.reaches("web")
    state = program.status()["docker"]
    assert (state["containers"], state["endpoints"], state["problem"]) == (4, 2, "")

    with program.client() as client:
        answer = client.delete(f"{V3}/namespaces/docker/workloadendpoints/{pay['metadata']['name']}")
    assert answer.status_code == 403
    assert "docker-discovery" in answer.json()["message"]

    docker("network", "connect", "bridge", "pay")
    docker("rename", "web", "shop")
    docker("pause", "shop")
    program.until_enforced("pay.back-end", "pay.bridge", "shop.bridge")
    docker("network", "disconnect", "Back_end", "pay")
    docker("rm", "--force", "shop", "sidecar", "agent")
    program.until_enforced("pay.bridge")
    before = program.endpoints()["pay.bridge"]["spec"]["interfaceName"]
    docker("restart", "--time", "0", "pay")
    until(lambda: program.enforced() == {"pay.bridge"} and _port(program, "pay.bridge") not in ("", before))
    assert host.reaches("pay")
    host.engine.empty()
    program.until_enforced()


def _port(program: Program, name: str) -> str:
    return str(program.endpoints().get(name, {}).get("spec", {}).get("interfaceName", ""))


def test_restarts_of_either_lose_nothing_and_open_nothing(host: Host) -> None:
    """Killed, each, while containers go on; what happens meanwhile is seen afterwards."""
    docker, program = host.engine.docker, host.program
    host.engine.run("pay", *BILLING)
    host.engine.run("web")
    program.until_enforced("pay.bridge", "web.bridge")

    program.stop(signal.SIGKILL)
    assert host.reaches("pay")
    assert not host.reaches("web")
    docker("rm", "--force", "web")
    host.engine.run("late")  # with the address that web had
    assert not host.reaches("late")
    program.start()
    program.until_in_sync()
    program.until_enforced("pay.bridge", "late.bridge")
    assert host.reaches("pay")
    assert not host.reaches("late")

    host.engine.stop(signal.SIGKILL)
    said = until(lambda: [each for each in program.status()["problems"] if each.startswith("docker: ")])
    assert "the endpoints that it told of last stay" in said[0]
    assert program.enforced() == {"pay.bridge", "late.bridge"}
    host.engine.start()
    docker("rm", "--force", "late")
    if not docker("ps", "--quiet"):  # an engine that was killed ends what it does not find again
        docker("start", "pay")
    until(lambda: not program.status()["docker"]["problem"])
    program.until_enforced("pay.bridge")
    assert host.reaches("pay")
    host.engine.empty()
    program.until_enforced()


@pytest.mark.soak
@pytest.mark.skipif(bool(lacking()), reason=lacking())
def test_with_live_restore_a_container_notices_nothing(tmp_path: Path) -> None:
    with engine("--live-restore") as own, dockerhost(own, tmp_path) as (program, internet):
        host = Host(own, program, internet)
        program.select("billing", f"{SERVICE} == 'billing'", {"action": "Allow"})
        program.select("others", f"projectcalico.org/orchestrator == 'docker' && {SERVICE} != 'billing'")
        own.run("pay", *BILLING)
        own.run("web")
        program.until_enforced("pay.bridge", "web.bridge")
        before = program.endpoints()
        own.stop(signal.SIGKILL)
        until(lambda: program.status()["docker"]["problem"])
        own.start()
        until(lambda: not program.status()["docker"]["problem"])
        assert program.endpoints() == before
        assert host.reaches("pay")
        assert not host.reaches("web")
        host.close()
