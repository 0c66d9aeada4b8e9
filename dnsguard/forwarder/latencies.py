"""How long answers took, by where they came from, by upstream, and by lease."""

from typing import get_args

from dnsguard.dns.hooks import Handled, Source
from dnsguard.observe.histogram import Histogram

MAX_SERVERS = 64
"""Upstreams with a histogram of their own; lists of trusted servers may change often."""


class Latencies:
    """Written by the event loop's thread alone."""

    def __init__(self) -> None:
        self.by_source: dict[str, Histogram] = {source: Histogram() for source in get_args(Source)}
        self.by_server: dict[str, Histogram] = {}
        self.held = Histogram()

    def observe(self, handled: Handled, total: float) -> None:
        """Take in one query."""
        self.by_source[handled.source].observe(total)
        if handled.server:
            server = self.by_server.get(handled.server)
            if server is None:
                if len(self.by_server) >= MAX_SERVERS:
                    return
                server = self.by_server[handled.server] = Histogram()
            server.observe(handled.asked)
            self.held.observe(handled.held)
