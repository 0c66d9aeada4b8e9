"""The whole program says "enforcing" once that is proven, and says what it is not able to prove, or not any more."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.localapi import local_client
from tests.support.netns import Namespace, namespace
from tests.support.rights import NET_RAW, SYS_ADMIN, started_without

PATIENCE = 60.0
PROGRAM = [sys.executable, "-m", "dnsguard"]


class Node:
    """A namespace in which the program runs. Belongs to a thread that has entered it."""

    def __init__(self, place: Namespace, directory: Path) -> None:
        self.place = place
        self._environment = dict(
            os.environ,
            DNSGUARD_STATE_DIR=str(directory),
            DNSGUARD_RUN_DIR=str(directory / "run"),
            DNSGUARD_UPSTREAMS="127.0.0.9",
            DNSGUARD_SELF_TEST_INTERVAL="1",
        )
        self._log = directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str, lacking: tuple[int, ...] = ()) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*PROGRAM, "run", *flags], env=self._environment, preexec_fn=started_without(*lacking), stderr=log,
                stdout=log,
            )  # fmt: skip

    def command(self, *words: str) -> tuple[int, str]:
        """Exit code and what it says."""
        done = subprocess.run([*PROGRAM, *words], env=self._environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def first_line(self) -> str:
        """Of ``dnsguard status``."""
        return self.command("status")[1].partition("\n")[0]

    def readyz(self) -> tuple[int, str]:
        """Of the controller."""
        try:
            with local_client(Path(self._environment["DNSGUARD_RUN_DIR"]) / "api.sock") as client:
                answer = client.get("/readyz")
        except httpx.TransportError as error:
            return 0, str(error)
        return answer.status_code, answer.text

    def proven(self) -> str:
        """How it is proven, once it is."""

        def look() -> str:
            code, said = self.readyz()
            found = re.fullmatch(r"enforcing, proven \d+ s ago by (.*)\n", said)
            return found[1] if code == 200 and found else ""

        return self.until(look)

    def until(self, look: Callable[[], str]) -> str:
        give_up = time.monotonic() + PATIENCE
        while not (found := look()):
            assert time.monotonic() < give_up, f"{self.readyz()}\n{self._log.read_text()}"
            time.sleep(0.05)
        return found

    def forwarder(self) -> int:
        return self.child(b"forwarder")

    def child(self, role: bytes) -> int:
        """Its process."""
        assert self._process is not None
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self._process.pid and b"\0" + role + b"\0" in (entry / "cmdline").read_bytes():
                    return int(entry.name)
        raise AssertionError(f"there is no {role.decode()}")

    def end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    def kill(self) -> None:
        """All of it at once, as far as nobody can be warned."""
        assert self._process is not None
        children = [self.child(role) for role in (b"controller", b"forwarder")]
        self._process.kill()
        self._process.wait(PATIENCE)
        self._process = None
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def links(self) -> list[str]:
        return re.findall(r"^\d+: ([^:@]+)", self.place.run("ip link"), re.MULTILINE)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with namespace() as place, place.entered():
        place.run("sysctl -qw net.ipv4.ip_forward=1")
        made = Node(place, tmp_path)
        try:
            yield made
        finally:
            made.end()


def test_readiness_says_enforcing_and_by_what(node: Node) -> None:
    node.start()
    assert node.proven() == "canary (namespace), IPv4"
    assert re.fullmatch(
        r"dnsguard \S+: enforcing, proven \d+ s ago by canary \(namespace\), IPv4(, with \d problems?)?",
        node.first_line(),
    )
    for words in ("get", "networkpolicies,globalnetworkpolicies,tiers,workloadendpoints", "-A"), ("denied",):
        code, said = node.command(*words)
        assert (code, "anary" in said, "192.0.0.24" in said) == (0, False, False)
    node.end()
    assert node.links() == ["lo"]


def test_a_forwarder_that_is_killed_comes_back_and_proves_it_again(node: Node) -> None:
    node.start(lacking=(SYS_ADMIN,))
    assert node.proven() == "canary (veth), IPv4"
    assert node.links() == ["lo", "dgcanary1", "dgcanary0"]
    killed = node.forwarder()
    os.kill(killed, signal.SIGKILL)
    node.until(lambda: "not ready" if node.readyz()[0] == 503 else "")
    assert node.proven() == "canary (veth), IPv4"
    assert node.forwarder() != killed
    assert node.links() == ["lo", "dgcanary1", "dgcanary0"]


def test_uninstall_takes_away_what_killed_processes_left(node: Node) -> None:
    node.start(lacking=(SYS_ADMIN,))
    node.proven()
    node.kill()
    node.until(lambda: "gone" if node.readyz()[0] == 0 else "")
    assert node.links() == ["lo", "dgcanary1", "dgcanary0"]
    code, said = node.command("uninstall")
    assert (code, said.splitlines()[0]) == (0, "interface dgcanary0 of the self-test removed")
    assert node.links() == ["lo"]
    assert "self-test" not in node.command("uninstall")[1]


def test_a_forwarder_that_hangs_proves_nothing_any_more(node: Node) -> None:
    node.start()
    node.proven()
    forwarder = node.forwarder()
    os.kill(forwarder, signal.SIGSTOP)
    try:
        node.until(lambda: "not ready" if node.readyz()[0] == 503 else "")
        assert "the self-test does not come to an end" in node.command("status")[1]
    finally:
        with contextlib.suppress(ProcessLookupError):  # who hangs for long is replaced
            os.kill(forwarder, signal.SIGCONT)
    node.proven()


def test_who_has_a_firewall_of_others_behind_it_is_ready_and_says_so(node: Node) -> None:
    """As Docker's, which drops what it does not know."""
    node.place.run(
        "nft -f -", "table inet others { chain c { type filter hook forward priority 0; policy drop;\n }\n}\n"
    )
    node.start("--self-test", "Require")
    node.proven()
    assert "another firewall drops behind dnsguard" in node.command("status")[1]
    node.place.run("nft delete table inet others")
    node.until(lambda: "said" if "another firewall" not in node.command("status")[1] else "")


@pytest.mark.parametrize(("self_test", "code"), [("Try", 200), ("Require", 503)])
def test_what_cannot_be_proven_is_said_and_readiness_is_as_was_asked_for(node: Node, self_test: str, code: int) -> None:
    node.start("--self-test", self_test, lacking=(SYS_ADMIN, NET_RAW))
    node.until(lambda: "said" if "not proven: no canary can be made" in node.command("status")[1] else "")
    assert node.readyz()[0] == code


def test_who_does_not_ask_for_proof_is_ready_without(node: Node) -> None:
    node.start("--self-test", "Off")
    node.until(lambda: "ready" if node.readyz() == (200, "ok\n") else "")
    assert node.links() == ["lo"]
    assert "anary" not in node.place.run("nft list table inet dnsguard")
