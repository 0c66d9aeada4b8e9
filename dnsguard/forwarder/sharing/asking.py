"""A worker's lease hook: the owner leases, and what it said holds for as long as it said."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from math import ceil
from typing import Final

from dnsguard.dns.client import Client
from dnsguard.dns.codes import EDE_NOT_READY
from dnsguard.dns.hooks import Leased, LeaseOutcome
from dnsguard.dns.message import Answer
from dnsguard.forwarder.sharing.messages import (
    COUNTERS,
    LEASE,
    OUTCOME,
    BadMessage,
    Request,
    decode_reply,
    encode_request,
    frame,
    take,
)

log = logging.getLogger(__name__)

_REMEMBERED: Final = 65_536
"""Outcomes kept; then all are forgotten at once."""

_GONE: Final = LeaseOutcome(ok=False, extended=EDE_NOT_READY, text="nobody writes leases just now")


class Asking(asyncio.Protocol):
    """The worker's end. Belongs to one event loop, whose thread alone calls it."""

    def __init__(self, gone: Callable[[], None]) -> None:
        """``gone`` is called when the owner is."""
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._number = 0
        self._waiting: dict[int, tuple[Client, Answer, float, Leased]] = {}
        self._out: list[bytes] = []
        self._known: dict[tuple[bytes, int], tuple[Answer, float, LeaseOutcome]] = {}
        """(client's address, id of an answer in the cache) → that answer, when the owner was asked, what it said."""

    def forget(self) -> None:
        """Policy has changed: what was said of leases is to be asked again."""
        self._known.clear()

    def tell(self, counters: Mapping[str, int]) -> None:
        """Let the owner know what was counted here."""
        self._send(frame(COUNTERS, json.dumps(dict(counters)).encode()))

    def __call__(self, client: Client, answer: Answer, age: float, leased: Leased) -> None:
        now = self._loop.time()
        known = self._known.get((client.address, id(answer)))
        if known is not None and now < known[2].again_until:
            leased(_aged(known[2], now - known[1]))
            return
        if self._transport is None:
            leased(_GONE)
            return
        self._number = number = (self._number + 1) & 0xFFFFFFFF
        self._waiting[number] = client, answer, now, leased
        self._send(frame(LEASE, encode_request(Request(number, client.address, answer, age))))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream socket has no other
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            for kind, body in take(self._buffer):
                if kind != OUTCOME:
                    raise BadMessage(f"a message of kind {kind} for a worker")
                self._take(*decode_reply(body))
        except BadMessage as error:
            log.error("the owner of the leases says what cannot be read: %s", error)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        waiting = list(self._waiting.values())
        self._waiting.clear()
        for _, _, _, leased in waiting:
            leased(_GONE)
        self._gone()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _take(self, number: int, outcome: LeaseOutcome) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is None:
            raise BadMessage(f"an outcome that was not asked for, number {number}")
        client, answer, asked, leased = waiting
        if outcome.ok and outcome.again_until > asked:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[client.address, id(answer)] = answer, asked, outcome
        leased(outcome)

    def _send(self, message: bytes) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(message)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None:
            self._transport.write(b"".join(out))


def _aged(outcome: LeaseOutcome, seconds: float) -> LeaseOutcome:
    """The same, ``seconds`` later."""
    if outcome.max_ttl is None:
        return outcome
    return outcome._replace(max_ttl=max(0, outcome.max_ttl - ceil(seconds)))
