"""The lab that real clients are tried in: who is there, what they may reach, what the name servers say."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from tests.support.clients.place import Place
from tests.support.lab import topology
from tests.support.lab.guard import Guard
from tests.support.lab.lab import Lab
from tests.support.lab.process import inside
from tests.support.lab.running import NODE_NAME
from tests.support.lab.topology import Record, Workload

HTTP_PORT = 8000

OPEN = Workload("open", "shop", ("10.244.6.20", "fd00::6:20"), {"app": "open"})
"""May ask whatever it likes, and reach what the policy names."""

STRICT = Workload("strict", "shop", ("10.244.6.21", "fd00::6:21"), {"app": "strict"})
"""Has no rule for port 53: only names that it may reach are answered."""

IDLE = Workload("idle", "shop", ("10.244.6.22", "fd00::6:22"), {"app": "open"})
"""Under the same policy as the first, and never looks anything up."""

PLAIN, ALIAS, MANY, SHUT, ABSENT, MIXED = (
    "web.open.example",
    "alias.open.example",
    "many.open.example",
    "web.shut.example",
    "absent.open.example",
    "WwW.oPeN.eXaMpLe",
)
PLAIN_ADDRESSES = {4: {"198.51.100.7"}, 6: {"2001:db8::7"}}
ALIAS_ADDRESSES = {4: {"198.51.100.8"}, 6: {"2001:db8::8"}}
MANY_ADDRESSES = {
    4: {f"198.51.100.{100 + number}" for number in range(40)},
    6: {f"2001:db8:1:2:3:4:5:{100 + number}" for number in range(50)},
}
"""Both sizes are more than what fits in a datagram of those who ask without EDNS; the second in any."""

SHUT_ADDRESSES = {4: {"198.51.100.66"}, 6: {"2001:db8::66"}}


def _records(owner: str, addresses: dict[int, set[str]], ttl: int = 300) -> list[Record]:
    return [
        Record(owner, "A" if version == 4 else "AAAA", text, ttl)
        for version, texts in addresses.items()
        for text in sorted(texts)
    ]


RECORDS = [
    *_records(PLAIN, PLAIN_ADDRESSES),
    *_records(MIXED.lower(), PLAIN_ADDRESSES),
    Record(ALIAS, "CNAME", "edge.cdn.example", 60),
    Record("edge.cdn.example", "CNAME", "far.cdn.example"),
    *_records("far.cdn.example", ALIAS_ADDRESSES),
    *_records(MANY, MANY_ADDRESSES),
    *_records(SHUT, SHUT_ADDRESSES),
]


def addresses(of: dict[int, set[str]], family: int) -> set[str]:
    """Those of a family; of both for 0."""
    return set().union(*(texts for version, texts in of.items() if family in (0, version)))


def policy(name: str, *rules: dict[str, Any]) -> dict[str, Any]:
    """For the workloads of an app: what they may reach."""
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": f"app == '{name}'", "types": ["Egress"], "egress": list(rules)},
    }


ASK = [{"action": "Allow", "protocol": each, "destination": {"ports": [53]}} for each in ("UDP", "TCP")]
DOMAINS = {"action": "Allow", "destination": {"domains": ["*.open.example", f"*.{topology.BULK_DOMAIN}"]}}
POLICIES = [policy("open", *ASK, DOMAINS), policy("strict", DOMAINS)]


@contextlib.contextmanager
def running(
    arguments: Sequence[str] = (), workloads: Sequence[Workload] = (), records: Sequence[Record] = ()
) -> Iterator[tuple[Lab, Guard]]:
    """The lab with dnsguard in force in it, and a web server on every address of its internet; with more as given."""
    workloads = [OPEN, STRICT, IDLE, *workloads]
    with Lab(workloads, [*RECORDS, *records]) as lab, Guard(lab, ["--node-name", NODE_NAME, *arguments]) as guard:
        endpoints = [topology.workload_endpoint(each) for each in workloads]
        guard.apply([*topology.namespaces(workloads), *endpoints, *POLICIES])
        with _web_server():
            yield lab, guard


@contextlib.contextmanager
def _web_server() -> Iterator[None]:
    command = [sys.executable, *f"-u -m http.server --bind :: --directory /proc/self/net {HTTP_PORT}".split()]
    with subprocess.Popen(
        inside(topology.INTERNET, command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        assert server.stdout is not None
        try:
            assert b"Serving HTTP" in server.stdout.readline()
            yield
        finally:
            server.kill()


def place(lab: Lab, workload: Workload) -> Place:
    return Place(workload.name, lab.directory / "clients" / workload.name)


def resolv_conf(server: str = topology.LISTEN_ADDRESSES[0], options: str = "", search: str = "") -> str:
    """With few attempts, which a lost packet does not get through unseen: what is sent is counted."""
    lines = [f"nameserver {server}", f"options timeout:3 attempts:2 {options}".rstrip()]
    return "\n".join([*lines, *([f"search {search}"] if search else [])]) + "\n"
