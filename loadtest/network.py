"""Networks of our own: the process in a corner of the machine, and tables that are apart from each other."""

import ctypes
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from dnsguard.netlink.socket import NetfilterSocket
from tests.support.lab import isolate

_MOVED = "DNSGUARD_LOADTEST_ISOLATED"


def move(module: str, arguments: Sequence[str]) -> None:
    """Go on in namespaces of our own, as root of them. Returns there; raises IsolationError with the remedy."""
    if os.environ.pop(
        _MOVED, ""
    ):  # not for the programs that we start: dnsguard refuses variables that it does not know
        return
    isolate.check()
    command = isolate.isolating([sys.executable, "-m", module, *arguments], processes=False)
    os.execvpe(command[0], command, os.environ | {_MOVED: "1"})


def table_socket() -> NetfilterSocket:
    """A connection to the tables of a new, empty network, which lasts as long as the connection does."""

    def opened() -> NetfilterSocket:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(isolate.CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, f"unshare: {os.strerror(number)}")
        return NetfilterSocket()

    # A thread of its own: only that thread moves, and a socket stays where it was made.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(opened).result()
