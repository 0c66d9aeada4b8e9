"""The forwarder's side of the link: one task that stays connected, and calls that never wait.

Everything runs on the forwarder's event loop beside its DNS sockets, so that reading yields after every frame and
sending only appends to a bounded queue.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Protocol, assert_never

from dnsguard.errors import DnsguardError
from dnsguard.link.codec import Decoder, Message, encode
from dnsguard.link.difference import Folded, WrongBase
from dnsguard.link.messages import (
    Ack,
    Delta,
    DnsLogQuery,
    DnsLogReply,
    DnsLogStop,
    Hello,
    LeasesQuery,
    LeasesReply,
    LeasesSearch,
    NamesFound,
    NamesQuery,
    NamesReply,
    NamesSearch,
    RightsQuery,
    RightsReply,
    RightsVoid,
    SetUses,
    Snapshot,
    Stats,
)
from dnsguard.link.shape import LinkProtocolError

log = logging.getLogger(__name__)

READ_SIZE = 64 * 1024
FIRST_PAUSE = 0.05
"""Seconds before the first attempt to reconnect; doubles up to ``LONGEST_PAUSE``."""

LONGEST_PAUSE = 0.5
"""An attempt costs 50 µs, and a forwarder that is away holds up what its workloads newly may."""

RING_SIZE = 256
"""Statistics and replies that wait for a slow controller; the oldest goes first."""

RECORD_MESSAGES = 16
"""Messages with records of the DNS log that wait; what comes later stays where it is, and is dropped there."""


Acknowledge = Callable[[int, str], None]
"""``acknowledge(revision, problem)`` over the connection that the revision came by; does nothing once that is gone. A
new connection brings a snapshot, and the revisions of a new controller count from the beginning."""


class LinkListener(Protocol):
    """What the forwarder does with what it is told. Called on the event loop; must not block nor raise.

    Each snapshot and each delta comes with a way to acknowledge it when it is in force, at once or later.
    """

    def on_snapshot(self, snapshot: Snapshot, acknowledge: Acknowledge) -> None:
        """Replace everything held. Sent after each connect, and when elements in the kernel must be asserted anew."""

    def on_delta(self, delta: Delta, acknowledge: Acknowledge) -> None:
        """Change what is held; ``delta.base_revision`` is the revision of the last snapshot or delta passed on."""

    def on_leases_query(self, query: LeasesQuery) -> None:
        """Answer with ``LinkClient.reply``, at once or later."""

    def on_names_query(self, query: NamesQuery) -> None:
        """Answer with ``LinkClient.reply``, at once or later."""

    def on_search(self, search: NamesSearch | LeasesSearch) -> None:
        """Answer with ``LinkClient.reply``, at once or later."""

    def on_rights(self, reply: RightsReply) -> None:
        """What was asked with ``LinkClient.ask_rights``."""

    def on_rights_void(self) -> None:
        """Policy changed: what ``on_rights`` said so far no longer counts."""

    def on_dns_log(self, message: DnsLogQuery | DnsLogStop | SetUses) -> None:
        """Answer a query with ``LinkClient.tell``, while there is room."""

    def on_disconnected(self, reason: str) -> None:
        """The controller is away: go on with what is held. Called once per lost or failed connection."""


class LinkClient:
    """Keeps the connection to the controller.

    Usage: ``task_group.create_task(client.run())``; cancel the task to end.
    """

    def __init__(
        self, path: Path, hello: Callable[[], Hello], listener: LinkListener, ring_size: int = RING_SIZE
    ) -> None:
        """``hello`` is asked at every connect, since addresses and the revision held change."""
        self._path = path
        self._hello = hello
        self._listener = listener
        self._acks: deque[Ack] = deque()
        """Of this connection; each has its own."""

        self._ring: deque[LeasesReply | NamesReply | NamesFound | Stats | RightsQuery] = deque(maxlen=ring_size)
        self._records: deque[DnsLogReply] = deque()
        self._wake = asyncio.Event()
        self._connected = False
        self.dropped = 0
        """Messages to the controller that the ring had no room for, or that the connection took with it."""

        self.held: Folded | None = None
        """The last snapshot received with the deltas since, for the last-good file; ``None`` before the first."""

    @property
    def connected(self) -> bool:
        return self._connected

    def reply(self, reply: LeasesReply | NamesReply | NamesFound) -> None:
        """Answer a query."""
        self._put(reply)

    def report(self, stats: Stats) -> None:
        """Send statistics; a no-op while the controller is away, since the next ones say it all."""
        self._put(stats)

    def ask_rights(self, query: RightsQuery) -> bool:
        """Ask what policy says of intercepted queries; whether anybody is there to answer."""
        self._put(query)
        return self._connected

    @property
    def has_room(self) -> bool:
        """Whether ``tell`` may be called. Records come after everything else."""
        return self._connected and len(self._records) < RECORD_MESSAGES

    def tell(self, reply: DnsLogReply) -> None:
        """Send records of the DNS log."""
        self._records.append(reply)
        self._wake.set()

    def _put(self, message: LeasesReply | NamesReply | NamesFound | Stats | RightsQuery) -> None:
        if not self._connected:
            return
        if len(self._ring) == self._ring.maxlen:
            self.dropped += 1
        self._ring.append(message)
        self._wake.set()

    async def run(self) -> None:
        """Connect, and reconnect with growing pauses, until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self._path))
            except OSError as error:
                reason = f"no connection to {self._path}: {error.strerror or error}"
            else:
                pause = FIRST_PAUSE
                reason = await self._converse(reader, writer)
            self._listener.on_disconnected(reason)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Talk until either side ends it; the reason why it ended."""
        self._connected = True
        try:
            writer.write(encode(self._hello()))
            sending = asyncio.create_task(self._send(writer), name="link-send")
            receiving = asyncio.create_task(self._receive(reader), name="link-receive")
            try:
                await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                sending.cancel()
                receiving.cancel()
                outcome = await asyncio.gather(sending, receiving, return_exceptions=True)
            return _reason(outcome)
        finally:
            self._connected = False
            self._acks = deque()
            self.dropped += len(self._ring)
            self._ring.clear()
            self._records.clear()
            writer.close()

    def _acknowledge(self, acks: deque[Ack], revision: int, problem: str) -> None:
        if acks is self._acks:
            acks.append(Ack(revision, problem))
            self._wake.set()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while first := self._acks or self._ring or self._records:
                message: Message = first.popleft()
                writer.write(encode(message))
                await writer.drain()

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        decoder = Decoder()
        while data := await reader.read(READ_SIZE):
            for message in decoder.feed(data):
                if message is not None:
                    self._pass_on(message)
                # One frame at a time: DNS answers come first.
                await asyncio.sleep(0)

    def _pass_on(self, message: Message) -> None:
        acknowledge = partial(self._acknowledge, self._acks)
        match message:
            case Snapshot():
                self.held = Folded(message)
                self._listener.on_snapshot(message, acknowledge)
            case Delta():
                if self.held is None:
                    raise WrongBase("a delta came before the first snapshot")
                self.held.fold(message)
                self._listener.on_delta(message, acknowledge)
            case LeasesQuery():
                self._listener.on_leases_query(message)
            case NamesQuery():
                self._listener.on_names_query(message)
            case NamesSearch() | LeasesSearch():
                self._listener.on_search(message)
            case RightsReply():
                self._listener.on_rights(message)
            case RightsVoid():
                self._listener.on_rights_void()
            case DnsLogQuery() | DnsLogStop() | SetUses():
                self._listener.on_dns_log(message)
            case LeasesReply() | NamesReply() | NamesFound() | DnsLogReply():
                raise LinkProtocolError(type(message).__name__, "is for the controller")
            case Hello() | Ack() | Stats() | RightsQuery():
                raise LinkProtocolError(type(message).__name__, "is for the controller")
            case _:
                assert_never(message)


def _reason(outcome: Iterable[BaseException | None]) -> str:
    for error in outcome:
        match error:
            case None | asyncio.CancelledError():
                continue
            case DnsguardError():
                log.error("link: %s; asking for a snapshot", error)
                return str(error)
            case OSError():
                return f"the connection broke: {error.strerror or error}"
            case _:
                raise error
    return "the controller closed the connection"
