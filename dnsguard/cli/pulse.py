"""Whether a process still answers, and is not only there: by its health address, asked now and then."""

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dnsguard.settings import SocketAddress

LOOK_SECONDS: Final = 1.0
"""Between two looks. One costs the process a few hundred microseconds."""

PATIENCE: Final = 1.0
"""Seconds that one look waits."""

SILENT: Final = 10
"""Looks in a row without an answer: then it hangs. Within the shortest `fail_open_after`, with time to start anew."""

_MOST: Final = 65_536
"""Bytes of an answer that are read."""

Connect = Callable[[float], socket.socket]
"""A connection to a process, made in so many seconds. Raises OSError."""


def by_address(where: SocketAddress) -> Connect:
    """To a port."""
    return lambda patience: socket.create_connection((str(where.address), where.port), patience)


def by_socket(path: Path) -> Connect:
    """To a Unix socket."""

    def connect(patience: float) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(patience)
        try:
            connection.connect(str(path))
        except OSError:
            connection.close()
            raise
        return connection

    return connect


class HealthPulse:
    """Of one process after the other. Blocks for ``PATIENCE`` at most."""

    def __init__(self, connect: Connect, patience: float = PATIENCE, silent: int = SILENT) -> None:
        """``silent``: so many looks in a row without an answer, and it hangs."""
        self._connect = connect
        self._most = silent
        self.patience = patience
        self.has_answered = False
        """Whether the process that runs now ever has."""

        self._silent = 0

    @property
    def is_alive(self) -> bool:
        """Whether it answered when we looked last."""
        return self.has_answered and not self._silent

    def begin(self) -> None:
        """Another process has been started."""
        self.has_answered = False
        self._silent = 0

    def hangs(self) -> bool:
        """Look once more. One that has never answered does not hang: it starts, or something is between us."""
        if self._is_answered():
            self.has_answered = True
            self._silent = 0
        elif self.has_answered:
            self._silent += 1
        return self._silent >= self._most

    def _is_answered(self) -> bool:
        """Whether anything comes back, be it that the connection ends: one that hangs does not do that either, and one
        that lives does where others hold all the connections that it takes."""
        try:
            with self._connect(self.patience) as connection:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(_request("/healthz"))
                    connection.recv(1)
                return True
        except OSError:
            return False


def told(connect: Connect, path: str, patience: float = PATIENCE) -> tuple[bool, str]:
    """Whether the answer to a GET is 200, and the first line of its text; empty where nobody answers."""
    try:
        with connect(patience) as connection:
            connection.sendall(_request(path))
            with connection.makefile("rb") as reading:
                head, _, body = reading.read(_MOST).partition(b"\r\n\r\n")
    except OSError:
        return False, ""
    return b" 200 " in head.partition(b"\r\n")[0], body.decode(errors="replace").partition("\n")[0]


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()
