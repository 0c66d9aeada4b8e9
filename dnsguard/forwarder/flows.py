"""An address stays leased while its client has a live connection to it, however short the TTL of its name is.

Established connections pass without a lease, but who has one goes on using the address: for the next connection of a
pool, and whenever policy is judged anew. So, before leases end, the kernel is asked which of their clients still talk
to the address, and those get more time (``leases.prolonging`` has the rule). Where no lease is near its end, nobody is
asked.

The table of connections may be large, so it is read by another thread, and for a twentieth of the time, as far as that
can be had: where a look takes long, the next comes later, and leases are looked after the earlier before their end.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from dnsguard.errors import DnsguardError
from dnsguard.forwarder.committer import Committer
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.leases import LeaseBook
from dnsguard.leases.prolonging import Pair
from dnsguard.netlink.conntrack import Flow

log = logging.getLogger(__name__)

PAUSE: Final = 8.0
"""Seconds between two looks: a lease of the shortest time there is by default, a minute, is looked at when it has a
third of it left, and once more should that fail."""

SHARE: Final = 20.0
"""A look that took a second is followed by a pause of so many at least, up to half of the shortest lease."""


class Flows(Protocol):
    """What is needed of ``netlink.flowlist.FlowList``. Blocks."""

    def opened_by(self, clients: frozenset[bytes]) -> Iterator[Flow]: ...


class FlowKeeper:
    """Belongs to one event loop."""

    def __init__(self, book: LeaseBook, committer: Committer, flows: Flows, counters: ForwarderCounters) -> None:
        self.problem = ""
        """Why leases end under connections, empty when they do not."""

        self._book = book
        self._committer = committer
        self._flows = flows
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self.pause = PAUSE
        """Seconds until the next look."""

    @property
    def horizon(self) -> float:
        """Seconds: what ends within them is looked after now, for the next look may fail."""
        return 2.5 * self.pause

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self.pause)

    async def look(self) -> None:
        """Once: prolong what is about to end and is in use."""
        ending = await self._ending()
        if not ending:
            return
        started = self._loop.time()
        try:
            live = await asyncio.to_thread(_live, self._flows, ending)
        except (DnsguardError, OSError) as error:
            self._counters.flow_looks_failed += 1
            self._note(f"leases end though their clients may have connections: {error}")
            return
        now = self._loop.time()
        self._counters.flow_looks += 1
        # A lease may begin after one look: it must not end before the next.
        self.pause = max(PAUSE, min(SHARE * (now - started), self._book.terms.lease(0) / 2))
        await self._prolong(live, now)

    async def talks(self, clients: frozenset[bytes]) -> dict[bytes, frozenset[bytes]]:
        """Packed address of each of these clients → addresses that it has a live connection to; none where that cannot
        be known, which the log says."""
        try:
            return await asyncio.to_thread(_talks, self._flows, clients)
        except (DnsguardError, OSError) as error:
            log.warning("leases that ended while nobody looked after them stay ended: %s", error)
            return {}

    @property
    def longer(self) -> float:
        """Seconds that a lease under a connection has at least."""
        terms = self._book.terms
        return max(terms.lease(0) + terms.slack, 2 * self.horizon)

    async def _ending(self) -> frozenset[Pair]:
        now, found = self._loop.time(), set[Pair]()
        for step in self._book.ending(now + self.horizon, now):
            found.update(step)
            await asyncio.sleep(0)
        return frozenset(found)

    async def _prolong(self, live: Iterable[Pair], now: float) -> None:
        problem = ""
        until = now + self.longer
        for changes in self._book.prolong(live, until, now):
            if changes.is_empty:
                await asyncio.sleep(0)
            elif refused := await self._committer.write(changes):
                problem = f"leases of live connections are not prolonged yet: {refused}"
            else:
                self._counters.leases_prolonged += len(changes.add)
        self._note(problem)

    def _note(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.warning("%s", problem)
        elif self.problem and not problem:
            log.info("leases are kept under connections again")
        self.problem = problem


def _live(flows: Flows, ending: frozenset[Pair]) -> set[Pair]:
    """Those of the pairs that talk to each other: to the address itself, or to one that is translated to it."""
    found: set[Pair] = set()
    for flow in flows.opened_by(frozenset(client for client, _ in ending)):
        if flow.is_live:
            found.update(ending.intersection((Pair(flow.source, flow.destination), Pair(flow.source, flow.reached))))
    return found


def _talks(flows: Flows, clients: frozenset[bytes]) -> dict[bytes, frozenset[bytes]]:
    found: dict[bytes, set[bytes]] = {}
    for flow in flows.opened_by(clients):
        if flow.is_live:
            found.setdefault(flow.source, set()).update((flow.destination, flow.reached))
    return {client: frozenset(addresses) for client, addresses in found.items()}
