"""The trusted servers in force: the settings' list, or the one that dnsTrustedServers of a resource puts in its place.

A list from a resource may come at any time, so it is taken over live, and one that cannot be used changes nothing: the
last good one stays, also over a restart, for which it is kept in a file of its own. Names are looked up beside all this
and count once they are found; nothing waits for them.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from dnsguard.dns.upstream.servers import (
    BadTrustedServer,
    lookup_host,
    own_socket,
    parse_trusted_servers,
)
from dnsguard.forwarder.clients import Clients
from dnsguard.forwarder.kept import KeptValue
from dnsguard.forwarder.names import Lookup, TrustedNames
from dnsguard.locations import RESOLV_CONF
from dnsguard.servers import NamedServer, Server, read_server
from dnsguard.settings import Settings
from dnsguard.settings.sources import system_resolvers

log = logging.getLogger(__name__)

LOOK_UP_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 5.0
"""Where a name was not found."""

NAMES_SUFFIX: Final = ".names"


class TrustedServers:
    """Decides who is asked. Belongs to one event loop."""

    def __init__(
        self,
        settings: Settings,
        clients: Clients,
        last_good: Path,
        lookup: Lookup | None = None,
        *,
        writes: bool = True,
    ) -> None:
        """``last_good``: where the last list of a resource is kept that could be used; names are kept beside it.

        ``lookup`` stands in for the system's resolvers; ``writes`` as for ``KeptValue``.
        """
        self._settings = settings
        self._clients = clients
        self._last_good = KeptValue(last_good, writes=writes)
        self._entries = parse_trusted_servers(settings.upstreams)
        names = KeptValue(last_good.with_name(last_good.name + NAMES_SUFFIX), writes=writes)
        self._names = TrustedNames(lookup or self._ask_the_system, names)
        self._own: list[Server] = []
        self._own_problems: list[str] = []
        self._told: tuple[str, ...] = ()
        self._told_problems: list[str] = []
        self._followed: list[Server] = []
        self._wanted = asyncio.Event()

    @property
    def in_force(self) -> list[Server]:
        """Those to ask, in order of preference. Empty before the first ``look_up``."""
        return self._followed or self._own

    @property
    def problems(self) -> tuple[str, ...]:
        """What of either list is not followed, and what is done instead."""
        return (*self._told_problems, *self._own_problems)

    async def look_up(self) -> None:
        """Find the addresses of the settings' list. Raises BadTrustedServer where there is none, or one is our own."""
        await self._names.look_up(entry.name for entry in self._entries if isinstance(entry, NamedServer))
        servers, problems = self._found(self._entries)
        if problem := self._ourselves(servers):
            raise BadTrustedServer(f"upstreams: {problem}")
        if not servers:
            raise BadTrustedServer("; ".join(f"upstreams: {problem}" for problem in problems))
        self._own, self._own_problems = servers, [f"upstreams: {problem}" for problem in problems]

    async def keep_looking(self, changed: Callable[[], None]) -> None:
        """Look names up, again and again, until cancelled; ``changed`` is called when others are to be asked."""
        while True:
            try:
                async with asyncio.timeout(RETRY_SECONDS if self._names.is_missing(self._named()) else LOOK_UP_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            if names := self._named():
                await self._names.look_up(names)
                before = self.in_force
                self.look_again()
                if self.in_force != before:
                    changed()

    def follow(self, told: tuple[str, ...]) -> None:
        """Take over what resources say; empty: they say nothing. Servers of the settings come first, where given."""
        if told == self._told:
            return
        first, self._told = not self._told, told
        if "upstreams" in self._settings.model_fields_set:
            return
        if not told:
            self._followed, self._told_problems = [], []
            self._last_good.forget()
            return
        self._decide(anew=first)
        if self._names.is_missing(self._named()):
            self._wanted.set()

    def look_again(self) -> None:
        """Decide anew: which addresses are our own, or behind names, has changed."""
        self._decide_own()
        if self._told and "upstreams" not in self._settings.model_fields_set:
            self._decide(anew=True)

    def _decide(self, *, anew: bool) -> None:
        """Follow what was told as far as it can be; ``anew``: what was followed so far is to be judged, too."""
        servers, problems = self._usable(self._told)
        if not servers and anew:
            self._followed = self._usable(map(str, self._followed))[0] or self._remembered()
        if servers:
            self._followed = servers
            self._last_good.keep([str(server) for server in servers])
        else:
            problems.append(f"dnsTrustedServers is not followed, {', '.join(map(str, self.in_force))} are asked still")
        for problem in problems:
            if problem not in self._told_problems:
                log.warning("%s", problem)
        self._told_problems = problems

    def _decide_own(self) -> None:
        """The settings' list as it is now; what has become our own is left out, where anything is left then."""
        found, problems = self._found(self._entries)
        others = []
        for server in found:
            if self._own_socket(server) is None:
                others.append(server)
            else:
                problems.append(f"{server} has become dnsguard itself")
        self._own = others or self._own
        self._own_problems = [f"upstreams: {problem}" for problem in problems]

    def _named(self) -> set[str]:
        """Every name that a server in force, or to be in force, is called by."""
        given = "upstreams" in self._settings.model_fields_set
        parsed = [*self._entries, *(_parsed(entry) for entry in (() if given else self._told))]
        return {entry.name for entry in parsed if isinstance(entry, NamedServer)}

    def _found(self, entries: Iterable[Server | NamedServer]) -> tuple[list[Server], list[str]]:
        """The servers behind all entries as far as they are known, in their order, each once. And what is not."""
        servers: dict[Server, None] = {}
        problems: list[str] = []
        for entry in entries:
            if isinstance(entry, Server):
                servers[entry] = None
                continue
            if problem := self._names.problem(entry.name):
                problems.append(problem)
            servers |= dict.fromkeys(map(entry.at, self._names.addresses(entry.name)))
        return list(servers), problems

    def _usable(self, told: Iterable[str]) -> tuple[list[Server], list[str]]:
        """The servers of a list, each once; none of them when one is ourselves. And what is wrong."""
        entries: list[Server | NamedServer] = []
        wrong: list[str] = []
        for text in told:
            try:
                entries.append(read_server(text))
            except ValueError as error:
                wrong.append(str(error))
        servers, problems = self._found(entries)
        wrong += problems
        if problem := self._ourselves(servers):
            wrong.append(problem)
            servers = []
        return servers, [f"dnsTrustedServers: {each}" for each in wrong]

    # Who we are, and who tells us who others are.

    def _listening(self) -> list[tuple[str, int]]:
        return [(str(listen.address), listen.port) for listen in self._settings.listen]

    def _local(self) -> list[str]:
        return [str(ip_address(address)) for address in self._clients.own]

    def _ourselves(self, servers: Iterable[Server]) -> str:
        """What is wrong where one of the servers is ourselves; empty where none is."""
        for server in servers:
            if (own := self._own_socket(server)) is not None:
                return f"{server} is dnsguard itself, listening on {own[0]} port {own[1]}"
        return ""

    def _own_socket(self, server: Server) -> tuple[str, int] | None:
        return own_socket(server, self._listening(), self._local())

    async def _ask_the_system(self, name: str) -> list[str]:
        """By the hosts file, and by the resolvers of resolv.conf.

        Where they are ourselves, by those of the settings' servers that are asked in clear text: we would ask no other.
        """
        system = [server for server in map(_parsed, system_resolvers(RESOLV_CONF)) if isinstance(server, Server)]
        own = [entry for entry in self._entries if isinstance(entry, Server) and entry.tls is None]
        others = [server for server in system if self._own_socket(server) is None]
        return await lookup_host(name, others or [server for server in own if self._own_socket(server) is None])

    def _remembered(self) -> list[Server]:
        """The last good list of the process before us; empty where there is none that can be used."""

        def usable(read: Any) -> list[Server]:
            return self._usable(map(str, read))[0]

        return self._last_good.read(usable, [])


def _parsed(text: str) -> Server | NamedServer | None:
    try:
        return read_server(text)
    except ValueError:
        return None
