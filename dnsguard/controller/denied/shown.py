"""Records that whoever asks is shown: the newest, and those that come. Each follower has a bounded queue."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Final, NamedTuple

from dnsguard.observe.packetrecord import PacketRecord, WantedPackets, unshown_line
from dnsguard.observe.ring import Ring

RECENT: Final = 1_024
"""Records kept for whoever asks later."""

MOST: Final = 16
"""Who may follow at a time."""

WAITING: Final = 2_000
"""Lines that wait for one of them: a megabyte."""


class _Kept(NamedTuple):
    record: PacketRecord
    line: str


class _Follower:
    def __init__(self, wanted: WantedPackets) -> None:
        self.wanted = wanted
        self.lines: Ring[str] = Ring(WAITING)
        self.told = 0
        self.wake = asyncio.Event()

    def put(self, line: str) -> None:
        self.lines.put(line)
        self.wake.set()


class Shown:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._recent: Ring[_Kept] = Ring(RECENT)
        self._followers: set[_Follower] = set()
        self._closed = False

    @property
    def is_full(self) -> bool:
        """Whether as many follow as may."""
        return len(self._followers) >= MOST

    def put(self, record: PacketRecord, line: str) -> None:
        self._recent.put(_Kept(record, line))
        for follower in self._followers:
            if follower.wanted(record):
                follower.put(line)

    def announce(self, line: str) -> None:
        """Show everybody who follows a line that is no record."""
        for follower in self._followers:
            follower.put(line)

    def newest(self, wanted: WantedPackets, most: int) -> list[str]:
        """The newest lines that are wanted, the oldest of them first."""
        found = [kept.line for kept in self._recent.newest(RECENT) if wanted(kept.record)]
        return found[max(0, len(found) - most) :]

    async def follow(self, wanted: WantedPackets, most: int) -> AsyncGenerator[str, None]:
        """An empty line, the newest, and then what comes, until `close`."""
        if self.is_full:
            yield ""
            yield unshown_line(time.time(), 0, f"{MOST} follow already")
            return
        follower = _Follower(wanted)
        self._followers.add(follower)
        before = self.newest(wanted, most)
        try:
            yield ""
            for line in before:
                yield line
            while not self._closed:
                await follower.wake.wait()
                follower.wake.clear()
                while follower.lines:
                    if lost := follower.lines.lost - follower.told:
                        follower.told += lost
                        yield unshown_line(time.time(), lost, "whoever watches does not keep up")
                    for line in follower.lines.take(WAITING):
                        yield line
        finally:
            self._followers.discard(follower)

    def close(self) -> None:
        """End what is followed: a server that waits for its connections would wait for them for ever."""
        self._closed = True
        for follower in self._followers:
            follower.wake.set()
