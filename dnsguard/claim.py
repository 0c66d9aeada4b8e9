"""One process of each role for a table: a second one would undo what the first does, and be undone by it.

Held as an abstract Unix socket. Those belong to a network, as tables do, whatever of the file system a container sees,
and the kernel lets go of them however a process ends.
"""

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Iterator
from struct import Struct

from dnsguard.errors import DnsguardError

log = logging.getLogger(__name__)

_credentials = Struct("=iII")
"""Process, user and group, as SO_PEERCRED has them."""


class AlreadyClaimed(DnsguardError):
    """Another process does the same for the same table."""


@contextlib.contextmanager
def claimed(role: str, table: str) -> Iterator[None]:
    """Be the one process of this role that writes this table. Needs a running loop. Raises AlreadyClaimed.

    Anybody may take such a name, so one that a user without our rights has taken keeps nobody from starting.
    """
    name = f"\0dnsguard/{table}/{role}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as held:
        held.setblocking(False)
        try:
            held.bind(name)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            process, user = _holder(name)
            if user in (0, os.geteuid()):
                raise AlreadyClaimed(
                    f"another {role} of dnsguard (pid {process}) writes table inet {table} of this network: stop it, or"
                    " give this one a table of its own"
                ) from None
            log.warning("%r is taken by another user's process: whether two of us run cannot be seen", name[1:])
            yield
            return
        held.listen()
        loop = asyncio.get_running_loop()
        loop.add_reader(held.fileno(), _hang_up, held)  # the kernel has told who we are
        try:
            yield
        finally:
            loop.remove_reader(held.fileno())


def _hang_up(held: socket.socket) -> None:
    with contextlib.suppress(OSError):
        held.accept()[0].close()


def _holder(name: str) -> tuple[int, int | None]:
    """Process and user of whoever has the name; no user where nobody says."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        try:
            asking.connect(name)
        except OSError:
            return 0, None
        told = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _credentials.size)
    process, user, _ = _credentials.unpack(told)
    return process, user
