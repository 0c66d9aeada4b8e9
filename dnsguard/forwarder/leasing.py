"""The relay's lease hook: what an answer opens is in the kernel before the answer is released.

Unless somebody asked for NoDelay: then the answer goes out at once and its leases are written right after.
"""

import asyncio
from functools import partial

from dnsguard.dns.client import Client
from dnsguard.dns.codes import EDE_NOT_READY
from dnsguard.dns.message import Answer
from dnsguard.dns.relay import Leased, LeaseOutcome
from dnsguard.forwarder.clients import Clients, Standing
from dnsguard.forwarder.committer import Committer
from dnsguard.forwarder.complaints import Complaints
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.withheld import Withheld
from dnsguard.leases import NODE, LeaseBook, LimitReached, Scope, terms
from dnsguard.leases.changes import Learned

_UNLIMITED = LeaseOutcome(ok=True, again_until=float("inf"))
_new = tuple.__new__
_LONGEST_TTL = 0x7FFFFFFF


class Leasing:
    """Joins the book with the committer. Belongs to one event loop."""

    def __init__(
        self,
        book: LeaseBook,
        committer: Committer,
        clients: Clients,
        counters: ForwarderCounters,
        complaints: Complaints,
        *,
        node_wide: bool,
        withheld: Withheld | None = None,
    ) -> None:
        """``node_wide``: every look-up counts for the whole node (``dnsLeaseScope: Node``). ``withheld``: takes note of
        what the book finds not eligible."""
        self._book = book
        self._committer = committer
        self._clients = clients
        self._counters = counters
        self._complaints = complaints
        self._withheld = withheld
        self.no_delay = False
        """Whether answers are released first; off, unless configuration says so."""

        self._node_wide = node_wide
        self._loop = asyncio.get_running_loop()

    def scope(self, address: bytes) -> Scope:
        """In whose name a client's look-ups count: see ``clients``."""
        standing = self._clients.standing(address)
        if self._node_wide or standing is Standing.NODE or standing is Standing.SHARED:
            return NODE
        return self._book.roster.owners.get(address, address)

    def __call__(self, client: Client, answer: Answer, age: float, leased: Leased) -> None:
        now = self._loop.time()
        try:
            changes, until = self._learn(client.address, answer, now, age)
        except LimitReached as error:
            self._count(error)
            if self.no_delay:
                self._complaints.complain(error.limit, now, "an answer opened nothing: %s", error)
                leased(LeaseOutcome(ok=True, max_ttl=0))  # so that the client asks again when there may be room
                return
            self._complaints.complain(error.limit, now, "an answer was held back: %s", error)
            leased(LeaseOutcome(ok=False, extended=EDE_NOT_READY, text=str(error)))
            return
        left = until - now
        if left < _LONGEST_TTL:
            terms = self._book.terms
            # A second less than might be, and the same may be said again within this second.
            again = until - terms.floor if left < terms.cap else 0.0
            outcome = _new(LeaseOutcome, (True, terms.client_ttl(left - 1), EDE_NOT_READY, "", again))
        else:
            outcome = _UNLIMITED
        if changes.is_empty:
            self._counters.leases_settled += 1
            leased(outcome)
        elif self.no_delay:
            self._counters.leases_after += 1
            self._committer.submit(changes, self._followed)
            leased(outcome)
        else:
            self._committer.submit(changes, partial(self._committed, leased, outcome))

    def _learn(self, address: bytes, answer: Answer, now: float, age: float) -> Learned:
        scope = self.scope(address)
        learned = self._book.learn(scope, answer, now, age)
        if self._withheld is not None and self._withheld.eligible.refused:
            self._withheld.eligible.refused = False
            self._counters.withheld += self._withheld.take(scope, answer, self._book.terms, now, age)
        if scope != NODE or self._clients.standing(address) is not Standing.SERVED:
            return learned
        # A client that is no endpoint has just what it looks up itself, also where look-ups count for the whole node.
        own = self._book.learn(address, answer, now, age)
        return Learned(learned.changes.joined(own.changes), min(learned.until, own.until))

    def _count(self, error: LimitReached) -> None:
        counters = self._counters
        counters.leases_refused += 1
        match error.limit:
            case terms.CLIENT_FULL:
                counters.leases_refused_client_full += 1
            case terms.NAME_FULL:
                counters.leases_refused_name_full += 1
            case _:
                counters.leases_refused_all_full += 1

    def _followed(self, problem: str) -> None:
        """A commit that no answer waited for any more."""
        if problem:
            self._counters.leases_after_failed += 1
            self._complaints.complain("commit", self._loop.time(), "an answer was released without: %s", problem)

    def _committed(self, leased: Leased, outcome: LeaseOutcome, problem: str) -> None:
        if problem:
            self._complaints.complain("commit", self._loop.time(), "an answer was held back: %s", problem)
            leased(LeaseOutcome(ok=False, extended=EDE_NOT_READY, text=f"leases could not be written: {problem}"))
        else:
            self._counters.leases_committed += 1
            leased(outcome)
