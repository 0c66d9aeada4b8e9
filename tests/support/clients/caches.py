"""Caches as they stand on nodes, between workloads and us: real programs, started in a namespace of the lab."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.lab.lab import Lab
from tests.support.lab.process import inside

UNBOUND = """
server:
  directory: "{directory}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: {listen}
  access-control: 0.0.0.0/0 allow
  num-threads: 1
  module-config: "iterator"
  do-not-query-localhost: no
  use-caps-for-id: yes
  do-ip6: no
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: {upstream}
"""

RESOLVED = """
[Resolve]
DNS={upstream}
FallbackDNS=
Domains=~.
LLMNR=no
MulticastDNS=no
DNSSEC=no
DNSOverTLS=no
DNSStubListenerExtra={listen}
"""

# It insists on a user of that name and on directories that systemd makes; no D-Bus nor any other part of it is there.
RESOLVED_START = """
mkdir -p /run/systemd
mount -t tmpfs lab /run/systemd
mkdir -p /run/systemd/resolve /run/systemd/netif/links /run/systemd/resolved.conf.d
{{ cat /etc/passwd; echo 'systemd-resolve:x:0:0::/:/usr/sbin/nologin'; }} > {directory}/passwd
mount --bind {directory}/passwd /etc/passwd
cp {directory}/resolved.conf /run/systemd/resolved.conf.d/lab.conf
export LD_LIBRARY_PATH={libraries}
exec {program}
"""

UNPACKED = Path(__file__).parents[3] / ".venv" / "unpacked"
"""Where ``deploy/setup --clients`` puts what must not be installed: systemd-resolved takes over a machine's DNS."""


@dataclass(frozen=True, slots=True)
class Cache:
    """A program that answers on one address what it has, and asks an upstream for the rest."""

    package: str
    find: Callable[[], str | None]
    """The program's path, if it is on this machine."""

    prepare: Callable[[str, Path, str, str], list[str]]
    """Program, a directory of its own, address to listen on, upstream → command line."""


def _unbound(program: str, directory: Path, listen: str, upstream: str) -> list[str]:
    configuration = directory / "unbound.conf"
    configuration.write_text(UNBOUND.format(directory=directory, listen=listen, upstream=upstream))
    return [program, "-d", "-c", str(configuration)]


def _dnsmasq(program: str, directory: Path, listen: str, upstream: str) -> list[str]:
    words = f"--keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --bind-interfaces --user= --group= \
        --listen-address={listen} --server={upstream} --cache-size=1000 --pid-file={directory}/pid"
    return [program, *words.split(), "--log-facility=-"]


def _resolved(program: str, directory: Path, listen: str, upstream: str) -> list[str]:
    (directory / "resolved.conf").write_text(RESOLVED.format(listen=listen, upstream=upstream))
    libraries = ":".join(str(path) for path in UNPACKED.glob("usr/lib/*/systemd"))
    script = RESOLVED_START.format(directory=directory, program=program, libraries=libraries)
    return ["unshare", "--mount", "sh", "-euc", script]


def _find_resolved() -> str | None:
    roots = [UNPACKED / "usr", UNPACKED, Path("/usr"), Path("/")]
    paths = [root / "lib" / "systemd" / "systemd-resolved" for root in roots]
    return next((str(path) for path in paths if path.exists()), None)


CACHES = {
    "unbound": Cache("unbound", lambda: shutil.which("unbound"), _unbound),
    "dnsmasq": Cache("dnsmasq-base", lambda: shutil.which("dnsmasq"), _dnsmasq),
    "systemd-resolved": Cache("systemd-resolved", _find_resolved, _resolved),
}


@contextlib.contextmanager
def running(lab: Lab, cache: Cache, namespace: str, listen: str, upstream: str) -> Iterator[None]:
    """The cache at work in a namespace of the lab. Raises RuntimeError with its words when it does not answer."""
    program = cache.find()
    assert program is not None
    directory = lab.directory / "cache" / listen
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "log"
    command = inside(namespace, cache.prepare(program, directory, listen, upstream))
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        _await_answer(process, namespace, listen, log)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _await_answer(process: "subprocess.Popen[bytes]", namespace: str, listen: str, log: Path) -> None:
    question: Sequence[str] = ["dig", "+tries=1", "+time=1", f"@{listen}", "ready.invalid"]
    deadline = time.monotonic() + 20
    while subprocess.run(inside(namespace, question), capture_output=True, check=False).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{listen} does not answer: {log.read_text()}")
        time.sleep(0.05)
