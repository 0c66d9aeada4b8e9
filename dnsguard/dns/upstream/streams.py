"""The connections to a server that is asked over TLS and in no other way: few, long-lived, each with many questions."""

import asyncio
from pathlib import Path
from typing import Final

from dnsguard.dns.upstream.exchange import Attempt
from dnsguard.dns.upstream.stream import Backoff, Broken, Received, StreamLink
from dnsguard.dns.upstream.tls import TlsClient
from dnsguard.servers import Server, Tls

MAX_CONNECTIONS: Final = 4
SHARED_BY: Final = 64
"""Questions in flight on one connection before the next is opened."""


class StreamLinks:
    """Stands where ``UdpLinks`` stands for other servers. The first connection is used as long as it answers."""

    def __init__(
        self,
        server: Server,
        tls: Tls,
        server_index: int,
        authorities: Path | None,
        mark: int | None,
        received: Received,
        broken: Broken,
    ) -> None:
        """``authorities`` as for ``TlsClient``."""
        self.tls = TlsClient(tls, authorities)
        self._backoff = Backoff()
        self._server = server
        self._index = server_index
        self._mark = mark
        self._received = received
        self._broken = broken
        self._links = [self._new()]

    @property
    def first(self) -> StreamLink:
        """The one that is always there."""
        return self._links[0]

    def pick(self, loop: asyncio.AbstractEventLoop, received: object, broken: object) -> StreamLink:
        """One that answers and has room; where there is none, a new one. ``received``, ``broken``: known already."""
        del received, broken
        now = loop.time()
        for link in self._links:
            if len(link.pending) < SHARED_BY and not link.is_silent(now):
                return link
        if len(self._links) < MAX_CONNECTIONS:
            self._links.append(self._new())
            return self._links[-1]
        return min(self._links, key=lambda link: len(link.pending))

    def renumber(self, server_index: int) -> None:
        """The server has another place in the list now."""
        self._index = server_index
        for link in self._links:
            link.server_index = server_index

    def sweep(self) -> None:
        """Close what is idle or dead."""
        now = asyncio.get_running_loop().time()
        for link in self._links:
            link.sweep(now)

    def close(self) -> list[Attempt]:
        """Close all; returns what was still pending."""
        return [attempt for link in self._links for attempt in link.close()]

    def _new(self) -> StreamLink:
        return StreamLink(self._server, self._index, self._mark, self._received, self._broken, self.tls, self._backoff)
