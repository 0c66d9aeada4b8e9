"""A machine: a root, and namespaces of everything in which its systemd is the first process."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

START = Path(__file__).with_name("start.sh")
PATIENCE = 60.0
_ALL = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")
_OUTSIDE = (
    "mount --bind /run/outside/resolv.conf /etc/resolv.conf; export PIP_CERT=/run/outside/ca.crt"
    " PIP_DISABLE_PIP_VERSION_CHECK=1 DEBIAN_FRONTEND=noninteractive; "
)


class Failed(AssertionError):
    """A command ended otherwise than it should."""


class Machine:
    """One that is booted, until it is switched off."""

    def __init__(self, root: Path) -> None:
        self._cgroup = _cgroups() / f"dnsguard-boot-{os.getpid()}"
        self._cgroup.mkdir()
        self._starter = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child", str(START), str(root),
             str(self._cgroup)],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self._init = 0

    @property
    def pid(self) -> int:
        """Of its first process, as seen from outside; any program that takes one for a namespace takes this."""
        return self._init

    def wait_until_booted(self) -> str:
        """How it is then: `running`, or `degraded` where a unit failed."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            children = Path(f"/proc/{self._starter.pid}/task/{self._starter.pid}/children").read_text().split()
            if children and Path(f"/proc/{children[0]}/comm").read_text().strip() == "systemd":
                self._init = int(children[0])
                said = self.tried("systemctl is-system-running --wait").stdout.strip()
                if said in ("running", "degraded", "starting"):
                    return said
            time.sleep(0.2)
        raise Failed("the machine does not boot")

    def tried(self, command: str, *, outside: bool = False, patience: float = 300) -> subprocess.CompletedProcess[str]:
        """A command line of a shell there. ``outside``: with the network of who runs this test, for package registries
        are reached from there alone."""
        where = _ALL if outside else (*_ALL, "--net")
        words = ["nsenter", "-t", str(self._init), *where]
        words += ["unshare", "--mount"] if outside else []
        words += ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"]
        words += ["bash", "-c", "cd; " + (_OUTSIDE if outside else "") + command]
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=patience, check=False
        )

    def run(self, command: str, *, outside: bool = False) -> str:
        """What it said, both ways. Raises Failed where its exit code is not 0."""
        done = self.tried(command, outside=outside)
        if done.returncode:
            raise Failed(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def switch_off(self) -> None:
        """As by its power switch: nothing there has time to end well."""
        with contextlib.suppress(FileNotFoundError):
            (self._cgroup / "cgroup.kill").write_text("1")
        self._starter.send_signal(signal.SIGKILL)
        self._starter.wait()
        _remove(self._cgroup)


@contextlib.contextmanager
def booted(root: Path) -> Iterator[Machine]:
    """The machine, once all its units have started."""
    machine = Machine(root)
    try:
        machine.wait_until_booted()
        yield machine
    finally:
        machine.switch_off()


def _cgroups() -> Path:
    """Where the unified hierarchy is mounted. Raises Failed."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    raise Failed("no cgroup2 is mounted here: mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified")


def _remove(cgroup: Path) -> None:
    """With those below, once their processes are gone."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for directory, _, _ in os.walk(cgroup, topdown=False):
            with contextlib.suppress(OSError):
                Path(directory).rmdir()
        if not cgroup.exists():
            return
        time.sleep(0.1)
