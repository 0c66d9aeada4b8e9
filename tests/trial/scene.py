"""The trial: what stands in it, and the shell's environment.

The lab with a few workloads, a trusted DNS server, one that nobody trusts, and web servers. The shell is the node's;
``from WORKLOAD COMMAND…`` runs a command in a workload, as ``docker exec`` would.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.support.certificates import Authority
from tests.support.documents import manifests_in
from tests.support.lab import topology
from tests.support.lab.lab import Lab
from tests.support.lab.process import inside
from tests.support.lab.topology import Record, Workload

ROOT = Path(__file__).parents[2]
INTERNET = Path(__file__).with_name("internet.py")
NODE_NAME = "trial"

WORKLOADS = (
    Workload("web", "shop", ("10.244.1.10",), {"app": "web"}),
    Workload("billing", "shop", ("10.244.1.11",), {"app": "billing"}),
    Workload("report", "team-a", ("10.244.2.10",), {"tenant": "team-a"}),
    Workload("roll1", "rollout-test", ("10.244.3.10",), {"my-pod-label": "my-value"}),
)

RECORDS = (
    Record("api.example.com", "A", "198.51.100.7"),
    Record("www.example.org", "A", "198.51.100.20"),
    Record("example.com", "A", "198.51.100.1"),
    Record("bob.example.com", "A", "198.51.100.8"),
    Record("shop.example.org", "A", "198.51.100.40"),
    Record("repo.example.net", "A", "198.51.100.30"),
    Record("cdn.example.com", "CNAME", "edge.example.net"),
    Record("edge.example.net", "A", "192.0.2.99"),
    Record("ads.example.com", "A", "203.0.113.66"),
    Record("ntp.example.net", "A", "192.0.2.123"),
    Record("kubernetes.default.svc.cluster.local", "A", "10.10.0.1"),
)
"""What both DNS servers say, the trusted one and the other."""

FROM = """\
#!/bin/sh
# from WORKLOAD COMMAND...: run a command in a workload of the trial
pid=$(cat "{pids}/${{1:-.}}" 2>/dev/null) || {{
    echo "from WORKLOAD COMMAND: the workloads are" $(ls "{pids}") >&2
    exit 2
}}
shift
exec nsenter --target "$pid" --net --mount -- "$@"
"""

START = """\
# What the trial's shell begins with: dnsguard, told of the trial's workloads.
dnsguard run > dnsguard.log 2>&1 &
until dnsguard status > status.txt 2>&1; do sleep 0.2; done
dnsguard apply -f workloads.yaml > /dev/null
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """Where it is."""

    lab: Lab
    directory: Path
    """Where the shell begins. Holds ``start``, ``workloads.yaml``, the documents' manifests, a link to ``deploy``."""

    environment: dict[str, str]

    def shell(self, *words: str) -> list[str]:
        """The command line of a shell in the node."""
        node = self.lab.agent(topology.NODE).process.pid
        command = ["nsenter", "--target", str(node), "--net", "--mount", f"--wd={self.directory}", "--", "bash", *words]
        return ["setpriv", "--pdeathsig", "KILL", *command]


@contextlib.contextmanager
def trial() -> Iterator[Trial]:
    """The caller is in namespaces of its own already (``isolate``)."""
    with Lab(WORKLOADS, RECORDS, RECORDS, tcp_ports=(22, 53, 9999)) as lab:
        authority = Authority(lab.directory / "authority")
        with _internet(authority):
            yield Trial(lab, _furnished(lab), _environment(lab, authority))


@contextlib.contextmanager
def _internet(authority: Authority) -> Iterator[None]:
    signed = authority.sign(*(f"DNS:{record.owner}" for record in RECORDS))
    command = inside(topology.INTERNET, [sys.executable, "-I", str(INTERNET), str(signed.file), str(signed.key)])
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "serving\n"
        yield
    finally:
        server.kill()
        server.communicate()


def _furnished(lab: Lab) -> Path:
    """The shell's directory, with what it is to find there."""
    directory = lab.directory / "trial"
    for each in ("bin", "pids"):
        (directory / each).mkdir(parents=True)
    for workload in WORKLOADS:
        (directory / "pids" / workload.name).write_text(str(lab.agent(workload.name).process.pid))
    (directory / "bin" / "from").write_text(FROM.format(pids=directory / "pids"))
    (directory / "bin" / "from").chmod(0o755)
    (directory / "start").write_text(START)
    (directory / "deploy").symlink_to(ROOT / "deploy")
    endpoints = [*topology.namespaces(WORKLOADS), *map(topology.workload_endpoint, WORKLOADS)]
    (directory / "workloads.yaml").write_text(yaml.safe_dump_all(endpoints, sort_keys=False))
    for document in sorted((ROOT / "deploy").glob("*.md")):
        for name, text in manifests_in(document.read_text()).items():
            (directory / name).write_text(text)
    return directory


def _environment(lab: Lab, authority: Authority) -> dict[str, str]:
    """Of the shell: its own, with dnsguard's settings and curl's trust."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DNSGUARD_")}
    path = f"{lab.directory / 'trial' / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return inherited | {
        "PATH": path,
        "HOME": str(lab.directory / "trial"),
        "CURL_CA_BUNDLE": str(authority.file),
        "DNSGUARD_STATE_DIR": str(lab.directory / "state"),
        "DNSGUARD_RUN_DIR": str(lab.directory / "state" / "run"),
        "DNSGUARD_NODE_NAME": NODE_NAME,
        "DNSGUARD_LISTEN": topology.LISTEN_ADDRESSES[0],
        "DNSGUARD_UPSTREAMS": topology.TRUSTED_ADDRESSES[0],
        "DNSGUARD_REVOKE_ESTABLISHED": "On",
    }
