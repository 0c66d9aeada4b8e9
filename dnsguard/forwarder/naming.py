"""Which names led clients to addresses, and what else was learned: answers the controller, a little at a time between
DNS answers."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Final

from dnsguard.domains import name_text
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.searching import search_leases, search_names
from dnsguard.forwarder.withheld import Withheld
from dnsguard.leases import NODE, LeaseBook, Scope
from dnsguard.leases.naming import names_of
from dnsguard.link.messages import (
    LeasesReply,
    LeasesSearch,
    NamesFound,
    NamesQuery,
    NamesReply,
    NamesSearch,
    VisitedNames,
)

log = logging.getLogger(__name__)

MOST_WAITING: Final = 8
"""Queries; the controller asks one at a time, and a new one after a restart."""


class Naming:
    """Belongs to one event loop."""

    def __init__(
        self,
        book: LeaseBook,
        scope: Callable[[bytes], Scope],
        withheld: Withheld,
        reply: Callable[[NamesReply | NamesFound | LeasesReply], None],
        counters: ForwarderCounters,
    ) -> None:
        """``scope``: in whose name a client's look-ups count; ``withheld``: names that led to what none may open."""
        self._book = book
        self._scope = scope
        self._withheld = withheld
        self._reply = reply
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[NamesQuery] = deque(maxlen=MOST_WAITING)
        self._searches: deque[NamesSearch | LeasesSearch] = deque(maxlen=MOST_WAITING)
        """Of people, who wait longer: whatever is asked for the packet log comes between."""

        self._steps: Iterator[None] | None = None

    def take(self, query: NamesQuery | NamesSearch | LeasesSearch) -> None:
        """Answer it soon."""
        if isinstance(query, NamesQuery):
            self._counters.names_asked += len(query.visited)
            self._waiting.append(query)
        else:
            self._counters.searches += 1
            self._searches.append(query)
        if self._steps is None:
            self._steps = self._work()
            self._loop.call_soon(self._step)

    def _step(self) -> None:
        if self._steps is None:
            return
        try:
            is_done = next(self._steps, self) is self
        except Exception:
            # A mistake of ours must not be the end of all answers: the query it concerns has none.
            log.exception("which names led where could not be said")
            self._steps, is_done = self._work(), False
        if is_done:
            self._steps = None
        else:
            self._loop.call_soon(self._step)

    def _work(self) -> Iterator[None]:
        while self._waiting or self._searches:
            yield from self._answers()
            if self._searches:
                for _ in self._searched(self._searches.popleft()):
                    yield
                    yield from self._answers()

    def _answers(self) -> Iterator[None]:
        while self._waiting:
            yield from self._answer(self._waiting.popleft())

    def _searched(self, search: NamesSearch | LeasesSearch) -> Iterator[None]:
        if isinstance(search, NamesSearch):
            return search_names(self._book, search, self._loop.time, self._reply)
        return search_leases(self._book, search, self._loop.time, self._reply)

    def _answer(self, query: NamesQuery) -> Iterator[None]:
        wanted: dict[Scope, set[bytes]] = {}
        asked: list[tuple[str, str, Scope, bytes]] = []
        for each in query.visited:
            try:
                scope, address = self._scope(ip_address(each.client).packed), ip_address(each.address).packed
            except ValueError:
                continue
            asked.append((each.client, each.address, scope, address))
            wanted.setdefault(scope, set()).add(address)
        found: dict[Scope, dict[bytes, list[bytes]]] = {}
        for scope, addresses in wanted.items():
            yield from names_of(self._book.library, scope, addresses, self._loop.time(), found.setdefault(scope, {}))
            yield
        told = []
        for client, text, scope, address in asked:
            names = [name_text(name) for name in found[scope].get(address, ())]
            for refused in self._withheld.of((scope, NODE), self._loop.time()):
                if refused.address == text:
                    names += refused.names
            told.append(VisitedNames(client, text, tuple(dict.fromkeys(names))))
        self._reply(NamesReply(query.request, tuple(told)))
