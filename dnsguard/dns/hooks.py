"""What others plug into the relay: who may ask, what an answer opens, and who hears of it afterwards.

A hook is a plain callable that runs in the event loop's thread. None may block, all may raise: a judge that raises
refuses with SERVFAIL, a lease hook that raises is a failed lease, an observer that raises is counted. **No failure
releases an answer early.**
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from dnsguard.dns.client import Client
from dnsguard.dns.codes import EDE_NOT_READY, EDE_PROHIBITED, REFUSED
from dnsguard.dns.message import Answer, Query


class Refusal(NamedTuple):
    """Why a query goes no further, as the client will read it (RFC 8914)."""

    rcode: int = REFUSED
    extended: int = EDE_PROHIBITED
    text: str = ""
    """Free text for people, UTF-8, at most 128 bytes; it names no rule of somebody else's."""

    negative_ttl: int = 0
    """Seconds for which a cache may keep it, by an SOA record that goes along (RFC 2308); 0: none goes."""

    is_denial: bool = True
    """Not where the client's resolver only tried its search list: that is counted apart."""


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

    again_until: float = 0.0
    """Clock seconds until which the same answer would be found leased once more, and ``max_ttl`` be right within a
    second; 0 where that is not known."""


Leased = Callable[[LeaseOutcome], None]

Lease = Callable[[Client, Answer, float, Leased], None]
"""``lease(client, answer, age, leased)``: make the promise true, then call ``leased(outcome)`` exactly once, at once or
later. It is called for every answer with addresses or aliases, cached ones too, once per client that waits for it.

``answer`` holds the facts as they came from upstream; ``age`` is how many seconds it has been in our cache, so what is
left of a TTL is ``ttl - age``. The same ``Answer`` object is passed again while it stays in the cache. It may name
addresses that are never leased (``eligible``): composing the two is the hook's business.

The relay keeps the deadline (``RelaySettings.commit_deadline``): after it the client has its SERVFAIL, and a late
``leased`` is counted and otherwise ignored. So is a second call."""


Source = Literal["upstream", "cache", "policy", "limit", "error"]
"""Where an answer came from. The last three are answers of our own: the judge refused, a limit is reached, and all that
went wrong or cannot be answered."""


class Handled(NamedTuple):
    """What became of one query."""

    client: Client
    query: Query
    started: float
    """When it came, by the loop's clock."""

    rcode: int
    source: Source
    extended: int | None
    """Extended error code (RFC 8914) of an answer of our own; ``None`` in one that was relayed."""

    text: str
    """Its text."""

    server: str
    """The upstream that answered; empty where none was asked, or none answered."""

    answer: Answer | None
    """What the upstream's answer says, from the cache too."""

    asked: float
    """Seconds that it waited for upstream; 0 from the cache."""

    held: float
    """Seconds that its answer was held for the lease."""


Observe = Callable[[Handled], None]
"""``observe(handled)``: called once for each query that could be read, after its answer was given to the socket."""
