"""The trusted servers in force: the settings' list, or the one that dnsTrustedServers of a resource puts in its place.

A list from a resource may come at any time, so it is taken over live, and one that cannot be used changes nothing: the
last good one stays, also over a restart, for which it is kept in a file of its own.
"""

import json
import logging
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

from dnsguard.dns.upstream.servers import (
    BadTrustedServer,
    parse_trusted_server,
    parse_trusted_servers,
    refuse_ourselves,
    resolve_trusted,
)
from dnsguard.files import replace_file
from dnsguard.forwarder.clients import Clients
from dnsguard.servers import NamedServer, Server
from dnsguard.settings import Settings

log = logging.getLogger(__name__)


class TrustedServers:
    """Decides who is asked. Belongs to one event loop."""

    def __init__(self, settings: Settings, clients: Clients, last_good: Path) -> None:
        """``last_good``: where the last list of a resource is kept that could be used."""
        self.problems: tuple[str, ...] = ()
        """What of the resource's list is not followed, and what is done instead."""

        self._settings = settings
        self._clients = clients
        self._path = last_good
        self._entries = parse_trusted_servers(settings.upstreams)
        self._own: list[Server] = []
        self._told: tuple[str, ...] = ()
        self._followed: list[Server] = []

    @property
    def in_force(self) -> list[Server]:
        """Those to ask, in order of preference. Empty before the first ``look_up``."""
        return self._followed or self._own

    @property
    def has_names(self) -> bool:
        """Whether the settings name servers by host name, so that they are to be looked up again and again."""
        return any(isinstance(entry, NamedServer) for entry in self._entries)

    async def look_up(self) -> None:
        """Find the addresses of the settings' list. Raises BadTrustedServer, with what was known before kept."""
        try:
            servers = await resolve_trusted(self._entries)
        except OSError as error:
            raise BadTrustedServer(f"trusted servers cannot be looked up: {error}") from None
        self._refuse_ourselves(servers)
        self._own = servers

    def follow(self, told: tuple[str, ...]) -> None:
        """Take over what resources say; empty: they say nothing. Servers of the settings come first, where given."""
        if told == self._told:
            return
        first, self._told = not self._told, told
        if "upstreams" in self._settings.model_fields_set:
            return
        if not told:
            self._followed, self.problems = [], ()
            self._path.unlink(missing_ok=True)
            return
        servers, problems = self._usable(told)
        if not servers and first:
            self._followed = self._usable(map(str, self._followed))[0] or self._remembered()
        if servers:
            self._followed = servers
            self._remember(servers)
        else:
            problems.append(f"dnsTrustedServers is not followed, {', '.join(map(str, self.in_force))} are asked still")
        self.problems = tuple(problems)
        for problem in problems:
            log.warning("%s", problem)

    def look_again(self) -> None:
        """Decide anew: which addresses are our own has changed."""
        told, self._told = self._told, ()
        if told:
            self.follow(told)

    def _usable(self, told: Iterable[str]) -> tuple[list[Server], list[str]]:
        """The servers of a list, each once; none of them when one is ourselves. And what is wrong."""
        servers: dict[Server, None] = {}
        problems: list[str] = []
        for entry in told:
            try:
                parsed = parse_trusted_server(entry)
                if isinstance(parsed, NamedServer):
                    raise BadTrustedServer(f"{entry!r} is a name, and here only addresses are understood")
            except BadTrustedServer as error:
                problems.append(_said(error))
            else:
                servers[parsed] = None
        try:
            self._refuse_ourselves(servers)
        except BadTrustedServer as error:
            return [], [*problems, _said(error)]
        return list(servers), problems

    def _refuse_ourselves(self, servers: Iterable[Server]) -> None:
        listening = [(str(listen.address), listen.port) for listen in self._settings.listen]
        refuse_ourselves(servers, listening, [str(ip_address(address)) for address in self._clients.own])

    def _remember(self, servers: Iterable[Server]) -> None:
        try:
            replace_file(self._path, [json.dumps([str(server) for server in servers]).encode() + b"\n"])
        except OSError as error:
            log.error("%s cannot be written: %s", self._path, error.strerror)

    def _remembered(self) -> list[Server]:
        """The last good list of the process before us; empty where there is none that can be used."""
        try:
            entries = json.loads(self._path.read_bytes())
            return self._usable(str(entry) for entry in entries)[0]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            log.warning("%s is ignored: %s", self._path, error)
            return []


def _said(error: BadTrustedServer) -> str:
    return f"dnsTrustedServers: {str(error).removeprefix('upstreams: ')}"
