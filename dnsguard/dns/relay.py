"""One query's way through the forwarder, link by link, and the hooks that others plug into it.

    query ─► ready? ─► check ─► judge ─► cache ─► upstream ─► scan ─► lease ─► cap TTLs ─► fit ─► answer released

ready     what went out to this client a moment ago goes out again (``ready``); the listener looks there itself
check     QUERY with one question of class IN, else FORMERR, NOTIMP or REFUSED; what is no query at all is dropped
judge     a hook: may this client ask this name here? ``None`` lets it pass, a ``Refusal`` is the answer
cache     a fresh answer to the same question with the same flags; one that is about to expire is fetched anew meanwhile
upstream  equal questions in flight are asked once; the answer matched ID, source, port, QR and question to the letter
scan      who leads where, with strict bounds; nothing that is malformed goes any further
lease     a hook: the answer is held until it reports the leases *acknowledged by the kernel*
cap       no TTL given out exceeds ``LeaseOutcome.max_ttl``, so a client's cache ends before its lease
fit       too large for the client's UDP size: truncated, the client comes back over TCP

The hooks and what they promise stand in ``hooks``.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from dnsguard.dns.cache import AnswerCache, CacheKey, cache_key
from dnsguard.dns.client import Client, Respond
from dnsguard.dns.codes import (
    BADVERS,
    EDE_NOT_READY,
    EDE_NOT_SUPPORTED,
    EDE_OTHER,
    EDE_STALE_ANSWER,
    FORMERR,
    IN,
    NOTIMP,
    REFUSED,
    SERVFAIL,
    UNASKABLE,
)
from dnsguard.dns.counters import Counters
from dnsguard.dns.hooks import Handled, Judge, Lease, Leased, LeaseOutcome, Observe, Refusal, Source
from dnsguard.dns.message import MalformedMessage, Query
from dnsguard.dns.ready import ReadyAnswers
from dnsguard.dns.reply import StoredAnswer, reply
from dnsguard.dns.scan import scan_query
from dnsguard.dns.synthesis import bare_error, error_answer, extended_error
from dnsguard.dns.upstream.exchange import Found, Unanswered
from dnsguard.dns.upstream.pool import AnswerSource
from dnsguard.dns.upstream.question import Question

__all__ = ["Judge", "Lease", "LeaseOutcome", "Leased", "Refusal", "Relay", "RelaySettings"]

log = logging.getLogger(__name__)

_TCP_LIMIT: Final = 65_535
_SWEEP_SECONDS: Final = 0.05
_FOREVER: Final = float("inf")
_STALE_TTL: Final = 30
"""Seconds that a client may keep a stale answer (RFC 8767 §4)."""


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Limits of the chain. Every one of them has a counter for when it is met."""

    max_in_flight: int = 4096
    """Queries waiting for upstream or for their lease, all clients together; beyond it SERVFAIL."""

    max_in_flight_per_client: int = 256
    """The same for one client address; beyond it REFUSED, so one client cannot take the whole of it."""

    commit_deadline: float = 0.25
    """Seconds an answer waits for its lease before it becomes SERVFAIL."""

    max_udp_size: int = 1232
    """Octets of the largest answer over UDP: no fragments on any path (DNS flag day 2020)."""

    cache_entries: int = 32_768
    """Answers kept; 0 turns the cache off."""

    cache_octets: int = 64 * 1024 * 1024
    """About what they may take together."""

    prefetch: bool = True
    """Whether a name that is asked for in the last tenth of its life in the cache is fetched anew: so nobody waits."""

    serve_stale: float = 0.0
    """Seconds for which an expired answer may still be given when no server answers (RFC 8767); 0: never."""


class _Pending:
    """One query that waits for upstream, or for its lease."""

    counted = False
    ended = False
    due = 0.0
    stored: StoredAnswer | None = None
    stale = False
    server = ""
    answered = 0.0
    """When upstream had answered, or could not; 0 where it was not asked."""

    def __init__(
        self, relay: "Relay", data: bytes, query: Query, client: Client, respond: Respond, started: float
    ) -> None:
        self.relay = relay
        self.data = data
        self.query = query
        self.client = client
        self.respond = respond
        self.started = started

    def leased(self, outcome: LeaseOutcome) -> None:
        """What the lease hook calls."""
        if outcome.ok and not self.ended:
            self.relay._release(self, outcome.max_ttl, outcome.again_until)
        else:
            self.relay._not_leased(self, outcome)


class Relay:
    """The chain. Belongs to one event loop, whose thread alone calls it; ``handle`` is the listeners' handler."""

    def __init__(
        self, ask: AnswerSource, judge: Judge, lease: Lease, settings: RelaySettings, counters: Counters
    ) -> None:
        """Must be made inside a running loop. ``ask`` is ``UpstreamPool.ask`` or stands in for it."""
        self._ask = ask
        self._judge = judge
        self._lease = lease
        self._settings = settings
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._cache = AnswerCache(settings.cache_entries, settings.cache_octets, settings.serve_stale)
        self.ready = ReadyAnswers()
        """What listeners may send without asking. To be cleared when policy, or anything else that counts, changes."""

        self._questions: dict[CacheKey, list[_Pending]] = {}
        self._waiting = 0
        self._waiting_by_client: dict[bytes, int] = {}
        self._held: deque[_Pending] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._observe: Observe | None = None
        self.sample: Observe | None = None
        """Hears what ``observe`` would, while that is None; of what goes out from ``ready``, nothing."""

        self.observe_errors: Observe | None = None
        """Hears of those queries that end with an answer of our own, while the two are None."""

    @property
    def observe(self) -> Observe | None:
        """Hears of every query that ends. While it does, no answer goes out from ``ready``."""
        return self._observe

    @observe.setter
    def observe(self, observe: Observe | None) -> None:
        if observe != self._observe:
            self._observe = observe
            self.ready.clear()

    @property
    def waiting(self) -> int:
        """Queries that have no answer yet."""
        return self._waiting

    def clear_cache(self) -> None:
        """Forget every answer, for when the upstreams or what they know has changed."""
        self._cache.clear()
        self.ready.clear()

    def set_commit_deadline(self, seconds: float) -> None:
        """Hold answers that long for their lease from now on."""
        self._settings = replace(self._settings, commit_deadline=seconds)

    def close(self) -> None:
        """Stop the sweep, and answer what is held with SERVFAIL. Close the upstream pool first."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for pending in self._held:
            self._fail(pending, EDE_NOT_READY, "shutting down", "error")
        self._held.clear()

    def handle(self, data: bytes, client: Client, respond: Respond) -> None:
        """Take one message off the wire. Never raises; answers at most once, now or later."""
        counters = self._counters
        counters.queries += 1
        if len(data) < 12 or data[2] & 0x80:
            counters.dropped += 1  # answering an answer would make two servers talk for ever
            return
        if data[2] & 0x78:
            counters.rejected += 1
            respond(bare_error(data, NOTIMP))
            return
        try:
            query = scan_query(data)
        except MalformedMessage:
            counters.malformed_queries += 1
            counters.rejected += 1
            respond(bare_error(data, FORMERR))
            return
        pending = _Pending(self, data, query, client, respond, self._time())
        try:
            self._handle(pending, query)
        except Exception:
            log.exception("a query could not be handled")
            self._fail(pending, EDE_OTHER, "internal error", "error")

    def _handle(self, pending: _Pending, query: Query) -> None:
        if query.version:
            self._reject(pending, BADVERS, None, "EDNS version", "error")
            return
        if query.qclass != IN or query.qtype in UNASKABLE:
            self._reject(pending, NOTIMP, EDE_NOT_SUPPORTED, "only class IN, and no meta types", "error")
            return
        try:
            refusal = self._judge(pending.client, query.name, query.qtype)
        except Exception:
            self._counters.hook_errors += 1
            log.exception("the judge failed")
            self._fail(pending, EDE_OTHER, "policy could not be evaluated", "error")
            return
        if refusal is not None:
            self._refuse(pending, refusal)
            return
        if self._waiting >= self._settings.max_in_flight:
            self._counters.over_limit += 1
            self._fail(pending, EDE_NOT_READY, "too many queries are waiting", "limit")
            return
        if self._waiting_by_client.get(pending.client.address, 0) >= self._settings.max_in_flight_per_client:
            self._counters.over_client_limit += 1
            self._reject(pending, REFUSED, EDE_NOT_READY, "too many queries of this client are waiting", "limit")
            return
        key = cache_key(query)
        stored = self._cache.get(key, pending.started)
        if stored is not None:
            if pending.started > stored.prefetch_at and self._settings.prefetch and key not in self._questions:
                self._prefetch(key, query)
            self._hold(pending, stored, pending.started)
            return
        self._count(pending)
        waiters = self._questions.get(key)
        if waiters is not None:
            self._counters.coalesced += 1
            waiters.append(pending)
            return
        self._questions[key] = [pending]
        self._ask(Question.of(query), partial(self._answered, key))

    def _prefetch(self, key: CacheKey, query: Query) -> None:
        """Ask what nobody waits for; whoever asks meanwhile and finds nothing in the cache joins."""
        self._counters.prefetched += 1
        self._questions[key] = []
        self._ask(Question.of(query), partial(self._answered, key))

    def _answered(self, key: CacheKey, result: Found | Unanswered) -> None:
        """Upstream has spoken: to everybody who asked this."""
        waiters = self._questions.pop(key)
        now = self._time()
        if self._settings.serve_stale and (isinstance(result, Unanswered) or result.layout.answer.rcode == SERVFAIL):
            stale = self._cache.stale(key, now)
            if stale is not None:
                for pending in waiters:
                    pending.answered, pending.stale = now, True
                    self._hold(pending, stale, now)
                return
        if isinstance(result, Unanswered):
            self._counters.failed_upstream += len(waiters)
            for pending in waiters:
                pending.answered = now
                self._fail(pending, result.extended, result.reason, "error")
            return
        if result.layout.answer.rcode == SERVFAIL:
            self._counters.upstream_servfail += 1
        stored = StoredAnswer.make(result.data, result.layout, now)
        self._cache.put(key, stored)
        for pending in waiters:
            pending.answered, pending.server = now, result.server
            self._hold(pending, stored, now)

    def _hold(self, pending: _Pending, stored: StoredAnswer, now: float) -> None:
        """Nothing is released before its lease; what leads nowhere needs none."""
        pending.stored = stored
        answer = stored.layout.answer
        if not answer.addresses and not answer.aliases:
            self._release(pending, None, _FOREVER)
            return
        try:
            self._lease(pending.client, answer, now - stored.arrived, pending.leased)
        except Exception:
            self._counters.hook_errors += 1
            log.exception("the lease hook failed")
            self._not_leased(pending, LeaseOutcome(ok=False, text="leases could not be written"))
            return
        if not pending.ended:
            self._count(pending)
            pending.due = now + self._settings.commit_deadline
            self._held.append(pending)
            if self._timer is None:
                self._timer = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _not_leased(self, pending: _Pending, outcome: LeaseOutcome) -> None:
        """No lease, or too late."""
        if pending.ended:
            self._counters.lease_late += 1
        else:
            self._counters.lease_failed += 1
            self._fail(pending, outcome.extended, outcome.text, "error")

    def _sweep(self) -> None:
        now = self._time()
        held = self._held
        while held and (held[0].ended or held[0].due <= now):
            pending = held.popleft()
            if not pending.ended:
                self._counters.lease_deadline += 1
                self._fail(pending, EDE_NOT_READY, "leases were not acknowledged in time", "error")
        self._timer = self._loop.call_later(_SWEEP_SECONDS, self._sweep) if held else None

    # Ends: every query comes through exactly one of these.

    def _release(self, pending: _Pending, max_ttl: int | None, again_until: float) -> None:
        stored, query, counters = pending.stored, pending.query, self._counters
        assert stored is not None  # noqa: S101 - _hold has set it
        limit = _TCP_LIMIT
        is_udp = pending.client.transport == "udp"
        if is_udp:
            limit = min(query.udp_size, self._settings.max_udp_size)
        counters.released += 1
        is_cached = stored.arrived < pending.started
        if pending.stale:
            counters.released_stale += 1
            most = _STALE_TTL if max_ttl is None else min(_STALE_TTL, max_ttl)
            out = reply(stored, query, 0, most, limit, extended_error(EDE_STALE_ANSWER))
        else:
            age = int(pending.started - stored.arrived) if is_cached else 0
            out = reply(stored, query, age, max_ttl, limit)
            if is_cached:
                counters.released_cached += 1
                # What waited was judged before it did, by a policy that may be another by now.
                if is_udp and self._observe is None and not pending.counted:
                    until = min(again_until, stored.expires, stored.arrived + age + 1)
                    if until > pending.started:
                        self.ready.put(pending.client, pending.data, bytes(out), until)
        if out[2] & 0x02:
            counters.released_truncated += 1
        self._end(pending, out)
        observe = self._observe or self.sample
        if observe is not None:
            source: Source = "cache" if is_cached else "upstream"
            self._tell(observe, pending, stored.layout.answer.rcode, source, None, "")

    def _fail(self, pending: _Pending, extended: int, text: str, source: Source) -> None:
        if not pending.ended:
            self._counters.failed += 1
            self._answer_ourselves(pending, SERVFAIL, extended, text, source)

    def _refuse(self, pending: _Pending, refusal: Refusal) -> None:
        rcode, extended, text, negative_ttl, is_denial = refusal
        if rcode == SERVFAIL:
            self._counters.failed += 1
        elif is_denial:
            self._counters.refused += 1
        else:
            self._counters.search_expansions += 1
        self._answer_ourselves(pending, rcode, extended, text, "policy", negative_ttl)

    def _reject(self, pending: _Pending, rcode: int, extended: int | None, text: str, source: Source) -> None:
        self._counters.rejected += 1
        self._answer_ourselves(pending, rcode, extended, text, source)

    def _answer_ourselves(
        self, pending: _Pending, rcode: int, extended: int | None, text: str, source: Source, negative_ttl: int = 0
    ) -> None:
        self._end(pending, error_answer(pending.query, rcode, extended, text, negative_ttl))
        observe = self._observe or self.sample or self.observe_errors
        if observe is not None:
            self._tell(observe, pending, rcode, source, extended, text)

    def _end(self, pending: _Pending, out: bytes | bytearray) -> None:
        pending.ended = True
        if pending.counted:
            self._uncount(pending.client.address)
        pending.respond(out)

    def _tell(
        self, observe: Observe, pending: _Pending, rcode: int, source: Source, extended: int | None, text: str
    ) -> None:
        """Nobody waits for the observer, and nobody suffers from it."""
        now, started, stored = self._time(), pending.started, pending.stored
        answered = pending.answered or started
        held = now - answered if stored is not None else 0.0
        answer = stored.layout.answer if stored is not None else None
        try:
            observe(Handled(pending.client, pending.query, started, rcode, source, extended, text, pending.server,
                            answer, answered - started, held))  # fmt: skip
        except Exception:
            self._counters.hook_errors += 1
            log.exception("the observer failed")

    def _count(self, pending: _Pending) -> None:
        if not pending.counted:
            pending.counted = True
            self._waiting += 1
            address = pending.client.address
            self._waiting_by_client[address] = self._waiting_by_client.get(address, 0) + 1

    def _uncount(self, address: bytes) -> None:
        self._waiting -= 1
        left = self._waiting_by_client[address] - 1
        if left:
            self._waiting_by_client[address] = left
        else:
            del self._waiting_by_client[address]
