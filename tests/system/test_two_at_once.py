"""Two dnsguards on one node: the second writes nothing that the first has written, and takes its place when it ends."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.lab.guard import PROGRAM
from tests.support.netns import Namespace, namespace

pytestmark = [pytest.mark.xdist_group("two at once"), pytest.mark.timeout(300)]

PATIENCE = 30.0


@pytest.fixture
def node() -> Iterator[Namespace]:
    with namespace() as made, made.entered():
        yield made


class Running:
    """One `dnsguard run` with directories and ports of its own; other settings as they are by default."""

    def __init__(self, directory: Path, number: int, *flags: str) -> None:
        self.log = directory / f"log{number}"
        ports = {"--listen": 5300, "--api-listen": 8100, "--health-listen": 8200}
        words = [word for flag, port in ports.items() for word in (flag, f"127.0.0.1:{port + number}")]
        words += ["--upstreams", "192.0.2.9", "--node-name", "here", "--state-dir", str(directory / f"state{number}")]
        with self.log.open("wb") as file:
            self.process = subprocess.Popen([PROGRAM, "run", *words, *flags], stdout=file, stderr=file)

    def until_it_says(self, *words: str) -> None:
        await_(lambda: all(word in self.log.read_text() for word in words), self.log)

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0, self.log.read_text()


@contextmanager
def running(directory: Path, number: int, *flags: str) -> Iterator[Running]:
    made = Running(directory, number, *flags)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.stop()


def await_(condition: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


@pytest.mark.usefixtures("node")
def test_the_second_waits_for_the_end_of_the_first(tmp_path: Path) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(running(tmp_path, 1))
        first.until_it_says("in sync with revision", "answering on")
        second = stack.enter_context(running(tmp_path, 2))
        second.until_it_says(
            "another controller of dnsguard (pid", "another forwarder of dnsguard (pid", "stop it", "starting again"
        )
        assert "in sync" not in second.log.read_text()
        assert "answering on" not in second.log.read_text()
        assert "restoring" not in first.log.read_text()
        first.stop()
        second.until_it_says("in sync with revision", "answering on")
    assert "Traceback" not in first.log.read_text() + second.log.read_text()


def test_with_a_table_of_its_own_each_enforces(node: Namespace, tmp_path: Path) -> None:
    with running(tmp_path, 1) as first, running(tmp_path, 2, "--table", "other") as second:
        for each in first, second:
            each.until_it_says("in sync with revision", "answering on")
        assert "table inet dnsguard" in node.run("nft list tables")
        assert "table inet other" in node.run("nft list tables")


@pytest.mark.usefixtures("node")
def test_a_stranger_who_takes_the_name_keeps_nobody_from_starting(tmp_path: Path) -> None:
    child = os.fork()
    if not child:
        try:
            os.setuid(65_534)
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as taken:
                taken.bind("\0dnsguard/dnsguard/controller")
                taken.listen()
                time.sleep(PATIENCE)
        finally:
            os._exit(1)
    try:
        await_(lambda: "@dnsguard/dnsguard/controller" in Path("/proc/net/unix").read_text() or ended(child), tmp_path)
        if ended(child):
            pytest.skip("there is no other user here")
        with running(tmp_path, 1) as made:
            made.until_it_says("is taken by another user's process", "in sync with revision")
    finally:
        if not ended(child):
            os.kill(child, 9)
            os.waitpid(child, 0)


def ended(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True
