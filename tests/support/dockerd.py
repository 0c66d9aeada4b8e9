"""A Docker engine for as long as a test needs it, on a host of its own.

The host is a network namespace: Docker's bridges and rules, and containers with ``network_mode: host``, are in it, and
so is whatever a test starts with ``engine.node.entered()``. Its processes are in a PID namespace that ends with the
test, whatever ended that. Images cannot be pulled: ``IMAGE`` is made of busybox.
"""

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.support.localapi import local_client
from tests.support.netns import Namespace, namespace

IMAGE = "busybox:here"
PATIENCE = 60.0
_PROGRAMS = ("dockerd", "docker", "containerd", "runc", "iptables", "busybox")
_HOLD = "import os, signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); print(flush=True); os.read(0, 1)"
"""First of its processes: takes those whose parent was killed."""


def lacking() -> str:
    """Why no engine can run here and what to do about it; empty when one can."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"no Docker engine here ({', '.join(missing)} not found): deploy/setup --docker installs one"
    if Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]:
        return "a Docker engine needs root, and here is but a user namespace"
    if b"ld-linux" in Path(shutil.which("busybox") or "").read_bytes()[:4096]:
        return "busybox is not static here, and so no image by itself: install busybox-static"
    return ""


class Engine:
    """The daemon, and the command ``docker`` for it."""

    def __init__(self, node: Namespace, directory: Path, flags: tuple[str, ...]) -> None:
        self.node = node
        """The host."""
        self.socket = directory / "docker.sock"
        self.namespaces = directory / "run" / "netns"
        """Docker's folder of the containers' network namespaces; elsewhere it is /run/docker/netns."""
        self._directory = directory
        self._flags = flags
        self._cgroup = f"dnsguard-test-{os.getpid()}-{node.pid}"
        self._log = (directory / "log").open("ab")
        self._daemon: subprocess.Popen[bytes] | None = None
        self._holder: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """The host without a daemon. The folder of namespaces is seen by this process, too."""
        run = self._directory / "run"
        run.mkdir()
        subprocess.run(["mount", "--bind", run, run], check=True)
        for kind in "private", "shared":  # first no peer of what it stood in
            subprocess.run(["mount", f"--make-{kind}", run], check=True)
        own = ["--pid", "--fork", "--kill-child", "--mount", "--propagation", "unchanged", "--mount-proc"]
        with self.node.entered():
            self._holder = subprocess.Popen(
                ["unshare", *own, sys.executable, "-S", "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        assert self._holder.stdout is not None
        with self._holder.stdout as said:
            assert said.readline(), "the engine's processes have no namespace"

    @property
    def pid(self) -> int:
        """Of the first of the host's processes, as seen from here: for ``nsenter``."""
        assert self._holder is not None
        return _child(self._holder.pid)

    def start(self, *flags: str) -> None:
        """Until it answers. ``flags`` come to those that all its starts have."""
        (self._directory / "daemon.json").write_text("{}")
        given = {
            "--data-root": self._directory / "data",
            "--exec-root": self._directory / "run",
            "--host": f"unix://{self.socket}",
            "--pidfile": self._directory / "pid",
            "--config-file": self._directory / "daemon.json",
            "--cgroup-parent": self._cgroup,
        }
        words = [str(word) for flag in given.items() for word in flag]
        enter = ["nsenter", "--target", str(self.pid), "--pid", "--mount", "--net", "--"]
        self._daemon = subprocess.Popen(
            [*enter, "dockerd", *words, *self._flags, *flags],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._daemon.poll() is None, f"dockerd ended: {self.log[-2000:]}"
            assert time.monotonic() < deadline, f"dockerd does not answer: {self.log[-2000:]}"
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return client.get("/_ping").is_success
        except httpx.TransportError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> None:
        """The daemon alone, and with SIGTERM, if it was not started with --live-restore, its containers."""
        assert self._daemon is not None
        os.kill(_child(self._daemon.pid), number)
        self._daemon.wait(PATIENCE)

    @property
    def log(self) -> str:
        return (self._directory / "log").read_text()

    def client(self) -> httpx.Client:
        """Of its HTTP API."""
        return local_client(self.socket, PATIENCE)

    @property
    def environment(self) -> dict[str, str]:
        """For ``docker`` and ``docker-compose``."""
        return os.environ | {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": str(self._directory)}

    def docker(self, *words: str | Path, data: bytes | None = None) -> str:
        """What ``docker`` prints, without the last line's end; raises with its standard error when it fails."""
        with self.node.entered():
            done = subprocess.run(
                ["docker", *words], input=data, capture_output=True, env=self.environment, check=False
            )
        if done.returncode:
            raise AssertionError(f"docker {' '.join(map(str, words))}: {done.stderr.decode().strip()}")
        return done.stdout.decode().rstrip("\n")

    def run(self, name: str, *flags: str, command: str = "sleep 86400", image: str = IMAGE) -> str:
        """Start a container in the background; its id. ``command`` is a line of shell."""
        return self.docker("run", "--detach", "--init", "--name", name, *flags, image, "sh", "-c", command)

    def empty(self) -> None:
        """No containers are left, nor networks besides Docker's own: for tests that share an engine."""
        if containers := self.docker("ps", "--all", "--quiet").split():
            self.docker("rm", "--force", "--volumes", *containers)
        self.docker("network", "prune", "--force")

    def close(self) -> None:
        assert self._holder is not None
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait()
        if self._daemon is not None:
            self._daemon.wait()
        self._log.close()
        subprocess.run(["umount", "--recursive", "--lazy", self._directory / "run"], check=True)
        for hierarchy in Path("/sys/fs/cgroup").glob(f"**/{self._cgroup}"):
            for group, _, _ in os.walk(hierarchy, topdown=False):
                Path(group).rmdir()


def _child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())


def busybox() -> bytes:
    """The tar of an image that holds busybox under all its names."""
    program = shutil.which("busybox")
    assert program is not None
    names = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.add(program, "bin/busybox")
        for name in names:
            if name != "busybox":
                entry = tarfile.TarInfo(f"bin/{name}")
                entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(entry)
    return made.getvalue()


@contextlib.contextmanager
def engine(*flags: str) -> Iterator[Engine]:
    """A running one with its image; ``flags`` are dockerd's. Ask ``lacking()`` first."""
    with namespace() as node, tempfile.TemporaryDirectory(prefix="dg-", ignore_cleanup_errors=True) as directory:
        made = Engine(node, Path(directory), flags)  # a socket's path may not be long
        made.open()
        try:
            made.start()
            made.docker("import", "-", IMAGE, data=busybox())
            yield made
        finally:
            made.close()
