"""One query's way through the forwarder, link by link, and the hooks that others plug into it.

    query ─► check ─► judge ─► cache ─► upstream ─► scan ─► lease ─► cap TTLs ─► fit ─► answer released

check     QUERY with one question of class IN, else FORMERR, NOTIMP or REFUSED; what is no query at all is dropped
judge     a hook: may this client ask this name here? ``None`` lets it pass, a ``Refusal`` is the answer
cache     a fresh answer to the same question with the same flags
upstream  equal questions in flight are asked once; the answer matched ID, source, port, QR and question to the letter
scan      who leads where, with strict bounds; nothing that is malformed goes any further
lease     a hook: the answer is held until it reports the leases *acknowledged by the kernel*
cap       no TTL given out exceeds ``LeaseOutcome.max_ttl``, so a client's cache ends before its lease
fit       too large for the client's UDP size: truncated, the client comes back over TCP

A hook is a plain callable that runs in the event loop's thread. None of them may block, all of them may raise: a judge
that raises refuses with SERVFAIL, a lease hook that raises is a failed lease. **No failure releases an answer early.**
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from dnsguard.dns.client import Client
from dnsguard.dns.codes import EDE_NOT_READY, EDE_PROHIBITED, REFUSED
from dnsguard.dns.message import Answer


class Refusal(NamedTuple):
    """Why a query goes no further, as the client will read it (RFC 8914)."""

    rcode: int = REFUSED
    extended: int = EDE_PROHIBITED
    text: str = ""
    """Free text for people, UTF-8, at most 128 bytes; it names no rule of somebody else's."""


Judge = Callable[[Client, bytes, int], Refusal | None]
"""``judge(client, name, qtype)``: ``None`` where the query may be answered. ``name`` is lower-cased wire form with its
root byte; the address asked and the protocol are ``client.asked`` and ``client.transport``. Called for every query,
before the cache is looked at."""


class LeaseOutcome(NamedTuple):
    """What became of the leases of one answer."""

    ok: bool
    """True: every element this answer needs is in the kernel and acknowledged, or no policy wants any."""

    max_ttl: int | None = None
    """The highest TTL in seconds that the client may be told, ``None`` for no limit: least time left of the leases,
    less 30 s."""

    extended: int = EDE_NOT_READY
    """Only if not ``ok``: extended error code and text of the SERVFAIL."""

    text: str = ""


Leased = Callable[[LeaseOutcome], None]

Lease = Callable[[Client, Answer, float, Leased], None]
"""``lease(client, answer, age, leased)``: make the promise true, then call ``leased(outcome)`` exactly once, at once or
later. It is called for every answer with addresses or aliases, cached ones too, once per client that waits for it.

``answer`` holds the facts as they came from upstream; ``age`` is how many seconds it has been in our cache, so what is
left of a TTL is ``ttl - age``. The same ``Answer`` object is passed again while it stays in the cache. It may name
addresses that are never leased (``eligible``): composing the two is the hook's business.

The relay keeps the deadline (``RelaySettings.commit_deadline``): after it the client has its SERVFAIL, and a late
``leased`` is counted and otherwise ignored. So is a second call."""


class Completed(NamedTuple):
    """One finished query, for the DNS log. Nothing in it is worth keeping a reference to but values."""

    client: Client
    name: bytes
    qtype: int
    rcode: int
    answer: Answer | None
    """The facts behind the answer that was released; ``None`` where we answered ourselves."""

    cached: bool
    seconds: float
    """From the query's arrival to its release."""

    reason: str
    """Why we answered ourselves; empty for a released answer."""


Observe = Callable[[Completed], None]
"""Called after the client has its answer. Bounded work only; what it raises is counted and dropped."""


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

    cache_entries: int = 100_000
    """Answers kept; 0 turns the cache off."""
