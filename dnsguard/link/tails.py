"""Records of the DNS log on their way from all forwarders to one listener.

Bounded: a listener that does not keep up loses the oldest records, which are counted, and holds up nobody.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from dnsguard.link.messages import DnsLogQuery, DnsLogReply
from dnsguard.observe.ring import Ring

WAITING = 4_096
"""Lines that wait for one listener."""

_TIME = len('{"time":"2026-01-02T03:04:05.678Z"')
"""Every line begins so: by its first characters lines are in order of time."""


class Records(NamedTuple):
    """What a listener is given."""

    lines: list[str]
    lost: int
    """Records that are missing before these."""


class LogTail:
    """One listener. ``close`` it when nobody listens any more."""

    def __init__(self, query: DnsLogQuery, close: Callable[[], None]) -> None:
        self.query = query
        self.problem = ""
        """Why a forwarder gives no records; empty when all is well."""

        self._close = close
        self._asked: set[int] = set()
        self._before: list[str] = []
        self._lines: Ring[str] = Ring(WAITING)
        self._lost = 0
        self._told = 0
        self._progress = asyncio.Event()
        self._closed = False

    def close(self) -> None:
        """End it; whoever waits in ``next`` or ``before`` is told so. Without effect the second time."""
        if not self._closed:
            self._closed = True
            self._progress.set()
            self._close()

    def asked(self, forwarder: int) -> None:
        """A forwarder was sent the query."""
        self._asked.add(forwarder)

    def gone(self, forwarder: int) -> None:
        """Nothing more comes from it."""
        self._asked.discard(forwarder)
        self._progress.set()

    def take(self, forwarder: int, reply: DnsLogReply) -> None:
        """What a forwarder answers."""
        self._lost += reply.lost
        if forwarder in self._asked:
            self._before += reply.lines
        else:
            for line in reply.lines:
                self._lines.put(line)
        if reply.problem:
            self.problem = reply.problem
        if reply.done or reply.problem:
            self._asked.discard(forwarder)
        self._progress.set()

    async def before(self, seconds: float) -> list[str]:
        """The newest lines there were when the query came, of all forwarders, the oldest first. Waits so long."""
        try:
            async with asyncio.timeout(seconds):
                while self._asked and not self._closed:
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            pass
        self._asked.clear()
        found, self._before = sorted(self._before, key=lambda line: line[:_TIME]), []
        return found[max(0, len(found) - self.query.last) :]

    async def next(self) -> Records | None:
        """What has come since; waits until there is something. None when it is closed."""
        while not self._lines and not self._closed and not self.problem:
            self._progress.clear()
            await self._progress.wait()
        if not self._lines:
            return None
        lost = self._lines.lost + self._lost - self._told
        self._told += lost
        return Records(self._lines.take(WAITING), lost)
