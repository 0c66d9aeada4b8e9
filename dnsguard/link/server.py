"""The controller's side of the link: one Unix socket, any number of forwarders, each with a bounded queue.

Publishing never waits. A forwarder that does not read as fast as policy changes is disconnected, connects again and
gets a snapshot: what it missed is in there. Acknowledgements are waited for separately, with a limit.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dnsguard.link.codec import Decoder, Message, encode
from dnsguard.link.difference import difference, is_empty
from dnsguard.link.messages import (
    Ack,
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
    SetUse,
    SetUses,
    Snapshot,
    Stats,
    Visited,
)
from dnsguard.link.shape import LinkProtocolError
from dnsguard.link.tails import LogTail
from dnsguard.unixsocket import bind

log = logging.getLogger(__name__)

READ_SIZE = 64 * 1024
QUEUE_MESSAGES = 64
"""Messages that wait for one forwarder. Far below, it is merely busy; beyond, it is stuck or dying."""

_PAUSE = 0.005
"""Seconds between two looks whether there is room."""

HELLO_SECONDS = 5.0

NAMES_ASKED = "names_asked"
"""Among the counters of a forwarder that takes a ``NamesQuery``."""

SEARCHES = "searches"
"""Among those of one that takes a ``LeasesSearch`` and a ``NamesSearch``."""

_Reply = LeasesReply | NamesReply | NamesFound


@dataclass(frozen=True, slots=True)
class ForwarderState:
    """One connected forwarder, for status."""

    name: str
    listen: tuple[str, ...]
    sent_revision: int
    """0: nothing sent yet."""

    acked_revision: int
    problem: str
    """Of its last acknowledgement; empty when all is well."""

    stats: Stats | None
    heard_at: float = 0.0
    """When these came, on the loop's clock."""


class LinkServer:
    """Serves the current snapshot to every forwarder. Used from one event loop only."""

    def __init__(
        self,
        path: Path,
        on_hello: Callable[[], None],
        queue_messages: int = QUEUE_MESSAGES,
        on_rights: Callable[[RightsQuery], RightsReply | None] = lambda _: None,
    ) -> None:
        """``on_hello`` is called when a forwarder has introduced itself: it waits for the next ``publish``.
        ``on_rights`` answers by the policy in force; None: by none yet, so the question stays open."""
        self._path = path
        self._on_hello = on_hello
        self._on_rights = on_rights
        self._queue_messages = queue_messages
        self._server: asyncio.Server | None = None
        self._connections: dict[int, _Connection] = {}
        self._numbers = 0
        self._requests = 0
        self._progress = asyncio.Event()
        self._current: Snapshot | None = None
        self._last_listen: frozenset[str] = frozenset()
        self._tails: dict[int, LogTail] = {}
        self._uses: dict[str, SetUse] = {}

    async def start(self) -> None:
        """Listen, with mode 0600. Raises SocketInUseError, SocketAddressError."""
        listener = bind(self._path)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener)

    async def close(self) -> None:
        """Disconnect everybody and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        tasks = [connection.task for connection in self._connections.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._server = None
        self._path.unlink(missing_ok=True)

    @property
    def forwarders(self) -> tuple[ForwarderState, ...]:
        """Those that have said hello, in order of connecting."""
        return tuple(connection.state for connection in self._connections.values() if connection.state.name)

    @property
    def listen(self) -> frozenset[str]:
        """``ADDRESS#PORT`` of all forwarders; while none is connected, of those that were: they come back."""
        found = frozenset(address for state in self.forwarders for address in state.listen)
        self._last_listen = found or self._last_listen
        return self._last_listen

    @property
    def revision(self) -> int:
        """Of the last snapshot or delta published; 0 before the first."""
        return 0 if self._current is None else self._current.revision

    def publish(self, wanted: Snapshot, *, reassert: bool = False) -> int:
        """Bring every forwarder to ``wanted``, whose ``revision`` is ignored; the revision that it became.

        Sends a delta to those that hold the last one, nothing where nothing differs, and a snapshot to those that are
        new. ``reassert`` sends a snapshot to all: elements in the kernel were lost.
        """
        old = self._current
        new = replace(wanted, revision=self.revision + 1)
        whole = reassert or old is None or (old.table, old.query_policy) != (new.table, new.query_policy)
        delta = None if whole or old is None else difference(old, new)
        is_news = delta is not None and old is not None and (not is_empty(delta) or old.keeps != new.keeps)
        if delta is not None and not is_news and old is not None:
            new = old
        self._current = new
        update = encode(delta) if delta is not None and is_news else None
        snapshot: bytes | None = None
        for connection in tuple(self._connections.values()):
            if not connection.state.name:
                continue
            if whole or connection.state.sent_revision == 0:
                snapshot = snapshot or encode(new)
                self._queue(connection, snapshot, new.revision)
            elif update is not None:
                self._queue(connection, update, new.revision)
        return new.revision

    async def acknowledged(
        self, revision: int, seconds: float, ignoring: Collection[str] = frozenset()
    ) -> tuple[str, ...]:
        """Wait until every forwarder that was sent ``revision`` has it in force, at most so long.

        Returns the names of those connected that have not; ``ignoring`` names some that are not waited for. One that
        disconnects is waited for no longer: it is fail closed, and gets a snapshot when it comes back.
        """
        try:
            async with asyncio.timeout(seconds):
                while set(self.laggards(revision)).difference(ignoring):
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            pass
        return self.laggards(revision)

    async def attended(self, seconds: float) -> bool:
        """Whether a forwarder is connected, or one is within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while not self.forwarders:
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            pass
        return bool(self.forwarders)

    def has_acknowledged(self, revision: int) -> bool:
        """Whether a forwarder that is connected has it in force."""
        return any(state.acked_revision >= revision for state in self.forwarders)

    def laggards(self, revision: int) -> tuple[str, ...]:
        """Connected forwarders that were sent ``revision`` or an earlier one and have not acknowledged it."""
        return tuple(
            state.name
            for state in self.forwarders
            if state.sent_revision and state.acked_revision < min(revision, state.sent_revision)
        )

    async def leases(self, client: str, seconds: float) -> tuple[LeasesReply, ...]:
        """What each forwarder knows of the client's leases; those that do not answer in time are left out."""
        replies = await self._ask(lambda request: LeasesQuery(request, client), seconds)
        return tuple(reply for reply in replies if isinstance(reply, LeasesReply))

    async def names(self, visited: tuple[Visited, ...], seconds: float) -> tuple[NamesReply, ...]:
        """Which names led there, by each forwarder; those that do not answer in time, or cannot, are left out."""
        replies = await self._ask(lambda request: NamesQuery(request, visited), seconds, NAMES_ASKED)
        return tuple(reply for reply in replies if isinstance(reply, NamesReply))

    async def search_leases(
        self, client: str, name: str, address: str, lease_set: str, limit: int, seconds: float
    ) -> tuple[LeasesReply, ...]:
        """The leases that meet each of these conditions that is not empty, by each forwarder; those that do not answer
        in time, or cannot, are left out."""
        replies = await self._ask(
            lambda request: LeasesSearch(request, client, name, address, lease_set, limit), seconds, SEARCHES
        )
        return tuple(reply for reply in replies if isinstance(reply, LeasesReply))

    async def search_names(self, pattern: str, limit: int, seconds: float) -> tuple[NamesFound, ...]:
        """The names that were learned and match, by each forwarder; those that do not answer in time, or cannot, are
        left out."""
        replies = await self._ask(lambda request: NamesSearch(request, pattern, limit), seconds, SEARCHES)
        return tuple(reply for reply in replies if isinstance(reply, NamesFound))

    async def _ask(self, question: Callable[[int], Message], seconds: float, counts: str = "") -> list[_Reply]:
        """``counts``: what forwarders count that can answer."""
        self._requests += 1
        request = self._requests
        waiting: list[asyncio.Future[_Reply]] = []
        await self._room_for_questions(seconds)
        for connection in tuple(self._connections.values()):
            state = connection.state
            able = not counts or (state.stats is not None and counts in state.stats.counters)
            if state.name and state.sent_revision and able and self._has_room(connection):
                future: asyncio.Future[_Reply] = asyncio.get_running_loop().create_future()
                connection.requests[request] = future
                self._send_aside(connection, question(request))
                waiting.append(future)
        if waiting:
            await asyncio.wait(waiting, timeout=seconds)
        for connection in self._connections.values():
            connection.requests.pop(request, None)
        replies = [future.result() for future in waiting if future.done() and not future.cancelled()]
        for future in waiting:
            future.cancel()
        return replies

    async def _room_for_questions(self, seconds: float) -> None:
        """Wait until they may be sent to everybody, at most so long: many that are asked at once disconnect nobody."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not all(map(self._has_room, self._connections.values())):  # noqa: ASYNC110 - queues set no events
                    await asyncio.sleep(_PAUSE)

    def _has_room(self, connection: "_Connection") -> bool:
        """Whether it may be sent a question: most of the queue is for policy."""
        return connection.queue.qsize() < max(1, self._queue_messages // 4)

    def void_rights(self) -> None:
        """Policy changed: what forwarders were answered of rights so far no longer counts. What could not be answered
        before is now."""
        for connection in tuple(self._connections.values()):
            if connection.told_rights:
                connection.told_rights = False
                self._send_aside(connection, RightsVoid())
            if connection.open_rights is not None:
                self._answer_rights(connection, connection.open_rights)

    def _answer_rights(self, connection: "_Connection", query: RightsQuery) -> None:
        answer = self._on_rights(query)
        connection.open_rights = query if answer is None else None
        if answer is not None:
            connection.told_rights = True
            self._send_aside(connection, answer)

    def dns_log(self, last: int, *, follow: bool, client: str = "", name: str = "", denied: bool = False) -> LogTail:
        """Ask every forwarder for the newest ``last`` records, and with ``follow`` for those that come: also the
        forwarders that connect later. To be closed in any case."""
        self._requests += 1
        query = DnsLogQuery(self._requests, last, follow, client, name, denied)
        tail = self._tails[query.request] = LogTail(query, lambda: self._end_tail(query.request))
        for connection in tuple(self._connections.values()):
            if connection.state.name:
                tail.asked(connection.number)
                self._send_aside(connection, query)
        return tail

    def _end_tail(self, request: int) -> None:
        del self._tails[request]
        for connection in tuple(self._connections.values()):
            if connection.state.name:
                self._send_aside(connection, DnsLogStop(request))

    def tell_uses(self, uses: Iterable[SetUse]) -> None:
        """Say which policies refer to these lease sets, now and to forwarders that connect later."""
        told = tuple(uses)
        for use in told:
            if use.policies:
                self._uses[use.lease_set] = use
            else:
                self._uses.pop(use.lease_set, None)
        for connection in tuple(self._connections.values()):
            if connection.state.name and told:
                self._send_aside(connection, SetUses(told))

    def _send_aside(self, connection: "_Connection", message: Message) -> None:
        """Send what is no policy."""
        self._queue(connection, encode(message), connection.state.sent_revision)

    def _queue(self, connection: "_Connection", data: bytes, revision: int) -> None:
        try:
            connection.queue.put_nowait(data)
        except asyncio.QueueFull:
            log.warning("link: %s does not keep up, disconnecting it", connection.state.name)
            self._forget(connection)
            connection.task.cancel()
        else:
            connection.state = replace(connection.state, sent_revision=revision)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:  # a coroutine always runs in a task
            raise RuntimeError("no current task")
        self._numbers += 1
        connection = _Connection(self._numbers, task, self._queue_messages)
        self._connections[connection.number] = connection
        sending = asyncio.create_task(_send(connection, writer), name=f"link-send-{connection.number}")
        try:
            await self._receive(connection, reader)
        except LinkProtocolError as error:
            log.error("link: %s: %s; disconnecting it", connection.state.name or "a new connection", error)
        except (OSError, TimeoutError) as error:
            log.info("link: %s: %s", connection.state.name or "a new connection", error)
        except asyncio.CancelledError:
            pass  # by close, or because its queue was full: the connection just ends
        finally:
            self._forget(connection)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            # Not close(): that would wait for a peer that reads nothing.
            writer.transport.abort()

    def _forget(self, connection: "_Connection") -> None:
        if self._connections.pop(connection.number, None) is not None:
            if connection.state.name:
                log.info("link: %s is gone", connection.state.name)
            for future in connection.requests.values():
                future.cancel()
            for tail in self._tails.values():
                tail.gone(connection.number)
            self._progress.set()

    async def _receive(self, connection: "_Connection", reader: asyncio.StreamReader) -> None:
        decoder = Decoder()
        async with asyncio.timeout(HELLO_SECONDS) as limit:
            while data := await reader.read(READ_SIZE):
                for message in decoder.feed(data):
                    if message is not None:
                        self._take(connection, message)
                if connection.state.name:
                    limit.reschedule(None)

    def _take(self, connection: "_Connection", message: Message) -> None:
        state = connection.state
        if not isinstance(message, Hello) and not state.name:
            raise LinkProtocolError(type(message).__name__, "came before Hello")
        match message:
            case Hello():
                if state.name:
                    raise LinkProtocolError("Hello", "came twice")
                if not message.forwarder:
                    raise LinkProtocolError("hello.forwarder", "must not be empty")
                connection.state = replace(state, name=message.forwarder, listen=message.listen)
                log.info("link: %s connected, listening on %s", message.forwarder, ", ".join(message.listen))
                if self._uses:
                    self._send_aside(connection, SetUses(tuple(self._uses.values())))
                for tail in self._tails.values():
                    if tail.query.follow:
                        self._send_aside(connection, replace(tail.query, last=0))
                self._progress.set()
                self._on_hello()
            case Ack():
                if message.problem:
                    log.warning("link: %s: %s", state.name, message.problem)
                acked = max(state.acked_revision, message.revision)
                connection.state = replace(state, acked_revision=acked, problem=message.problem)
                self._progress.set()
            case LeasesReply() | NamesReply() | NamesFound():
                future = connection.requests.get(message.request)
                if future is not None and not future.done():
                    future.set_result(message)
            case RightsQuery():
                self._answer_rights(connection, message)
            case DnsLogReply():
                listener = self._tails.get(message.request)
                if listener is not None:
                    listener.take(connection.number, message)
            case Stats():
                connection.state = replace(state, stats=message, heard_at=asyncio.get_running_loop().time())
            case _:
                raise LinkProtocolError(type(message).__name__, "is for forwarders")


class _Connection:
    """One connected socket."""

    def __init__(self, number: int, task: asyncio.Task[None], queue_messages: int) -> None:
        self.number = number
        self.task = task
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(queue_messages)
        self.state = ForwarderState("", (), 0, 0, "", None)
        self.requests: dict[int, asyncio.Future[_Reply]] = {}
        self.told_rights = False
        """Since they were void the last time."""

        self.open_rights: RightsQuery | None = None
        """Came before there was policy to answer it by."""


async def _send(connection: _Connection, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(await connection.queue.get())
        await writer.drain()
