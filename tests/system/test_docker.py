"""The whole program beside a real Docker engine: containers are endpoints by themselves."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.dockerd import Engine
from tests.support.netns import Namespace, link, namespace
from tests.system.controller import API, Controller, until

pytestmark = [pytest.mark.xdist_group("docker"), pytest.mark.timeout(180)]

INTERNET = "198.51.100.7"
INTERNET6 = "2001:db8:d::7"
V3 = "/apis/projectcalico.org/v3"
BILLING = "com.docker.compose.service"
_SERVE = """
import socket, threading
def serve(family):
    listener = socket.create_server(("::" if family == socket.AF_INET6 else "", 80), family=family)
    while True:
        listener.accept()[0].close()
threading.Thread(target=serve, args=(socket.AF_INET6,), daemon=True).start()
print(flush=True)
serve(socket.AF_INET)
"""


class Whole(Controller):
    """`dnsguard run` on the engine's host."""

    def __init__(self, engine: Engine, directory: Path, *flags: str) -> None:
        super().__init__(engine.node, directory, *flags)
        self._engine = engine

    def start(self, first: str = "") -> None:
        assert not first
        flags = {
            "--state-dir": str(self.directory / "state"),
            "--run-dir": str(self.directory / "run"),
            "--api-listen": API,
            "--upstreams": "192.0.2.10",
            "--listen": "127.0.0.1",
            "--node-name": "here",
            "--workload-interfaces": "veth",
            "--docker": "On",
            "--docker-socket": str(self._engine.socket),
        }
        words = [word for flag in flags.items() for word in flag] + list(self._flags)
        with self.node.entered():
            self._process = subprocess.Popen([sys.executable, "-m", "dnsguard", "run", *words], stderr=self._log)

    def endpoints(self) -> dict[str, Any]:
        """``container/network`` → the object."""
        found = self.request("GET", f"{V3}/namespaces/docker/workloadendpoints")["items"]
        return {".".join(each["metadata"]["name"].split(".")[:-1]): each for each in found}

    def enforced(self) -> set[str]:
        """``container.network`` of those that the kernel knows."""
        found = self.request("GET", "/v1/endpoints")["endpoints"]
        return {".".join(each["name"].split(".")[:-1]) for each in found if each["enforced"]}

    def allow(self, name: str, selector: str, *egress: Any) -> None:
        spec = {"selector": selector, "types": ["Egress"], "egress": list(egress)}
        self.create(f"{V3}/globalnetworkpolicies", "GlobalNetworkPolicy", name, spec)


class Host:
    """All of it."""

    def __init__(self, engine: Engine, program: Whole, internet: Namespace) -> None:
        self.engine = engine
        self.program = program
        self.internet = internet

    def run(self, name: str, *flags: str, command: str = "sleep 86400") -> str:
        return self.engine.run(name, *flags, command=command)

    def reaches(self, container: str, address: str = INTERNET) -> bool:
        """Whether a connection to the internet is made."""
        try:
            self.engine.docker("exec", container, "nc", "-w", "2", address, "80", "-e", "true")
        except AssertionError:
            return False
        return True

    def until_enforced(self, *names: str) -> None:
        until(lambda: self.program.enforced() == set(names))


@pytest.fixture(scope="module")
def host(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with namespace() as internet, ExitStack() as stack:
        link(docker.node, "up0", internet, "eth0")
        for words in (
            "addr add 192.0.2.1/24 dev up0",
            "route add 198.51.100.0/24 via 192.0.2.10",
            "addr add 2001:db8:c::1/64 dev up0 nodad",
            "route add 2001:db8:d::/64 via 2001:db8:c::10",
        ):
            docker.node.run(f"ip {words}")  # fmt: skip
        for words in (
            "addr add 192.0.2.10/24 dev eth0",
            f"addr add {INTERNET}/32 dev eth0",
            "addr add 2001:db8:c::10/64 dev eth0 nodad",
            f"addr add {INTERNET6}/128 dev eth0 nodad",
            "route add default via 192.0.2.1",
            "route add default via 2001:db8:c::1",
        ):
            internet.run(f"ip {words}")  # fmt: skip
        with internet.entered():
            server = subprocess.Popen([sys.executable, "-c", _SERVE], stdout=subprocess.PIPE)
        stack.callback(server.wait)
        stack.callback(server.kill)
        assert server.stdout is not None
        with server.stdout as said:
            said.readline()
        program = Whole(docker, tmp_path_factory.mktemp("docker"))
        stack.callback(docker.empty)
        stack.callback(docker.node.run, "ip link del up0")
        stack.callback(program.close)
        program.start()
        program.until_in_sync()
        program.allow("billing", f"{BILLING} == 'billing'", {"action": "Allow"})
        program.allow("rest", f"has(projectcalico.org/orchestrator) && {BILLING} != 'billing'")
        yield Host(docker, program, internet)


def test_a_label_is_all_it_takes(host: Host) -> None:
    host.engine.docker("network", "create", "--ipv6", "--subnet", "2001:db8:9::/64", "Back_end")
    host.run(
        "pay",
        "--network",
        "Back_end",
        "--label",
        f"{BILLING}=billing",
        "--label",
        f"com.docker.compose.config-hash={'a' * 64}",
    )
    host.run("web", "--label", f"{BILLING}=web")
    host.until_enforced("pay.back-end", "web.bridge")
    pay = host.program.endpoints()["pay.back-end"]
    assert pay["metadata"]["annotations"]["dnsguard.io/docker-labels-left-out"] == "com.docker.compose.config-hash"
    assert [each.partition("/")[2] for each in pay["spec"]["ipNetworks"]] == ["32", "128"]
    assert host.reaches("pay")
    assert host.reaches("pay", INTERNET6)
    assert not host.reaches("web")
    state = host.program.status()["docker"]
    assert (state["containers"], state["endpoints"], state["problem"]) == (2, 2, "")
