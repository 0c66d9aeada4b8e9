"""The trusted servers as one: put a question, get the answer that is believed, within two seconds or not at all.

    ask ─► attempt on the preferred server ─┬─► answer matched, scanned ─► done
            ▲   ▲                           ├─► truncated, or right but for its casing ─► the same over TCP
            │   └── SERVFAIL and its like ──┤
            └────── silence (0.3, 0.8, 1.4 s)   anything unrelated: ignored, and we keep listening

An attempt that is overtaken stays open: whichever server answers first is believed. One sweep times everything out.
An answer that is late for its server is asked for once more before that, as far as the budget goes (``hedging``). A
server that nobody asks is asked by ourselves (``Health.probe_due``). One to be asked over TLS is never asked otherwise.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dnsguard.dns.codes import EDE_NETWORK_ERROR, EDE_NO_REACHABLE_AUTHORITY, FORMERR, NOTIMP, REFUSED, SERVFAIL
from dnsguard.dns.counters import Counters
from dnsguard.dns.message import MalformedMessage
from dnsguard.dns.scan import scan_answer
from dnsguard.dns.upstream.entropy import Entropy
from dnsguard.dns.upstream.exchange import (
    NO_EDNS,
    UNRELATED,
    WRONG_CASE,
    Attempt,
    Done,
    Exchange,
    Found,
    Link,
    Probe,
    Unanswered,
    matches,
)
from dnsguard.dns.upstream.health import Health, preference
from dnsguard.dns.upstream.hedging import HedgeBudget, hedge_after, retry_after
from dnsguard.dns.upstream.question import Question, encode, randomise_case
from dnsguard.dns.upstream.sockets import UdpLink, UdpLinks
from dnsguard.dns.upstream.stream import StreamLink
from dnsguard.dns.upstream.streams import StreamLinks
from dnsguard.dns.upstream.tls import NotAuthentic
from dnsguard.servers import Server

log = logging.getLogger(__name__)

_UNHELPFUL: Final = frozenset({FORMERR, SERVFAIL, NOTIMP, REFUSED})
_MAX_PENDING: Final = 4096
_SWEEP_SECONDS: Final = 0.02
_TICK_SECONDS: Final = 0.2
_SAMPLE: Final = 0x7
"""How long an answer took is looked at where its ID, which is random, has these bits clear: one in eight."""

_STREAM_TRIES: Final = 2
_MAX_PLAIN_RCODE: Final = 15
"""Above it are extended rcodes: quarrels about EDNS or TSIG between us and the server, no answer for a client."""


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """How questions travel."""

    deadline: float = 2.0
    """Seconds for everything together. Stub resolvers give up after 5."""

    patience: tuple[float, ...] = (0.3, 0.5, 0.6)
    """Seconds of silence before the second, third and fourth attempt; the first is longer where the server is slow."""

    sockets_per_server: int = 8
    """In use at a time. Each has one port that an attacker would have to find before it is given up."""

    uses_per_socket: int = 500
    mark: int | None = None
    """SO_MARK of our own questions, so that interception can tell them from the workloads'."""

    authorities: Path | None = None
    """Certificates that may sign those of servers that are asked over TLS; None: those the system trusts."""

    probes: bool = True
    """Whether servers that nobody asks are asked by ourselves, so that how they are is known before it matters."""


class _Upstream:
    """One server with everything that belongs to it."""

    __slots__ = ("health", "links", "name", "server", "stream")

    def __init__(self, server: Server, links: UdpLinks | StreamLinks, stream: StreamLink) -> None:
        self.server = server
        self.name = str(server)
        self.health = Health()
        self.links = links
        self.stream = stream


class UpstreamPool:
    """Belongs to one event loop, whose thread alone calls it."""

    def __init__(
        self,
        servers: Sequence[Server],
        settings: UpstreamSettings,
        counters: Counters,
        entropy: Entropy | None = None,
    ) -> None:
        """Must be made inside a running loop. ``servers``: at least one, none of them ourselves."""
        self._settings = settings
        self._counters = counters
        self._entropy = entropy or Entropy()
        self._loop = asyncio.get_running_loop()
        self._upstreams: list[_Upstream] = []
        self._healths: list[Health] = []
        self._sent: deque[Attempt] = deque()
        self._stages: tuple[deque[tuple[float, Exchange]], ...] = tuple(deque() for _ in settings.patience)
        self._fresh: deque[tuple[float, Exchange]] = deque()
        """Questions that were put once, with the time; those that are old enough go to the first stage."""

        self._hedge_after = self._retry_after = settings.patience[0] if settings.patience else 0.0
        self._hedges = HedgeBudget()
        self._paid_for = counters.upstream_questions
        self._open: dict[Exchange, None] = {}
        """In the order of their deadlines."""

        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self.set_servers(servers)
        self._ticker = self._loop.call_soon(self._tick)

    def set_servers(self, servers: Sequence[Server]) -> bool:
        """Ask these from now on; whether they differ. What is on its way to a server that stays is not disturbed."""
        if not servers:
            raise ValueError("there must be an upstream server")
        if list(dict.fromkeys(servers)) == [upstream.server for upstream in self._upstreams]:
            return False
        staying = {upstream.server: upstream for upstream in self._upstreams}
        renewed: list[_Upstream] = []
        for index, server in enumerate(dict.fromkeys(servers)):
            upstream = staying.pop(server, None)
            if upstream is None:
                renewed.append(self._new_upstream(server, index))
            else:
                upstream.links.renumber(index)
                upstream.stream.server_index = index
                renewed.append(upstream)
        self._upstreams = renewed
        self._healths = [upstream.health for upstream in renewed]
        for exchange in self._open:
            exchange.tried.clear()
            exchange.streamed.clear()
        for gone in staying.values():
            for attempt in (*gone.links.close(), *gone.stream.close()):
                attempt.exchange.waiting -= 1
                self._loop.call_soon(self._retry, attempt.exchange)
        return True

    def ask(self, question: Question, done: Done) -> None:
        """Find the answer; ``done`` is called once, later, by the deadline at the latest."""
        now = self._loop.time()
        exchange = Exchange(question, done, now + self._settings.deadline)
        self._counters.upstream_questions += 1
        self._open[exchange] = None
        self._attempt(exchange, now)
        self._fresh.append((now, exchange))
        if self._timer is None:
            self._timer = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def healths(self) -> dict[str, Health]:
        """Each server's record, in the order of preference. For reading."""
        return {upstream.name: upstream.health for upstream in self._upstreams}

    def close(self) -> None:
        """Stop. Open questions are answered with ``Unanswered``."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._ticker.cancel()
        for upstream in self._upstreams:
            upstream.links.close()
            upstream.stream.close()
        for exchange in list(self._open):
            self._finish(exchange, Unanswered(EDE_NETWORK_ERROR, "shutting down"))

    def _new_upstream(self, server: Server, index: int) -> _Upstream:
        settings = self._settings
        if server.tls is not None:
            secured = StreamLinks(
                server, server.tls, index, settings.authorities, settings.mark, self._received, self._broken
            )
            return _Upstream(server, secured, secured.first)
        links = UdpLinks(
            server, index, settings.sockets_per_server, settings.uses_per_socket, settings.mark, self._entropy
        )
        return _Upstream(server, links, StreamLink(server, index, settings.mark, self._received, self._broken))

    # Sending.

    def _attempt(self, exchange: Exchange, now: float) -> None:
        """Ask the preferred server; where its packet cannot even be sent, the next, each at most once."""
        for _ in range(len(self._upstreams)):
            tried = exchange.tried
            index = 0 if not tried and self._healths[0].down_since is None else preference(self._healths, tried)
            tried.append(index)
            upstream = self._upstreams[index]
            try:
                link = upstream.links.pick(self._loop, self._received, self._broken)
                self._send(exchange, link, now)
            except OSError as error:
                upstream.health.failed(now, error.strerror or str(error))
                continue
            return

    def _attempt_stream(self, exchange: Exchange, index: int, now: float) -> None:
        """Ask the same server over TCP, twice at most: a connection may close under the first question."""
        if exchange.streamed.count(index) < _STREAM_TRIES:
            exchange.streamed.append(index)
            self._counters.upstream_tcp += 1
            try:
                self._send(exchange, self._upstreams[index].stream, now)
            except OSError as error:
                log.debug("TCP to %s: %s", self._upstreams[index].server, error)
            else:
                return
        self._give_way(exchange, now)

    def _attempt_plain(self, exchange: Exchange, index: int, now: float) -> None:
        """Ask the same server without an OPT record, once."""
        if exchange.question.opt:
            self._counters.upstream_without_edns += 1
            exchange.question = exchange.question._replace(opt=b"")
            try:
                self._send(exchange, self._upstreams[index].links.pick(self._loop, self._received, self._broken), now)
            except OSError as error:
                log.debug("UDP to %s: %s", self._upstreams[index].name, error)
            else:
                return
        self._give_way(exchange, now)

    def _give_way(self, exchange: Exchange, now: float) -> None:
        """This server cannot help: on to one that has not been asked, or wait for those that have, or end."""
        if len(set(exchange.tried)) < len(self._upstreams):
            self._attempt(exchange, now)
        elif not exchange.waiting:
            self._finish(exchange, self._last_word(exchange))

    def _send(self, exchange: Exchange, link: Link, now: float) -> None:
        pending = link.pending
        if len(pending) >= _MAX_PENDING:
            raise BlockingIOError("too many questions wait on one socket")
        question = exchange.question
        random = self._entropy.take(len(question.name) + 2)
        ident = random[0] << 8 | random[1]
        while ident in pending:
            ident = self._entropy.number()
        cased = randomise_case(question.name, random[2:])
        attempt = Attempt(exchange, link, ident, cased + question.tail, now + self._settings.deadline)
        self._counters.upstream_attempts += 1
        link.send(encode(question, ident, cased))
        exchange.waiting += 1
        pending[ident] = attempt
        self._sent.append(attempt)

    def _retry(self, exchange: Exchange) -> None:
        if not exchange.finished:
            self._attempt(exchange, self._loop.time())

    # Receiving.

    def _received(self, link: Link, data: bytes) -> None:
        """Take a packet for what it proves to be. What proves nothing is ignored: the right one may follow."""
        attempt = link.pending.get(data[0] << 8 | data[1]) if len(data) >= 12 else None
        verdict = matches(attempt, data) if attempt is not None else UNRELATED
        if attempt is None or verdict == UNRELATED:
            self._counters.upstream_unmatched += 1
            return
        exchange = attempt.exchange
        index = link.server_index
        if verdict == NO_EDNS:
            if not exchange.finished:
                self._attempt_plain(exchange, index, self._loop.time())
            return
        if verdict == WRONG_CASE and not link.reliable and not exchange.is_probe:
            # Either a server that does not keep casing or somebody who guessed the rest: TCP tells which.
            self._counters.upstream_wrong_case += 1
            if not exchange.finished and index not in exchange.streamed:
                self._attempt_stream(exchange, index, self._loop.time())
            return
        del link.pending[attempt.ident]
        exchange.waiting -= 1
        if not attempt.ident & _SAMPLE or exchange.is_probe:
            self._healths[index].latency.observe(self._loop.time() - attempt.expires + self._settings.deadline)
        if exchange.finished:
            self._healths[index].answered(probe=exchange.is_probe)
        elif data[2] & 0x02 and not link.reliable:
            self._attempt_stream(exchange, index, self._loop.time())
        else:
            self._take(exchange, index, data)

    def _take(self, exchange: Exchange, index: int, data: bytes) -> None:
        """Scan a matched answer and end with it, or go on where the server could not help."""
        question = exchange.question
        health = self._healths[index]
        try:
            layout = scan_answer(data, question.name, question.qtype)
            if layout.truncated:
                raise MalformedMessage("truncated over TCP")
        except MalformedMessage as error:
            self._counters.upstream_malformed += 1
            now = self._loop.time()
            health.failed(now, str(error))
            self._give_way(exchange, now)
            return
        health.answered()
        rcode = layout.answer.rcode
        if rcode == FORMERR and layout.end == len(data) and question.opt:
            self._attempt_plain(exchange, index, self._loop.time())
            return
        found = Found(data, layout, self._upstreams[index].name)
        if rcode not in _UNHELPFUL and rcode <= _MAX_PLAIN_RCODE:
            health.heard = question
            self._finish(exchange, found)
            return
        if rcode <= _MAX_PLAIN_RCODE:
            exchange.fallback = exchange.fallback or found
        self._give_way(exchange, self._loop.time())

    def _broken(self, link: UdpLink | StreamLink, error: OSError) -> None:
        """Nothing that is pending on ``link`` will be answered."""
        if self._closed:
            return
        attempts = list(link.pending.values())
        link.pending.clear()
        now = self._loop.time()
        index = link.server_index
        if attempts:
            self._healths[index].failed(now, error.strerror or str(error), for_good=isinstance(error, NotAuthentic))
        for attempt in attempts:
            exchange = attempt.exchange
            exchange.waiting -= 1
            if exchange.finished:
                continue
            if link.reliable:
                self._attempt_stream(exchange, index, now)
            elif len(set(exchange.tried)) < len(self._upstreams):
                self._attempt(exchange, now)
            # Otherwise patience: a server that refuses may be starting, and the next stage asks it again.

    # Ending.

    def _finish(self, exchange: Exchange, result: Found | Unanswered) -> None:
        if exchange.finished:
            return
        exchange.finished = True
        self._open.pop(exchange, None)
        if isinstance(result, Unanswered):
            self._counters.upstream_failed += 1
        try:
            exchange.done(result)
        except Exception:
            log.exception("the receiver of an answer failed")

    def _last_word(self, exchange: Exchange) -> Found | Unanswered:
        why = ", ".join(dict.fromkeys(health.why for health in self._healths if health.why))
        text = f"no trusted server answered: {why}" if why else "no trusted server answered"
        return exchange.fallback or Unanswered(EDE_NO_REACHABLE_AUTHORITY, text)

    def _sweep(self) -> None:
        """Time out what is due: what is late, stages of patience, then attempts, then whole exchanges."""
        now = self._loop.time()
        patience = self._settings.patience
        self._leave_fresh(now)
        for stage, waiting in enumerate(self._stages):
            while waiting and waiting[0][0] <= now:
                _, exchange = waiting.popleft()
                if exchange.finished:
                    continue
                self._attempt(exchange, now)
                if stage + 1 < len(patience):
                    self._stages[stage + 1].append((now + patience[stage + 1], exchange))
        sent = self._sent
        while sent and sent[0].expires <= now:
            attempt = sent.popleft()
            if attempt.link.pending.get(attempt.ident) is attempt:
                del attempt.link.pending[attempt.ident]
                attempt.exchange.waiting -= 1
                self._counters.upstream_timeouts += 1
                health = self._healths[attempt.link.server_index]
                if not isinstance(attempt.exchange, Probe) or attempt.exchange.answers == health.answers:
                    health.failed(now, "no answer")
        while self._open:
            exchange = next(iter(self._open))
            if exchange.deadline > now:
                break
            self._finish(exchange, self._last_word(exchange))
        self._timer = self._loop.call_later(_SWEEP_SECONDS, self._sweep) if self._sent or self._open else None

    def _leave_fresh(self, now: float) -> None:
        """Questions whose answer is late by now: once more at once where the budget has it, and in any case later."""
        fresh, late = self._fresh, now - self._hedge_after
        while fresh and fresh[0][0] <= late:
            asked, exchange = fresh.popleft()
            if exchange.finished or not self._stages:
                continue
            if self._hedge_after < self._retry_after and self._hedges.spend():
                self._counters.upstream_hedged += 1
                self._attempt(exchange, now)
            self._stages[0].append((asked + self._retry_after, exchange))

    def _tick(self) -> None:
        """What goes on whether somebody asks or not: how the servers are, how fast, which connections are idle."""
        self._ticker = self._loop.call_later(_TICK_SECONDS, self._tick)
        now = self._loop.time()
        for index, upstream in enumerate(self._upstreams):
            upstream.links.sweep()
            upstream.stream.sweep(now)
            health = upstream.health
            if (self._settings.probes or health.down_since is not None) and health.probe_due(now):
                self._probe(index, now)
        self._pace()

    def _pace(self) -> None:
        """Let hedges and retries follow the server that is asked first. On one connection nothing is lost to hedge."""
        if not self._stages:
            return
        latency, retry = self._healths[preference(self._healths, ())].latency, self._settings.patience[0]
        can_help = len(self._upstreams) > 1 or self._upstreams[0].server.tls is None
        self._hedge_after = hedge_after(latency, retry) if can_help else retry
        self._retry_after = retry_after(latency, retry)
        self._hedges.earn(self._counters.upstream_questions - self._paid_for)
        self._paid_for = self._counters.upstream_questions

    def _probe(self, index: int, now: float) -> None:
        """Ask a server something, so that no client has to wait to find out how it is."""
        upstream = self._upstreams[index]
        exchange = Probe(upstream.health.probe(), upstream.health.answers, now)
        try:
            self._send(exchange, upstream.links.pick(self._loop, self._received, self._broken), now)
        except OSError as error:
            upstream.health.failed(now, error.strerror or str(error))
        if self._timer is None:
            self._timer = self._loop.call_later(_SWEEP_SECONDS, self._sweep)


AnswerSource = Callable[[Question, Done], None]
"""What the relay needs of the pool: ``UpstreamPool.ask``."""
