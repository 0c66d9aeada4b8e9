"""The DNS log as a whole: what is written where, as settings and resources have it, and who asks for it."""

import asyncio
import time
from collections.abc import Callable
from typing import assert_never

from dnsguard.dns.relay import Relay
from dnsguard.forwarder.clients import Clients
from dnsguard.forwarder.describing import Describing
from dnsguard.forwarder.observing import OFF, Observing
from dnsguard.forwarder.tails import Outlet
from dnsguard.leases import LeaseBook, Scope
from dnsguard.link.messages import DnsConfiguration, DnsLogQuery, DnsLogStop, SetUses
from dnsguard.observe.logfile import LogFile
from dnsguard.observe.record import unlogged_line
from dnsguard.observe.writer import LineWriter
from dnsguard.settings import Settings

MEGABYTE = 1_000_000
_LAST_SECONDS = 1.0
"""What the file is given at the end to take what waits."""


class DnsLog:
    """Belongs to one event loop."""

    def __init__(
        self,
        settings: Settings,
        book: LeaseBook,
        clients: Clients,
        scope: Callable[[bytes], Scope],
        ineligible: Callable[[bytes], str | None],
        outlet: Outlet,
    ) -> None:
        """``scope``: in whose name a client's look-ups count; ``ineligible``: why an address may not be leased;
        ``outlet``: how records go to the controller."""
        self._settings = settings
        self._describing = Describing(book, clients, scope, ineligible)
        self.observing = Observing(self._describing, outlet, settings.dns_log_client_lines)
        self.policies: dict[str, tuple[str, ...]] = {}
        self._describing.policies = self.policies
        megabytes = settings.dns_log_max_file_size_mb
        self.file = LogFile(settings.dns_log_path, megabytes * MEGABYTE, settings.dns_log_max_files)
        self.writer = LineWriter(self.file, _lost_line)
        self._which = ""
        self.configure(DnsConfiguration())

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the log has gaps; empty when all is well."""
        return (self.writer.problem,) if self.writer.problem else ()

    def attach(self, relay: Relay) -> None:
        """Listen to it."""
        self.observing.attach(relay)

    def configure(self, said: DnsConfiguration) -> None:
        """Follow what resources say, where no setting was given."""
        settings, given = self._settings, self._settings.model_fields_set
        which = settings.dns_log if "dns_log" in given or not said.dns_log else said.dns_log
        files, megabytes = settings.dns_log_max_files, settings.dns_log_max_file_size_mb
        if said.dns_log_max_files and "dns_log_max_files" not in given:
            files = said.dns_log_max_files
        if said.dns_log_max_file_size_mb and "dns_log_max_file_size_mb" not in given:
            megabytes = said.dns_log_max_file_size_mb
        self.file.files, self.file.full = files, megabytes * MEGABYTE
        if which != self._which:
            self._which = which
            self.observing.log_to(None if which == OFF else self.writer, which)

    def take(self, message: DnsLogQuery | DnsLogStop | SetUses) -> None:
        """What the controller sends."""
        match message:
            case DnsLogQuery():
                self.observing.query(message)
            case DnsLogStop():
                self.observing.stop(message.request)
            case SetUses():
                for use in message.uses:
                    if use.policies:
                        self.policies[use.lease_set] = use.policies
                    else:
                        self.policies.pop(use.lease_set, None)
            case _:
                assert_never(message)

    def disconnected(self) -> None:
        """The controller is away, and with it whoever watched."""
        self.observing.disconnected()

    async def tick(self) -> None:
        """To be called every ``observing.TICK_SECONDS``."""
        self.observing.tick()

    async def close(self) -> None:
        """Write what waits, if the file takes it."""
        self.observing.finish()
        await asyncio.to_thread(self.writer.close, _LAST_SECONDS)


def _lost_line(count: int) -> str:
    return unlogged_line(time.time(), count, "the file did not take them")
