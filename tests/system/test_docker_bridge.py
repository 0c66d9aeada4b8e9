"""The whole program on a Docker host, for the containers of one network: what they ask and reach, what others do, and
what is left of it when it stops."""

import contextlib
import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import dnslib
import pytest

from dnsguard.netlink.bridges import machine_bridges
from tests.support.dockerd import Engine
from tests.support.dockerhost import ADDRESSES, Program, dockerhost
from tests.support.netns import Namespace
from tests.system.controller import until

pytestmark = [pytest.mark.xdist_group("docker"), pytest.mark.timeout(180), pytest.mark.soak]

BRIDGE, GATEWAY, OPEN = "dnsguard0", "172.30.53.1", ADDRESSES[0]
FLAGS = (
    "--workload-interfaces", "cali", "--workload-bridges", BRIDGE, "--docker-networks", "guarded",
    "--intercept-dns", "Workloads", "--listen", f"127.0.0.1,{GATEWAY}", "--on-stop", "Remove",
)  # fmt: skip


@contextlib.contextmanager
def upstream(internet: Namespace) -> Iterator[list[str]]:
    """The trusted server, which knows one address for all names; who asked it."""
    asked: list[str] = []
    with internet.entered():
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("192.0.2.10", 53))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                data, peer = listening.recvfrom(4096)
                query = dnslib.DNSRecord.parse(data)
                asked.append(peer[0])
                reply = query.reply()
                if query.q.qtype == dnslib.QTYPE.A:
                    reply.add_answer(dnslib.RR(query.q.qname, dnslib.QTYPE.A, rdata=dnslib.A(OPEN), ttl=60))
                listening.sendto(reply.pack(), peer)

    threading.Thread(target=serve, daemon=True).start()
    with listening, internet.entered(), socket.create_server((OPEN, 80), backlog=100):
        yield asked


def state(node: Namespace) -> list[str]:
    """What a run might leave on the host."""
    with node.entered():
        calls = [f"{name} {bridge.calls}" for name, bridge in machine_bridges().bridges.items()]
    lists = "nft -s list ruleset", "ip rule list", "ip -6 rule list", "ip route show table 10053", "sysctl -a"
    said = [node.run(each) if "table" not in each else _routes(node, each) for each in lists]
    return [*sorted(calls), *(line for text in said for line in text.splitlines() if _is_kept(line))]


def _routes(node: Namespace, command: str) -> str:
    with contextlib.suppress(AssertionError):  # the kernel has no such table
        return node.run(command)
    return ""


def _is_kept(line: str) -> bool:
    """But what the kernel counts, and what belongs to interfaces that come and go with containers."""
    mine = re.match(r"net\.(ipv4|ipv6|bridge|netfilter|core)\.", line) is not None
    passing = re.search(r"veth|up0|random|count|usage|inode|neigh\.|state", line) is not None
    return ("=" not in line or mine) and not (mine and passing)


def reaches(engine: Engine, container: str) -> bool:
    return engine.docker("exec", container, "sh", "-c", f"nc -w 1 {OPEN} 80 -e true && echo made || true") == "made"


def addresses(engine: Engine, container: str, *words: str) -> set[str]:
    """What a container finds by nslookup."""
    said = engine.docker("exec", container, "sh", "-c", f"nslookup -type=a {' '.join(words)} || true")
    return {OPEN} & set(re.findall(r"Address:\s*(\S+)", said))


def leases(program: Program) -> set[str]:
    """Clients with something open."""
    text = program.node.run("nft list table inet dnsguard")
    return set(re.findall(rf"(172\.30\.53\.\d+) \. {re.escape(OPEN)} timeout", text))


def test_the_containers_of_one_network_and_nothing_else(docker: Engine, tmp_path: Path) -> None:
    run, node = docker.docker, docker.node
    run("network", "create", "--subnet", "172.30.53.0/24", "-o", f"com.docker.network.bridge.name={BRIDGE}", "guarded")
    with contextlib.ExitStack() as stack:
        before = state(node)
        program, internet = stack.enter_context(dockerhost(docker, tmp_path, *FLAGS))
        stack.enter_context(upstream(internet))
        program.select(
            "named", "role in {'one', 'two'}", {"action": "Allow", "destination": {"domains": ["open.example"]}}
        )
        program.select("others", "role == 'three'")
        for name in "one", "two", "three":
            docker.run(name, "--network", "guarded", "--dns", GATEWAY, "--label", f"role={name}")
        docker.run("free")
        program.until_enforced("one.guarded", "two.guarded", "three.guarded")
        assert reaches(docker, "free"), "a container of another network is nobody's business"

        # By Docker's own resolver, which asks in the container's name.
        one, two = (
            run("inspect", "-f", "{{.NetworkSettings.Networks.guarded.IPAddress}}", each) for each in ("one", "two")
        )
        assert "127.0.0.11" in run("exec", "one", "cat", "/etc/resolv.conf")
        assert not reaches(docker, "one")
        assert addresses(docker, "one", "open.example") == {OPEN}
        assert leases(program) == {one}
        assert reaches(docker, "one")
        assert not reaches(docker, "two"), "what one looked up is open for it alone"
        assert addresses(docker, "one", "other.example") == set()

        # Another server is asked, and dnsguard answers.
        assert addresses(docker, "two", "open.example", "8.8.8.8") == {OPEN}
        assert leases(program) == {one, two}
        assert reaches(docker, "two")
        assert addresses(docker, "two", "other.example", "8.8.8.8") == set()

        program.stop(signal.SIGKILL)
        docker.run("late", "--network", "guarded", "--dns", GATEWAY, "--label", "role=one")
        assert reaches(docker, "one")
        assert not reaches(docker, "late")
        program.start()
        program.until_in_sync()
        until(lambda: "late.guarded" in program.enforced())
        assert addresses(docker, "late", "open.example") == {OPEN}
        assert reaches(docker, "late")
        assert not reaches(docker, "three")
        program.stop()
        assert state(node) == before
        assert reaches(docker, "three")
