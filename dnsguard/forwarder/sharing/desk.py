"""The owner's end: leases for a worker's answers, by the hook that leases for our own."""

import asyncio
import json
import logging
from functools import partial

from dnsguard.dns.client import Client
from dnsguard.dns.hooks import Lease, LeaseOutcome
from dnsguard.forwarder.sharing.messages import (
    COUNTERS,
    LEASE,
    OUTCOME,
    BadMessage,
    Reply,
    Request,
    decode_request,
    encode_reply,
    frame,
    take,
)

log = logging.getLogger(__name__)


class Desk(asyncio.Protocol):
    """One worker's counterpart. Belongs to one event loop."""

    def __init__(self, lease: Lease) -> None:
        self.counters: dict[str, int] = {}
        """What the worker counted since it started, as it last said."""

        self._lease = lease
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._out: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream socket has no other
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            for kind, body in take(self._buffer):
                match kind:
                    case kind if kind == LEASE:
                        self._serve(decode_request(body))
                    case kind if kind == COUNTERS:
                        self.counters = json.loads(body)
                    case _:
                        raise BadMessage(f"a message of kind {kind} for the owner of the leases")
        except (BadMessage, ValueError) as error:
            log.error("a worker says what cannot be read: %s", error)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _serve(self, request: Request) -> None:
        # Where and how it was asked matters to judging, which the worker has done.
        client = Client(request.client, b"", "udp")
        self._lease(client, request.answer, request.age, partial(self._done, request.number))

    def _done(self, number: int, outcome: LeaseOutcome) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(frame(OUTCOME, encode_reply(Reply(number, outcome))))

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None:
            self._transport.write(b"".join(out))
