"""One question on its way: its attempts, and whether a packet is the answer to one of them."""

from collections.abc import Callable
from typing import ClassVar, NamedTuple, Protocol

from dnsguard.dns.codes import FORMERR
from dnsguard.dns.message import FLAG_QR, MASK_OPCODE, Layout
from dnsguard.dns.upstream.question import Question


class Found(NamedTuple):
    """An answer that is believed: matched, scanned, complete."""

    data: bytes
    layout: Layout
    server: str


class Unanswered(NamedTuple):
    """No server gave a usable answer in time."""

    extended: int
    """Extended error code (RFC 8914) for the client."""

    reason: str


Done = Callable[[Found | Unanswered], None]
"""Called exactly once, never from within ``ask``."""


class Link(Protocol):
    """A way to one server: a connected UDP socket or a TCP connection."""

    server_index: int
    reliable: bool
    """TCP: the peer is who it is, nothing is cut, nothing is lost without a sign."""

    pending: dict[int, "Attempt"]
    """By message ID. Whoever removes an attempt settles it."""

    def send(self, data: bytes) -> None:
        """Hand one message over. Raises ``OSError`` where that is known to have failed."""


class Exchange:
    """A question, whoever asked it, and what has been tried so far."""

    __slots__ = ("deadline", "done", "fallback", "finished", "question", "streamed", "tried", "waiting")
    is_probe: ClassVar = False

    def __init__(self, question: Question, done: Done, deadline: float) -> None:
        self.question = question
        self.done = done
        self.deadline = deadline
        self.finished = False
        self.tried: list[int] = []
        """Indices of servers, in order, repeated where asked again."""

        self.streamed: list[int] = []
        """The same over TCP."""

        self.waiting = 0
        """Attempts that may still be answered."""

        self.fallback: Found | None = None
        """An answer that says the server cannot help (SERVFAIL and its like), for when no other server can either."""


class Probe(Exchange):
    """A question of our own, to see whether a server answers. Nobody waits for what it says."""

    __slots__ = ("answers",)
    is_probe: ClassVar = True

    def __init__(self, question: Question, answers: int, now: float) -> None:
        """``answers``: how many its server gave before."""
        super().__init__(question, lambda _: None, now)
        self.finished = True
        self.answers = answers


class Attempt:
    """One message that was sent."""

    __slots__ = ("asked", "exchange", "expires", "ident", "link")

    def __init__(self, exchange: Exchange, link: Link, ident: int, asked: bytes, expires: float) -> None:
        self.exchange = exchange
        self.link = link
        self.ident = ident
        self.asked = asked
        """The question section to the letter."""

        self.expires = expires


ANSWERS, WRONG_CASE, NO_EDNS, UNRELATED = range(4)


def matches(attempt: Attempt, data: bytes) -> int:
    """Is ``data``, of at least 12 octets and with the attempt's ID, an answer to it? One of the constants above.

    QR set, opcode QUERY, one question, and that question octet by octet as it was asked, casing included. A bare header
    that says FORMERR is how servers from before EDNS turn down its record (RFC 6891 §6.2.2).
    """
    if data[2] & (FLAG_QR | MASK_OPCODE) >> 8 != FLAG_QR >> 8:
        return UNRELATED
    if data[4:6] != b"\0\x01":
        return NO_EDNS if len(data) == 12 and data[3] & 0xF == FORMERR else UNRELATED
    asked = attempt.asked
    if data.startswith(asked, 12):
        return ANSWERS
    echoed = data[12 : 12 + len(asked)]
    if echoed[-4:] == asked[-4:] and echoed[:-4].lower() == asked[:-4].lower():
        return WRONG_CASE
    return UNRELATED
