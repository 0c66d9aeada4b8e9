"""What the manager of services is told by a process that it started: ``sd_notify(3)``.

Each message is a datagram of lines ``NAME=value`` to the Unix socket that ``NOTIFY_SOCKET`` names. Whoever was started
in another way tells nobody.
"""

import contextlib
import os
import socket
from collections.abc import MutableMapping
from typing import Self

_SOCKET = "NOTIFY_SOCKET"
_WATCHDOG = ("WATCHDOG_USEC", "WATCHDOG_PID")


class ServiceManager:
    """Whoever started us and wants to know how we are. Nothing raises: we go on without it."""

    def __init__(self, address: str = "") -> None:
        """``address``: a path, or ``@`` and an abstract name; empty: nobody."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    @classmethod
    def from_environ(cls, environ: MutableMapping[str, str] = os.environ) -> Self:
        """That of this very process: the variables are removed, so that no child speaks in our name."""
        for name in _WATCHDOG:
            environ.pop(name, None)
        return cls(environ.pop(_SOCKET, ""))

    @property
    def is_there(self) -> bool:
        return bool(self._address)

    def tell(self, *said: str) -> None:
        """``READY=1``, ``STATUS=…``, all in one message; what a line may not hold is left out. Does not block."""
        if not self._address or not said:
            return
        lines = "\n".join(" ".join(each.split()) for each in said)
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.setblocking(False)
            sending.sendto(lines.encode(), self._address)
