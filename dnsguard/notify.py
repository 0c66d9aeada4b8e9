"""What the manager of services is told by a process that it started: ``sd_notify(3)``.

Each message is a datagram of lines ``NAME=value`` to the Unix socket that ``NOTIFY_SOCKET`` names. Whoever was started
in another way tells nobody.
"""

import contextlib
import os
import socket
from array import array
from collections.abc import MutableMapping, Sequence
from typing import Final, Self

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
        self._send(said)

    def keep(self, name: str, descriptor: int) -> None:
        """Have it hold a copy, which a process that takes our place is handed under this name: as many as
        ``FileDescriptorStoreMax=`` says."""
        self._send(("FDSTORE=1", f"FDNAME={name}", "FDPOLL=0"), descriptor)

    def forget(self, name: str) -> None:
        """Have it close all that it keeps under this name."""
        self._send(("FDSTOREREMOVE=1", f"FDNAME={name}"))

    def _send(self, said: Sequence[str], *descriptors: int) -> None:
        if not self._address or not said:
            return
        lines = "\n".join(" ".join(each.split()) for each in said).encode()
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.setblocking(False)
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))] if descriptors else []
            sending.sendmsg([lines], rights, 0, self._address)


NOBODY: Final = ServiceManager()
"""Of who was started in another way."""
