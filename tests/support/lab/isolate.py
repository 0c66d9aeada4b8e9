"""A corner of the machine that is private to one process: its own network, mounts and, where asked, processes.

As root these are plain namespaces; otherwise they stand inside a user namespace in which we are root. All of them
vanish with the last process in them, whatever ended it.
"""

import ctypes
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000

PROBE = "ip link set lo up && mount -t tmpfs lab /run && mkdir /run/netns && nft add table inet probe"

REMEDY = (
    "Run it as root, or allow user namespaces: `sysctl kernel.unprivileged_userns_clone=1 "
    "user.max_user_namespaces=15000`, and on Ubuntu `sysctl kernel.apparmor_restrict_unprivileged_userns=0`; "
    "in a container, start it with --cap-add SYS_ADMIN --cap-add NET_ADMIN."
)


class IsolationError(Exception):
    """This machine does not let us make namespaces of our own; the text says what would."""


def add_system_directories() -> None:
    """Programs such as ``nft`` and ``knotd`` live where the PATH of an ordinary user does not look."""
    directories = os.environ.get("PATH", "").split(":")
    missing = [path for path in ("/usr/local/sbin", "/usr/sbin", "/sbin") if path not in directories]
    os.environ["PATH"] = ":".join([*directories, *missing])


def isolating(command: Sequence[str], processes: bool = True) -> list[str]:
    """The command line that runs ``command`` in namespaces of its own; with ``processes``, killed as one."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    own_processes = ["--pid", "--fork", "--kill-child", "--mount-proc"] if processes else []
    return ["unshare", *user, "--net", "--mount", *own_processes, "--", *command]


def check() -> None:
    """Raises IsolationError."""
    add_system_directories()
    probe = subprocess.run(isolating(["sh", "-c", PROBE]), capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        reason = probe.stderr.strip() or f"status {probe.returncode}"
        raise IsolationError(
            f"The lab needs network namespaces of its own, and this machine refuses: {reason}\n{REMEDY}"
        )


def unshare_here() -> None:
    """Give the calling thread, and what it starts from now on, a network and mounts of its own.

    Raises IsolationError; being root, if only of a user namespace, is the caller's business.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise IsolationError(f"unshare: {os.strerror(ctypes.get_errno())}\n{REMEDY}")
    prepare()


def prepare() -> None:
    """Make the namespaces we are in fit for nested ones: private mounts, an empty ``/run``, a loopback that is up.

    The empty ``/run`` gives ``ip netns`` a place of its own, and hides the sockets of name service caches, which
    would answer look-ups past the resolver that the lab sets.
    """
    resolver = Path("/etc/resolv.conf").resolve()
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "lab", "/run"], check=True)
    Path("/run/netns").mkdir()
    if resolver.is_relative_to("/run") or resolver.is_relative_to("/var/run"):
        resolver.parent.mkdir(parents=True, exist_ok=True)
        resolver.touch()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
