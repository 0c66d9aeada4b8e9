"""The relay's observer: measures, and passes on what is to be written down, without making an answer wait.

::

    relay ─► observe ─► ring ─► pump, a few at a time ─┬─► recent      for whoever asks later
                 │                                     ├─► tails ─► link ─► whoever watches
                 └─► histograms                        └─► writer ─► file, in a thread

Records are made on the event loop, in slices of a fifth of a millisecond between which answers go out: a thread that
makes them would hold the interpreter's lock for five milliseconds at a time, and that is what an answer would wait.
The thread only writes.

Every query is looked at while it is to be logged or somebody watches. Otherwise a sample is measured, without what is
sent again as it was, and what was refused or failed is kept: so what nobody asked for costs nearly nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from heapq import merge
from itertools import islice
from typing import Final, NamedTuple

from dnsguard.dns.hooks import Handled
from dnsguard.dns.relay import Relay
from dnsguard.domains import DomainPatternError
from dnsguard.forwarder.latencies import Latencies
from dnsguard.forwarder.tails import MAX_TAILS, Outlet, Tails
from dnsguard.link.messages import DnsLogQuery, DnsLogReply
from dnsguard.observe.record import RELAYED, Record, unlogged_line
from dnsguard.observe.ring import Ring
from dnsguard.observe.shares import Shares
from dnsguard.observe.wanted import Wanted
from dnsguard.observe.writer import LineWriter

log = logging.getLogger(__name__)

RING: Final = 65_536
"""Queries that wait for their record."""

RECENT: Final = 1_024
"""Records kept for whoever asks; as many again of what was refused or failed."""

SLICE: Final = 16
"""Records made between two looks at the sockets."""

LAST: Final = 2_048
"""Records made at the end, at most: in some 30 ms."""

FLUSH: Final = 512
"""Lines that are handed to the file before the next tick."""

TICK_SECONDS: Final = 0.1
SAMPLE: Final = 100
"""Queries of each tick that are measured while none are logged: all of them up to 1 000 a second."""

ALL, DENIED, OFF = "All", "Denied", "Off"

Describe = Callable[[Handled, float, float, float], Record]


class _Kept(NamedTuple):
    number: int
    record: Record
    line: str


class Observing:
    """Belongs to one event loop. ``tick`` is to be called every ``TICK_SECONDS``."""

    def __init__(self, describe: Describe, outlet: Outlet, client_lines: int, ring: int = RING) -> None:
        """``client_lines``: how many records a second there are of one client, at most."""
        self.latencies = Latencies()
        self.records = 0
        """Made since the beginning."""

        self.writer: LineWriter | None = None
        """None where nothing is written to a file."""

        self._describe = describe
        self._outlet = outlet
        self._logs = OFF
        self._relay: Relay | None = None
        self._loop = asyncio.get_running_loop()
        self._shares = Shares(client_lines)
        self._shares_denied = Shares(client_lines)
        """Apart, so that nobody hides a refusal behind many look-ups that are allowed."""

        self._ring: Ring[tuple[Handled, float]] = Ring(ring)
        self._recent: Ring[_Kept] = Ring(RECENT)
        self._recent_denied: Ring[_Kept] = Ring(RECENT)
        self._tails = Tails()
        self._pumping = False
        self._sampled = 0
        self._told_lost = 0

    @property
    def waiting(self) -> int:
        """Queries whose record is not made yet."""
        return len(self._ring)

    @property
    def dropped(self) -> int:
        """Queries of which there is no record because too many waited."""
        return self._ring.lost

    @property
    def suppressed(self) -> int:
        """Queries of which there is no record because their client asked too much."""
        return self._shares.suppressed + self._shares_denied.suppressed

    def attach(self, relay: Relay) -> None:
        """Listen to it."""
        self._relay = relay
        relay.observe_errors = self._heard
        self._listen()

    def log_to(self, writer: LineWriter | None, which: str) -> None:
        """Write to this file from now on: ``All``, or only ``Denied``; ``Off`` and None for nothing."""
        self.writer = writer
        self._logs = which if writer is not None else OFF
        self._listen()

    def tick(self) -> None:
        """Measure some more, and hand on what waits."""
        self._sampled = 0
        self._listen()
        self._report_gaps()
        self._hand_on()

    def query(self, query: DnsLogQuery) -> None:
        """Answer somebody who asks for records."""
        try:
            wanted = Wanted.of(query.client, query.name, denied=query.denied)
        except DomainPatternError as error:
            self._outlet.tell(DnsLogReply(query.request, problem=str(error)))
            return
        if not self._tails.add(query, wanted, self._newest(wanted, query.last)):
            self._outlet.tell(DnsLogReply(query.request, problem=f"{MAX_TAILS} watch already"))
            return
        self._tails.send(self._outlet)
        self._listen()

    def stop(self, request: int) -> None:
        """Whoever asked with this number listens no more."""
        self._tails.remove(request)
        self._listen()

    def disconnected(self) -> None:
        """Nobody listens any more."""
        self._tails.clear()
        self._listen()

    def finish(self) -> None:
        """Make what records are missing, as far as that takes no time to speak of, for the end."""
        self._pump(LAST)
        self._ring.lost += len(self._ring.take(len(self._ring)))
        self._report_gaps()

    def _listen(self) -> None:
        if self._relay is None:
            return
        if self._logs == ALL or self._tails.following:
            self._relay.observe = self._heard
        else:
            self._relay.observe = None
            self._relay.sample = self._measured if self._sampled < SAMPLE else None

    def _measured(self, handled: Handled) -> None:
        if handled.source in RELAYED:
            self.latencies.observe(handled, self._loop.time() - handled.started)
        else:
            self._heard(handled)
        self._sampled += 1
        if self._sampled >= SAMPLE and self._relay is not None:
            self._relay.sample = None

    def _heard(self, handled: Handled) -> None:
        started = handled.started
        total = self._loop.time() - started
        self.latencies.observe(handled, total)
        shares = self._shares if handled.source in RELAYED else self._shares_denied
        if shares.admits(handled.client.address, started):
            self._ring.put((handled, total))
            if not self._pumping:
                self._pumping = True
                self._loop.call_soon(self._pump_on)

    def _pump_on(self) -> None:
        self._pump(SLICE)
        if self._ring:
            self._loop.call_soon(self._pump_on)
        else:
            self._pumping = False

    def _pump(self, most: int) -> None:
        """Make records, at most so many."""
        now = self._loop.time()
        wall = time.time() - now
        for handled, total in self._ring.take(most):
            try:
                record = self._describe(handled, total, wall, now)
                line = record.line()
            except Exception:
                log.exception("a query could not be described")
                continue
            self.records += 1
            kept = _Kept(self.records, record, line)
            if record.denied:
                self._shares_denied.spent(handled.client.address, len(line))
                self._recent_denied.put(kept)
            else:
                self._shares.spent(handled.client.address, len(line))
                self._recent.put(kept)
            if self.writer is not None and (self._logs == ALL or (self._logs == DENIED and record.denied)):
                self.writer.put(line)
            self._tails.offer(record, line)
        if self.writer is not None and self.writer.waiting >= FLUSH:
            self.writer.flush()

    def _report_gaps(self) -> None:
        """Say what is missing, in the file and to whoever watches."""
        now = time.time()
        over = (*self._shares.over(), *self._shares_denied.over())
        lines = [unlogged_line(now, count, "the client asks too much", client) for client, count in over]
        if lost := self._ring.lost - self._told_lost:
            self._told_lost += lost
            lines.append(unlogged_line(now, lost, "too many queries at once"))
        for line in lines:
            if self.writer is not None and self._logs != OFF:
                self.writer.put(line)
            self._tails.announce(line)

    def _hand_on(self) -> None:
        if self.writer is not None:
            self.writer.flush()
        self._tails.send(self._outlet)

    def _newest(self, wanted: Wanted, most: int) -> list[str]:
        """The newest lines that are wanted, the oldest of them first."""
        newest = merge(self._backwards(self._recent), self._backwards(self._recent_denied), reverse=True)
        return [kept.line for kept in islice((kept for kept in newest if wanted(kept.record)), max(0, most))][::-1]

    @staticmethod
    def _backwards(kept: Ring[_Kept]) -> Iterator[_Kept]:
        return reversed(kept.newest(len(kept)))
