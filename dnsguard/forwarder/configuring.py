"""What resources say of DNS, put in force in this process while it runs.

The settings come first where they were given as flag, in the environment or in the file. What resources stop saying is
as it was before they said it.
"""

import asyncio
import logging
from dataclasses import replace

from dnsguard.dns.relay import Relay
from dnsguard.dns.upstream.pool import UpstreamPool
from dnsguard.forwarder.beating import Beating
from dnsguard.forwarder.committer import Committer
from dnsguard.forwarder.dnslog import DnsLog
from dnsguard.forwarder.leasing import Leasing
from dnsguard.forwarder.trusted import TrustedServers
from dnsguard.leases import Changes, LeaseBook
from dnsguard.leases.changes import NOTHING
from dnsguard.link.messages import DnsConfiguration
from dnsguard.settings import Settings

log = logging.getLogger(__name__)

SAVE_SECONDS = 60.0
"""Between two savings of what was learned, where no resource says otherwise."""

SHORTEST_SAVE_SECONDS = 1.0
SHORTEST_HOLD_SECONDS = 0.01
"""Less, and a busy moment of the kernel would fail every answer."""


class Configuring:
    """Owner of what may change of the settings. Belongs to one event loop."""

    def __init__(
        self, settings: Settings, book: LeaseBook, committer: Committer, leasing: Leasing, trusted: TrustedServers
    ) -> None:
        self.save_seconds = SAVE_SECONDS
        self.save_now = asyncio.Event()
        """Set when what was saved is no longer what holds."""

        self.pool: UpstreamPool | None = None
        self.relay: Relay | None = None
        self.dns_log: DnsLog | None = None
        """All are there before the first configuration comes."""

        self.beating: Beating | None = None
        """None where another process gives the kernel signs of life."""

        self._settings = settings
        self._book = book
        self._committer = committer
        self._leasing = leasing
        self._trusted = trusted
        self._loop = asyncio.get_running_loop()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is not followed, and what is done instead."""
        return self._trusted.problems

    def take(self, said: DnsConfiguration) -> Changes:
        """Put it in force; what the kernel holds that has no reason any more."""
        settings, given = self._settings, self._settings.model_fields_set
        extra = settings.dns_extra_ttl if said.extra_ttl < 0 or "dns_extra_ttl" in given else said.extra_ttl
        self._book.terms = replace(self._book.terms, extra=extra)
        self._leasing.no_delay = said.no_delay
        # The kernel is asked by the one thread that answers everybody, so a resource may ask for a shorter hold, never
        # for a longer one than the settings have: and what is not written by then is SERVFAIL, not released.
        hold = settings.commit_deadline
        if said.hold > 0 and "commit_deadline" not in given:
            hold = min(hold, max(said.hold, SHORTEST_HOLD_SECONDS))
        self._committer.deadline = hold
        if self.relay is not None:
            self.relay.set_commit_deadline(hold)
        save_seconds = max(said.save_interval, SHORTEST_SAVE_SECONDS) if said.save_interval > 0 else SAVE_SECONDS
        if save_seconds != self.save_seconds:
            self.save_seconds = save_seconds
            self.save_now.set()
        if self.dns_log is not None:
            self.dns_log.configure(said)
        if self.beating is not None:
            self.beating.follow(said.fail_open_after)
        self._trusted.follow(said.trusted_servers)
        self.ask_the_trusted()
        return self._discard(said.cache_epoch) if said.cache_epoch != self._book.epoch else NOTHING

    def ask_the_trusted(self, *, forget: bool = True) -> None:
        """Turn to the servers that are trusted now. A question whose server is gone is asked anew.

        ``forget``: they are others than before, and so may be what they say.
        """
        servers = self._trusted.in_force
        if self.pool is not None and servers and self.pool.set_servers(servers):
            log.info("the upstreams are now %s", ", ".join(map(str, servers)))
            if self.relay is not None and forget:
                # What the ones before knew may be the reason why they were exchanged.
                self.relay.clear_cache()

    def _discard(self, epoch: int) -> Changes:
        log.info(
            "the epoch of the cache is %d now and was %d: all that was learned is discarded", epoch, self._book.epoch
        )
        if self.relay is not None:
            self.relay.clear_cache()
        self.save_now.set()
        return self._book.discard(self._loop.time(), epoch)
