"""The kernel's counters, read once for all who ask at about the same time."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from dnsguard.dataplane.driver import Counted

FRESH_SECONDS: Final = 1.0
"""A reading this old is still given. 30 000 counters take 0.12 s, in which other threads get their turns: no swarm of
scrapers and people makes that a load."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All named counters of the table at one moment."""

    counts: Mapping[str, Counted]
    at: float
    """Seconds since 1970."""

    took: float
    """Seconds that it took to read them."""


class CounterReader:
    """Reads in a thread of its own, over a socket of its own: neither the event loop nor enforcement waits for it."""

    def __init__(
        self, read: Callable[[], Mapping[str, Counted]], worker: Executor, fresh_seconds: float = FRESH_SECONDS
    ) -> None:
        """``read`` blocks and raises DnsguardError; only ``worker``, which has one thread, calls it."""
        self._read = read
        self._worker = worker
        self._fresh_seconds = fresh_seconds
        self._reading = asyncio.Lock()
        self._last: tuple[float, Reading] | None = None

    async def __call__(self) -> Reading:
        """A reading of now or of a moment ago. Raises DnsguardError where the kernel does not answer."""
        async with self._reading:
            clock = asyncio.get_running_loop().time
            if self._last is None or clock() - self._last[0] >= self._fresh_seconds:
                reading = await asyncio.get_running_loop().run_in_executor(self._worker, self._timed)
                self._last = clock(), reading
            return self._last[1]

    def _timed(self) -> Reading:
        at, began = time.time(), time.perf_counter()
        counts = self._read()
        return Reading(counts, at, time.perf_counter() - began)
