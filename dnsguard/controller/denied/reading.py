"""The groups that rules log to, read a few packets at a time."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from dnsguard.errors import DnsguardError
from dnsguard.netlink.nflog import Logged
from dnsguard.netlink.packetlog import PacketLog, name_of

log = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.1
DATAGRAMS: Final = 32
"""Read of each group in a tick, at most, and up to 32 packets each: 10 000 packets a second, which take a tenth of a
core. What comes faster stays in the kernel, and is lost there when that has no room."""

RETRY_SECONDS: Final = 5.0
"""Between two tries to take a group that another program has."""

Take = Callable[[Logged], None]


class Group:
    """One group that is ours, or is to be. Belongs to one event loop."""

    def __init__(self, number: int, purpose: str, take: Take, buffer_bytes: int) -> None:
        """``purpose``: for people; ``take`` is called with each packet and must not raise."""
        self.number = number
        self.problem = ""
        """Why nothing can be read; empty when all is well."""

        self.packets = 0
        """Read since the beginning."""

        self._purpose = purpose
        self._take = take
        self._socket = PacketLog(number, buffer_bytes)
        self._next_try = 0.0

    @property
    def is_open(self) -> bool:
        return self._socket.is_open

    @property
    def lost(self) -> int:
        """Packets that were logged and lost on their way."""
        return self._socket.lost

    def open(self) -> None:
        """Take the group, if it is not ours and it is time to try."""
        if self._socket.is_open or time.monotonic() < self._next_try:
            return
        try:
            self._socket.open()
        except (DnsguardError, OSError) as error:
            self._fail(f"{self._purpose} cannot be read, and is tried again: {error}")
            return
        if self.problem:
            log.info("%s is read now", self._purpose)
        self.problem = ""

    async def read(self) -> None:
        """What waits, at most so much as `DATAGRAMS` says; others have their turn in between."""
        for _ in range(DATAGRAMS):
            try:
                packets = self._socket.read()
            except OSError as error:
                self._socket.close()
                self._fail(f"{self._purpose} cannot be read, and is tried again: {error.strerror}")
                return
            if packets is None:
                return
            self.packets += len(packets)
            for packet in packets:
                self._take(packet)
            await asyncio.sleep(0)

    def close(self) -> None:
        self._socket.close()

    def _fail(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem
        self._next_try = time.monotonic() + RETRY_SECONDS


class InterfaceNames:
    """Names by index, each asked for once in a while: interfaces come and go, and their indices with them."""

    SECONDS: Final = 1.0

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._until = 0.0

    def __call__(self, index: int) -> str:
        now = time.monotonic()
        if now >= self._until:
            self._names.clear()
            self._until = now + self.SECONDS
        name = self._names.get(index)
        if name is None:
            name = self._names[index] = name_of(index)
        return name
