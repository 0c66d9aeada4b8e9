"""Those who watch the DNS log live: each has a filter and a bounded queue, and a slow one loses records, not others."""

from collections import deque
from collections.abc import Iterable
from typing import Final, Protocol

from dnsguard.link.messages import DnsLogQuery, DnsLogReply
from dnsguard.observe.record import Record
from dnsguard.observe.ring import Ring
from dnsguard.observe.wanted import Wanted

MAX_TAILS: Final = 16
"""Who watch at a time; each costs every query a comparison."""

_WAITING: Final = 2_000
"""Lines that wait for one of them: a megabyte at most usual lengths."""

_PIECE: Final = 100
"""Lines of one message."""


class Outlet(Protocol):
    """What is needed of the link."""

    @property
    def has_room(self) -> bool:
        """Whether it takes one more message now; where not, lines wait here."""

    def tell(self, reply: DnsLogReply) -> None: ...


class Tail:
    """One of them: first what was before, then what comes."""

    def __init__(self, query: DnsLogQuery, wanted: Wanted, before: Iterable[str]) -> None:
        self.query = query
        self._wanted = wanted
        self._before = deque(before)
        self._lines: Ring[str] = Ring(_WAITING)
        self._told = 0
        self.is_done = False
        """Whether all that was before has been sent, and that this was all."""

    def offer(self, record: Record, line: str) -> None:
        if self.query.follow and self._wanted(record):
            self._lines.put(line)

    def announce(self, line: str) -> None:
        if self.query.follow:
            self._lines.put(line)

    def send(self, outlet: Outlet) -> None:
        """Hand on what waits, as far as there is room."""
        before = self._before
        while not self.is_done and outlet.has_room:
            lines = tuple(before.popleft() for _ in range(min(_PIECE, len(before))))
            self.is_done = not before
            outlet.tell(DnsLogReply(self.query.request, lines, done=self.is_done))
        while self._lines and outlet.has_room:
            lost = self._lines.lost - self._told
            self._told += lost
            outlet.tell(DnsLogReply(self.query.request, tuple(self._lines.take(_PIECE)), lost))


class Tails:
    """All of them."""

    def __init__(self) -> None:
        self._tails: dict[int, Tail] = {}

    @property
    def following(self) -> bool:
        """Whether anybody wants what comes."""
        return any(tail.query.follow for tail in self._tails.values())

    def add(self, query: DnsLogQuery, wanted: Wanted, before: Iterable[str]) -> bool:
        """Whether there was room for one more."""
        if len(self._tails) >= MAX_TAILS:
            return False
        self._tails[query.request] = Tail(query, wanted, before)
        return True

    def remove(self, request: int) -> None:
        self._tails.pop(request, None)

    def clear(self) -> None:
        """Nobody is there any more to take anything."""
        self._tails.clear()

    def offer(self, record: Record, line: str) -> None:
        for tail in self._tails.values():
            tail.offer(record, line)

    def announce(self, line: str) -> None:
        """Show everybody who follows a line that is no record."""
        for tail in self._tails.values():
            tail.announce(line)

    def send(self, outlet: Outlet) -> None:
        for tail in tuple(self._tails.values()):
            tail.send(outlet)
            if tail.is_done and not tail.query.follow:
                self.remove(tail.query.request)
