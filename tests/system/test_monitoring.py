"""A real Prometheus, configured as deploy/monitoring/ has it, scrapes a real dnsguard: what rules and dashboard read is
there, and faults set off alerts."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from dnslib import DNSRecord

from tests.support.documents import typed_in
from tests.support.monitoring import FOLDER, OF_DOCKER, RULES, expressions, metrics_in
from tests.support.netns import Namespace, namespace
from tests.support.shell import Shell

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        any(shutil.which(each) is None for each in ("prometheus", "promtool", "dnsmasq")),
        reason="Prometheus or dnsmasq is not installed (deploy/setup --docker brings them)",
    ),
]

ROOT = FOLDER.parents[1]
PROMETHEUS = "http://127.0.0.1:9090/api/v1"
PATIENCE = 90.0

ENDPOINT = """\
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: roll1, namespace: rollout-test, labels: {my-pod-label: my-value}}
spec: {node: here, interfaceName: cali1, ipNetworks: [10.65.0.2], profiles: [kns.rollout-test]}
"""


class Watched:
    """A node with dnsguard, an upstream, a workload and a Prometheus. Belongs to a thread that has entered it."""

    def __init__(self, node: Namespace, workload: Namespace, directory: Path) -> None:
        self.workload = workload
        self.directory = directory
        self._environment = dict(
            os.environ,
            PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            DNSGUARD_STATE_DIR=str(directory / "state"),
            DNSGUARD_RUN_DIR=str(directory / "run"),
            DNSGUARD_NODE_NAME="here",
            DNSGUARD_UPSTREAMS="127.0.0.9",
            DNSGUARD_LISTEN="127.0.0.1,10.65.0.1",
            DNSGUARD_SELF_TEST_INTERVAL="1",
        )
        node.run(f"ip link add cali1 type veth peer name eth0 netns {workload.pid}")
        node.run("ip link add uplink type veth peer name beyond")
        for interface, address in ("cali1", "10.65.0.1/24"), ("uplink", "192.0.2.1/24"):
            node.run(f"ip address add {address} dev {interface}")
            node.run(f"ip link set {interface} up")
        node.run("ip link set beyond up")
        node.run("sysctl -q -w net.ipv4.ip_forward=1")
        workload.run("ip address add 10.65.0.2/24 dev eth0")
        workload.run("ip link set eth0 up")
        workload.run("ip route add default via 10.65.0.1")
        self.upstream = self._started(
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--port=53",
            "--bind-interfaces", "--listen-address=127.0.0.9", "--user=root", f"--pid-file={directory / 'dnsmasq.pid'}",
            "--address=/example.com/192.0.2.80",
        )  # fmt: skip
        self.dnsguard = self._started("dnsguard", "run")
        self.shell = Shell(directory, environment=self._environment)
        self.prometheus = httpx.Client(base_url=PROMETHEUS, timeout=20)

    def _started(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.directory / f"{words[0]}.log").open("ab") as log:
            return subprocess.Popen(words, env=self._environment, stdout=log, stderr=log)

    def typed(self, command: str) -> str:
        code, said = self.shell.typed(command)
        assert code == 0, f"{command}\n{said}"
        return said

    def until(self, look: Callable[[], bool], what: Callable[[], str]) -> None:
        give_up = time.monotonic() + PATIENCE
        while not look():
            assert time.monotonic() < give_up, f"{what()}\n{(self.directory / 'dnsguard.log').read_text()}"
            time.sleep(0.1)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Raises where it is none, or Prometheus is not there."""
        answer = self.prometheus.get("/query", params={"query": expression})
        assert answer.status_code == 200, f"{expression}\n{answer.text}"
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def is_ready(self) -> bool:
        return self.shell.typed("curl -sf --unix-socket $DNSGUARD_RUN_DIR/api.sock http://localhost/readyz")[0] == 0

    def scrapes_both(self) -> bool:
        try:
            answer = self.prometheus.get("/query", params={"query": "up == 1"})
        except httpx.TransportError:
            return False
        return answer.is_success and len(answer.json()["data"]["result"]) == 2

    def names(self) -> set[str]:
        """Of all series that Prometheus has."""
        return set(self.prometheus.get("/label/__name__/values").json()["data"])

    def firing(self) -> set[str]:
        return {each["metric"]["alertname"] for each in self.query('ALERTS{alertstate="firing"}')}

    def ask(self, *names: str) -> None:
        """Of the workload; nobody waits for the answers."""
        with self.workload.entered(), socket.socket(type=socket.SOCK_DGRAM) as asker:
            for name in names:
                asker.sendto(DNSRecord.question(name).pack(), ("10.65.0.1", 53))

    def connect(self, address: str) -> None:
        """Of the workload; nobody waits for that."""
        with self.workload.entered(), socket.socket() as sock:
            sock.setblocking(False)
            sock.connect_ex((address, 443))

    def forwarder(self) -> int:
        """Its process."""
        children = Path(f"/proc/{self.dnsguard.pid}/task/{self.dnsguard.pid}/children").read_text().split()
        return next(int(each) for each in children if b"\0forwarder\0" in Path(f"/proc/{each}/cmdline").read_bytes())

    def close(self) -> None:
        self.prometheus.close()
        self.shell.close()
        for process in self.dnsguard, self.upstream:
            process.terminate()
            process.wait(PATIENCE)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """With Prometheus started by the commands of deploy/monitoring.md, in a folder as the checkout is, on copies of the
    files that differ in their times: seconds for minutes."""
    directory = tmp_path_factory.mktemp("watched")
    shutil.copytree(FOLDER, directory / "deploy" / "monitoring")
    hurried(directory / "deploy" / "monitoring" / "prometheus.yml", r"_interval: \d+s", "_interval: 1s")
    hurried(directory / "deploy" / "monitoring" / RULES.name, r"for: \d+[mh]", "for: 2s")
    with namespace() as node, namespace() as workload, node.entered():
        made = Watched(node, workload, directory)
        try:
            made.until(made.is_ready, lambda: "it is not ready")
            (directory / "roll1.yaml").write_text(ENDPOINT)
            made.typed(f"dnsguard apply -f {ROOT}/deploy/examples/001-dns-policy.yaml -f roll1.yaml")
            for block in typed_in((ROOT / "deploy" / "monitoring.md").read_text()):
                for command in block.commands:
                    # Its tests are run by tests/unit/test_monitoring.py, with the times as they are.
                    if "test rules" not in command:
                        made.typed(command.replace("/tmp/prometheus", str(directory / "prometheus")))
            made.until(made.scrapes_both, lambda: "Prometheus does not scrape both")
            yield made
        finally:
            made.close()


def hurried(path: Path, pattern: str, replacement: str) -> None:
    text, changed = re.subn(pattern, replacement, path.read_text())
    assert changed
    path.write_text(text)


def test_every_metric_of_rules_and_dashboard_is_there_and_every_expression_is_one(watched: Watched) -> None:
    watched.ask("www.example.org")
    watched.connect("192.0.2.99")
    # Of alerts there are series only while one waits or fires, which the other test waits for.
    wanted = {name for _, expression in expressions() for name in metrics_in(expression)} - {"ALERTS"}
    wanted = {name for name in wanted if not name.startswith(OF_DOCKER)}

    def all_are_there() -> bool:
        # Many: the time of an upstream is taken of a sample, and told once that is large enough.
        watched.ask(*(f"{time.monotonic_ns() + number}.example.com" for number in range(100)))
        return wanted <= watched.names()

    watched.until(all_are_there, lambda: f"missing: {sorted(wanted - watched.names())}")
    for _, expression in expressions():
        watched.query(expression)
    assert watched.query("dnsguard_denied_endpoint_packets_total")[0]["metric"]["endpoint"] == "roll1"
    assert not watched.firing()


def test_an_upstream_that_stops_and_a_forwarder_that_hangs_set_off_their_alerts(watched: Watched) -> None:
    watched.until(lambda: not watched.firing(), lambda: f"{watched.firing()} fire before")
    watched.upstream.send_signal(signal.SIGKILL)
    watched.upstream.wait()

    def upstream_is_missed() -> bool:
        watched.ask(f"{time.monotonic_ns()}.example.com")
        return "DnsguardNoUpstream" in watched.firing()

    watched.until(upstream_is_missed, lambda: "no alert of the upstream")
    forwarder = watched.forwarder()
    os.kill(forwarder, signal.SIGSTOP)
    watched.until(lambda: "DnsguardForwarderDown" in watched.firing(), lambda: "no alert of the forwarder")
    with contextlib.suppress(ProcessLookupError):  # it may have been replaced by now
        os.kill(forwarder, signal.SIGCONT)
