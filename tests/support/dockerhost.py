"""A Docker host with dnsguard on it, and an internet behind it with two addresses."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.support.dockerd import Engine
from tests.support.netns import Namespace, link, namespace
from tests.system.controller import API, Controller, until

ADDRESSES = "198.51.100.7", "198.51.100.8"
ADDRESS6 = "2001:db8:d::7"
UPLINK = "up0"
BRIDGES = "docker0", "back0"
"""That are managed: Docker's own, and one that a test may have it make by that name."""

V3 = "/apis/projectcalico.org/v3"
_ON_NODE = (
    "addr add 192.0.2.1/24 dev up0",
    "route add 198.51.100.0/24 via 192.0.2.10",
    "addr add 2001:db8:c::1/64 dev up0 nodad",
    "route add 2001:db8:d::/64 via 2001:db8:c::10",
)
_BEYOND = (
    "addr add 192.0.2.10/24 dev eth0",
    *(f"addr add {address}/32 dev eth0" for address in ADDRESSES),
    "addr add 2001:db8:c::10/64 dev eth0 nodad",
    f"addr add {ADDRESS6}/128 dev eth0 nodad",
    "route add default via 192.0.2.1",
    "route add default via 2001:db8:c::1",
)


class Program(Controller):
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
            "--workload-bridges": ",".join(BRIDGES),
            "--docker": "On",
            "--docker-socket": str(self._engine.socket),
        }
        words = [word for flag in flags.items() for word in flag] + list(self._flags)
        with self.node.entered():
            self._process = subprocess.Popen([sys.executable, "-m", "dnsguard", "run", *words], stderr=self._log)

    def endpoints(self) -> dict[str, Any]:
        """``container.network`` → the object."""
        found = self.request("GET", f"{V3}/namespaces/docker/workloadendpoints")["items"]
        return {_without_id(each["metadata"]["name"]): each for each in found}

    def enforced(self) -> set[str]:
        """``container.network`` of those that the kernel knows."""
        found = self.request("GET", "/v1/endpoints")["endpoints"]
        return {_without_id(each["name"]) for each in found if each["enforced"]}

    def until_enforced(self, *names: str) -> None:
        """These and no others."""
        until(lambda: self.enforced() == set(names))

    def select(self, name: str, selector: str, *egress: Any) -> None:
        """A policy for egress of these; without rules nothing is allowed."""
        spec = {"selector": selector, "types": ["Egress"], "egress": list(egress)}
        self.create(f"{V3}/globalnetworkpolicies", "GlobalNetworkPolicy", name, spec)


def _without_id(name: str) -> str:
    return name.rpartition(".")[0]


def to(*nets: str) -> dict[str, Any]:
    """A rule that allows what goes there."""
    return {"action": "Allow", "destination": {"nets": list(nets)}}


@contextmanager
def dockerhost(engine: Engine, directory: Path, *flags: str) -> Iterator[tuple[Program, Namespace]]:
    """dnsguard, in sync, and the internet. Containers are gone afterwards."""
    with namespace() as internet, ExitStack() as stack:
        link(engine.node, UPLINK, internet, "eth0")
        stack.callback(engine.node.run, f"ip link del {UPLINK}")
        stack.callback(engine.empty)
        for words in _ON_NODE:
            engine.node.run(f"ip {words}")
        for words in _BEYOND:
            internet.run(f"ip {words}")
        program = Program(engine, directory, *flags)
        stack.callback(program.close)
        program.start()
        program.until_in_sync()
        yield program, internet
