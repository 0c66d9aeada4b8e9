"""Signs of life for the kernel, where its rules let everything pass without them: see `dnsguard.dataplane.deadman`.

They come from the loop that answers and writes leases, so one that hangs gives none. Nothing that others can take from
us counts as death: neither that the controller is away, nor that no upstream answers, nor how much there is to do.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from dnsguard.dataplane.naming import ALIVE_SET
from dnsguard.dataplane.sets import FAMILY_KEYS
from dnsguard.errors import DnsguardError
from dnsguard.forwarder.committer import Transactions
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.netlink import nftables
from dnsguard.netlink.nftables import Element

log = logging.getLogger(__name__)

BEATS: Final = 5
"""In the time that the rules wait: four may fail."""

_DEADLINE: Final = 0.25
"""Seconds that one may take: nobody is answered meanwhile."""


class Beating:
    """Belongs to one event loop, whose thread alone calls it. ``run`` is its task."""

    def __init__(
        self, kernel: Transactions, table: Callable[[], str], counters: ForwarderCounters, *, renews: bool
    ) -> None:
        """``table``: the one in force. ``renews``: whether this kernel lets an element that exists live longer when it
        is added again."""
        self.after = 0.0
        """Seconds that the rules wait; 0 where they wait for nothing."""

        self.problem = ""
        """Why the kernel has no sign of life; empty after one that it took."""

        self._kernel = kernel
        self._table = table
        self._counters = counters
        self._renews = renews
        self._changed = asyncio.Event()

    def follow(self, after: float) -> None:
        """What the rules wait for is this. The first sign of life is given at once: all may stand open since the
        process before us died."""
        if after and not self.after:
            log.warning("without a sign of life of this process for %g s the rules let everything pass", after)
        self.after = after
        self._changed.set()
        self._beat()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self.after / BEATS if self.after else None):
                    await self._changed.wait()
            except TimeoutError:
                self._beat()
            self._changed.clear()

    def _beat(self) -> None:
        if not self.after:
            self.problem = ""
            return
        elements = [Element(key, int(self.after * 1000)) for key in FAMILY_KEYS.values()]
        messages = nftables.add_elements(self._table(), ALIVE_SET, elements)
        if not self._renews:
            messages += nftables.delete_elements(self._table(), ALIVE_SET, elements)
            messages += nftables.add_elements(self._table(), ALIVE_SET, elements)
        try:
            self._kernel.transact(messages, _DEADLINE)
        except DnsguardError as error:
            self._counters.beats_failed += 1
            self._note(f"no sign of life can be given, {self.after:g} s after the last everything passes: {error}")
        else:
            self._counters.beats += 1
            self._note("")

    def _note(self, problem: str) -> None:
        if problem and not self.problem:
            log.error("%s", problem)
        elif self.problem and not problem:
            log.info("the kernel takes signs of life again")
        self.problem = problem
