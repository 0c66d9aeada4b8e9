"""Whether a process still answers, and is not only there: by its health address, asked now and then."""

import contextlib
import socket
from typing import Final

from dnsguard.settings import SocketAddress

LOOK_SECONDS: Final = 1.0
"""Between two looks. One costs the process a few hundred microseconds."""

PATIENCE: Final = 1.0
"""Seconds that one look waits."""

SILENT: Final = 10
"""Looks in a row without an answer: then it hangs. Within the shortest `fail_open_after`, with time to start anew."""

_REQUEST = b"GET /healthz HTTP/1.0\r\n\r\n"


class HealthPulse:
    """Of one process after the other. Blocks for ``PATIENCE`` at most."""

    def __init__(self, where: SocketAddress, patience: float = PATIENCE) -> None:
        self._where = (str(where.address), where.port)
        self.patience = patience
        self.has_answered = False
        """Whether the process that runs now ever has."""

        self._silent = 0

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
        return self._silent >= SILENT

    def _is_answered(self) -> bool:
        """Whether anything comes back, be it that the connection ends: one that hangs does not do that either, and one
        that lives does where others hold all the connections that it takes."""
        try:
            with socket.create_connection(self._where, self.patience) as connection:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(_REQUEST)
                    connection.recv(1)
                return True
        except OSError:
            return False
