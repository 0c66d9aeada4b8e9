"""Looks at the kernel's counters while more may be denied than is logged, and says what no record tells of."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from dnsguard.controller.denied.unlogged import DeniedCounters, Missed, Unlogged
from dnsguard.dataplane.rules import Plan
from dnsguard.errors import DnsguardError

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
"""Between two looks: one takes 0.1 s of a thread where there are 30 000 counters."""

Counts = Callable[[], Awaitable[Mapping[str, int]]]
"""Packets by named counter. May raise DnsguardError."""


class Completeness:
    """Belongs to one event loop."""

    def __init__(self, group: int, enough: int, counts: Counts, say: Callable[[Iterable[Missed]], None]) -> None:
        """``enough``: packets in a second from which on some may not have been logged; ``say``: takes what was
        missed."""
        self.unlogged = Unlogged()
        self.is_begun = False
        """It is known what was denied before."""

        self._denying = DeniedCounters(group)
        self._enough = enough
        self._counts = counts
        self._say = say
        self._looking: asyncio.Task[None] | None = None
        self._busy = False
        self._second = (0, 0)
        self._next_look = 0.0

    def tick(self, plan: Plan, packets: int) -> None:
        """To be called often. ``packets``: how many came since the beginning."""
        now = time.monotonic()
        second, before = self._second
        if int(now) != second:
            self._busy = self._busy or packets - before >= self._enough
            self._second = int(now), packets
        under_way = self._looking is not None and not self._looking.done()
        if now >= self._next_look and not under_way and (self._busy or not self.is_begun):
            self._next_look = now + LOOK_SECONDS
            self._looking = asyncio.create_task(self._look(plan), name="unlogged packets")

    def lost(self, packets: int) -> None:
        """So many were logged and did not come, which has been said: they are not missed once more."""
        self.unlogged.said(packets)
        self._busy = True

    def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self, plan: Plan) -> None:
        self._busy = False
        try:
            counts = await self._counts()
        except DnsguardError as error:
            log.warning("counters cannot be read: %s", error)
            return
        if self.is_begun:
            self._say(self.unlogged.look(counts, self._denying(plan)))
            self._busy = self._busy or not self.unlogged.is_settled
        else:
            self.is_begun = True
            self.unlogged.begin(counts)
