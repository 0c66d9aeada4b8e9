"""Our end of the link: passes on what the controller says, answers what it asks, keeps the last good policy on disk."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.dnslog import DnsLog
from dnsguard.forwarder.enforcing import Enforcing
from dnsguard.forwarder.naming import Naming
from dnsguard.forwarder.reports import leases_reply
from dnsguard.forwarder.rights import Rights
from dnsguard.forwarder.withheld import Withheld
from dnsguard.leases import LeaseBook
from dnsguard.link import lastgood
from dnsguard.link.client import Acknowledge, LinkClient
from dnsguard.link.messages import (
    Delta,
    DnsLogQuery,
    DnsLogStop,
    Hello,
    LeasesQuery,
    LeasesSearch,
    NamesQuery,
    NamesSearch,
    RightsReply,
    SetUses,
    Snapshot,
)

log = logging.getLogger(__name__)

_UNWRITTEN_SECONDS = 2.0
"""Between two attempts to write down what could not be."""

_SETTLE_SECONDS = 0.5
"""Between a change and its writing down: a burst of changes is one file."""


class Linking:
    """The link's listener, see ``LinkListener``."""

    def __init__(
        self,
        socket: Path,
        last_good: Path,
        enforcing: Enforcing,
        book: LeaseBook,
        hello: Callable[[], Hello],
        counters: ForwarderCounters,
    ) -> None:
        self.client = LinkClient(socket, hello, self)
        self.rights = Rights(self.client.ask_rights, counters)
        self.dns_log: DnsLog | None = None
        """Whose records are asked for; there before the client runs."""

        self.naming: Naming | None = None
        """Who knows names; there before the client runs."""

        self.withheld: Withheld | None = None
        """What is told beside the leases."""

        self.problem = ""
        """Why the policy in force is not on the disk; empty when it is, or soon will be."""

        self.told_at = 0.0
        """When the policy in force was told last, in seconds since 1970; 0 while there is none."""

        self._last_good = last_good
        self._enforcing = enforcing
        self._book = book
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._said = ""
        self._met = False

    def last_good(self) -> Snapshot | None:
        """What was in force when the process before us stopped, to go on with until the controller says otherwise."""
        try:
            snapshot = lastgood.load(self._last_good)
        except lastgood.UnusableLastGood as error:
            log.error("%s; waiting for the controller", error)
            return None
        if snapshot is not None:
            with suppress(OSError):
                self.told_at = self._last_good.stat().st_mtime
            log.info("starting from the policy of %s until the controller is there", self._last_good)
        return snapshot

    def on_snapshot(self, snapshot: Snapshot, acknowledge: Acknowledge) -> None:
        log.info("policy revision %d: %d lease sets, %d endpoints", snapshot.revision, len(snapshot.lease_sets),
                 len(snapshot.identities))  # fmt: skip
        self._said = ""
        self._met = True
        self.told_at = time.time()
        self.rights.anew()
        self._enforcing.put(snapshot, acknowledge)
        self._changed.set()

    def on_delta(self, delta: Delta, acknowledge: Acknowledge) -> None:
        self.told_at = time.time()
        self._enforcing.put(delta, acknowledge)
        self._changed.set()

    def on_leases_query(self, query: LeasesQuery) -> None:
        now = self._loop.time()
        self.client.reply(leases_reply(self._book, query.request, query.client, now, self.withheld))

    def on_names_query(self, query: NamesQuery) -> None:
        if self.naming is not None:
            self.naming.take(query)

    def on_search(self, search: NamesSearch | LeasesSearch) -> None:
        if self.naming is not None:
            self.naming.take(search)

    def on_rights(self, reply: RightsReply) -> None:
        self.rights.answered(reply)

    def on_rights_void(self) -> None:
        self.rights.void()

    def on_dns_log(self, message: DnsLogQuery | DnsLogStop | SetUses) -> None:
        if self.dns_log is not None:
            self.dns_log.take(message)

    def on_disconnected(self, reason: str) -> None:
        self.rights.give_up()
        if self.dns_log is not None:
            self.dns_log.disconnected()
        if reason != self._said and self._met:
            log.warning("the controller is away: %s", reason)
        elif not self._said:  # whoever starts both at once has the forwarder first: nothing to warn of
            log.info("waiting for the controller: %s", reason)
        self._said = reason

    async def keep_last_good(self) -> None:
        """Write the policy down whenever it has changed, and again and again until that is done, until cancelled."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(_UNWRITTEN_SECONDS if self.problem else _SETTLE_SECONDS)
            await self.save_last_good()

    async def save_last_good(self) -> None:
        """Write it down now, where it has changed since: at the end, so that whoever starts next knows the sets that
        there are."""
        if not self._changed.is_set() or self.client.held is None:
            return
        self._changed.clear()
        try:
            await asyncio.to_thread(lastgood.save, self._last_good, self.client.held.snapshot())
        except OSError as error:
            self._unwritten(error)
        else:
            self.problem = ""

    def _unwritten(self, error: OSError) -> None:
        problem = (
            f"{self._last_good} cannot be written: {error.strerror}: started anew without the controller, this process"
            " would go on with an older policy"
        )
        if problem != self.problem:
            log.error("%s", problem)
        self.problem = problem
        self._changed.set()
