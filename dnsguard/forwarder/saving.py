"""When what was learned is written down: soon, as long as that costs little, and not when there is nothing new."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from dnsguard.forwarder.configuring import SAVE_SECONDS, Configuring
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.statefile import LearnedFile
from dnsguard.leases import LeaseBook

log = logging.getLogger(__name__)

SOON: Final = 5.0
"""Seconds. What a process learned since the last time is lost when it is killed. The kernel keeps what is open, but
when policy changes nobody knows what it is open for."""

FEW: Final = 5_000
"""Records whose writing down takes 50 ms, in steps of one: each time soon, that is a hundredth of a processor."""


class Saving:
    """``run`` is one task. Belongs to one event loop."""

    def __init__(
        self,
        file: LearnedFile,
        book: LeaseBook,
        configuring: Configuring,
        counters: ForwarderCounters,
        asked: Callable[[], int],
    ) -> None:
        """``asked``: questions put to upstreams so far; what is learned comes of them."""
        self.problem = ""
        """Why what was learned is not on the disk; empty when it is, or soon will be."""

        self._file = file
        self._book = book
        self._configuring = configuring
        self._counters = counters
        self._asked = asked
        self._saved: object = None
        self._is_early = False

    async def run(self) -> None:
        """Until cancelled."""
        configuring = self._configuring
        while True:
            try:
                async with asyncio.timeout(self._pause()):
                    await configuring.save_now.wait()
            except TimeoutError:
                if self._state() == self._saved:
                    continue
            configuring.save_now.clear()
            await self.save()

    async def save(self) -> None:
        """Now; where that cannot be, ``problem`` says why."""
        state = self._state()
        try:
            await self._file.save()
        except OSError as error:
            self._counters.saves_failed += 1
            problem = f"{self._file.path.name} cannot be written: {error.strerror}: a restart forgets what was learned"
            if problem != self.problem:
                log.error("%s", problem)
            self.problem = problem
        else:
            self.problem, self._saved = "", state

    async def save_early(self) -> None:
        """While answers still go out, where it takes so long that they would be missed."""
        if self._book.library.edges > FEW:
            await self.save()
            self._is_early = True

    async def save_at_end(self) -> None:
        """Once nothing is learned any more. What was learned since ``save_early`` is left out: those who asked have it,
        and whoever comes after us finds it in the kernel."""
        if not self._is_early:
            await self.save()

    def _pause(self) -> float:
        """Where somebody asks for more time between two savings than usual, they have it."""
        told = self._configuring.save_seconds
        return told if told > SAVE_SECONDS or self._book.library.edges > FEW else min(told, SOON)

    def _state(self) -> object:
        """Another one whenever something was learned or written."""
        return self._asked(), self._counters.commits, self._book.library.edges, self._book.epoch
