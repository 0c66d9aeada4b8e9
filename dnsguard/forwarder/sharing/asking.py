"""A worker's lease hook: the owner leases, and what it said holds for as long as it said."""

from collections.abc import Callable, Mapping
from math import ceil
from typing import Final

from dnsguard.dns.client import Client
from dnsguard.dns.codes import EDE_NOT_READY
from dnsguard.dns.hooks import Leased, LeaseOutcome
from dnsguard.dns.message import Answer
from dnsguard.forwarder.sharing.channel import Channel
from dnsguard.forwarder.sharing.messages import (
    COUNTERS,
    FORGET,
    LEASE,
    OUTCOME,
    BadMessage,
    Request,
    decode_reply,
    encode_counters,
    encode_request,
)

_REMEMBERED: Final = 262_144
"""Records of the answers whose outcomes are kept; then all are forgotten at once. Each answer is kept with its outcome,
whether the cache has it still or not, and may be of thousands of records: 100 octets or more for each."""

_MOST_WAITING: Final = 16_384
"""What an owner that does not answer is asked: four times what may wait for upstream and leases in a relay."""

_GONE: Final = LeaseOutcome(ok=False, extended=EDE_NOT_READY, text="nobody writes leases just now")


class Asking(Channel):
    """The worker's end. Belongs to one event loop, whose thread alone calls it."""

    peer = "the owner of the leases"

    def __init__(self, gone: Callable[[], None]) -> None:
        """``gone`` is called when the owner is."""
        super().__init__()
        self._gone = gone
        self._number = 0
        self._waiting: dict[int, tuple[Client, Answer, float, Leased]] = {}
        self._known: dict[tuple[bytes, int], tuple[Answer, float, LeaseOutcome]] = {}
        """(client's address, id of an answer in the cache) → that answer, when the owner was asked, what it said."""

        self._remembered = 0
        self.forgotten: Callable[[], None] = self.forget
        """Called when the owner says that what it said may not hold any more."""

    def forget(self) -> None:
        """Policy has changed: what was said of leases is to be asked again."""
        self._known.clear()
        self._remembered = 0

    def tell(self, counters: Mapping[str, int]) -> None:
        """Let the owner know what was counted here."""
        self.send(COUNTERS, encode_counters(counters))

    def __call__(self, client: Client, answer: Answer, age: float, leased: Leased) -> None:
        now = self._loop.time()
        known = self._known.get((client.address, id(answer)))
        if known is not None and now < known[2].again_until:
            leased(_aged(known[2], now - known[1]))
            return
        if not self.is_open or len(self._waiting) >= _MOST_WAITING:
            leased(_GONE)
            return
        self._number = number = (self._number + 1) & 0xFFFFFFFF
        self._waiting[number] = client, answer, now, leased
        self.send(LEASE, encode_request(Request(number, client.address, answer, age)))

    def hear(self, kind: int, body: bytes) -> None:
        if kind == OUTCOME:
            self._take(*decode_reply(body))
        elif kind == FORGET:
            self.forgotten()
        else:
            raise BadMessage(f"a message of kind {kind} for a worker")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        waiting = list(self._waiting.values())
        self._waiting.clear()
        for _, _, _, leased in waiting:
            leased(_GONE)
        self._gone()

    def _take(self, number: int, outcome: LeaseOutcome) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is None:
            raise BadMessage(f"an outcome that was not asked for, number {number}")
        client, answer, asked, leased = waiting
        if outcome.ok and outcome.again_until > asked:
            if self._remembered >= _REMEMBERED:
                self.forget()
            self._remembered += 4 + len(answer.addresses) + len(answer.aliases)
            self._known[client.address, id(answer)] = answer, asked, outcome
        leased(outcome)


def _aged(outcome: LeaseOutcome, seconds: float) -> LeaseOutcome:
    """The same, ``seconds`` later."""
    if outcome.max_ttl is None:
        return outcome
    return outcome._replace(max_ttl=max(0, outcome.max_ttl - ceil(seconds)))
