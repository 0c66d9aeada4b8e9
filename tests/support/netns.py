"""Network namespaces for tests that need a kernel: entered by the test's own thread, gone with the holder process.

Needs CAP_NET_ADMIN over the namespace the tests run in: root, or everything under ``unshare --user --map-root-user``.
"""

import contextlib
import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_HOLD = "import os, sys; os.read(0, 1)"


def _checked(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@dataclass(frozen=True, slots=True)
class Namespace:
    """One network namespace, kept alive by a process that waits for its standard input to close."""

    holder: subprocess.Popen[bytes]
    handle: int

    @property
    def pid(self) -> int:
        """Any program that takes a process id for a namespace takes this one."""
        return self.holder.pid

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, the sockets it makes and the programs it starts are in the namespace."""
        with _restored():
            _checked(_libc.setns(self.handle, _CLONE_NEWNET))
            yield

    def run(self, command: str, text: str | None = None) -> str:
        """Standard output of a command line run inside; raises with its standard error when it fails."""
        with self.entered():
            done = subprocess.run(command.split(), input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"{command}: {done.stderr.strip()}")
        return done.stdout


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        yield
    finally:
        _checked(_libc.setns(home, _CLONE_NEWNET))
        os.close(home)


@contextlib.contextmanager
def namespace() -> Iterator[Namespace]:
    """A new namespace with its loopback up."""
    with _restored():
        _checked(_libc.unshare(_CLONE_NEWNET))
        holder = subprocess.Popen([sys.executable, "-S", "-c", _HOLD], stdin=subprocess.PIPE)
        handle = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        Path("/proc/sys/net/ipv6/conf/all/accept_dad").write_text("0")
        Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")
    made = Namespace(holder, handle)
    try:
        made.run("ip link set lo up")
        yield made
    finally:
        os.close(handle)
        assert holder.stdin is not None
        holder.stdin.close()
        holder.wait()


def link(left: Namespace, left_name: str, right: Namespace, right_name: str) -> None:
    """A pair of interfaces, one end in each namespace, both up."""
    left.run(f"ip link add {left_name} type veth peer name {right_name} netns {right.pid}")
    left.run(f"ip link set {left_name} up")
    right.run(f"ip link set {right_name} up")


def table_blocks(listing: str) -> list[str]:
    """The chains, sets and objects of an ``nft list table``, whatever their order, which is that of their making, and
    whatever time an element has."""
    listing = re.sub(r" timeout [0-9a-z]+ expires [0-9a-z]+", "", listing)
    body = listing.split("{\n", 1)[1].rstrip().removesuffix("}")
    return sorted(block.strip("\n") for block in body.split("\n\n"))
