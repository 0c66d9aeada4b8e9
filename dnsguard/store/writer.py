"""The thread that owns the store's file: takes what waits, commits it as one transaction, reports back.

While one transaction waits for the disk the next ones gather, so the more writers there are, the more share an fsync.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dnsguard.store.interface import Event, StoreUnavailable
from dnsguard.store.journal import Committed, Journal, Outcome, StoreLocked, Write

LARGEST_BATCH = 256
"""Writes in one transaction: bounds how long the first of them waits for the last."""

LONGEST_QUEUE = 10_000
"""Writes that may wait; beyond it they are refused rather than kept for minutes."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    write: Write
    outcome: asyncio.Future[Outcome]


@dataclass(frozen=True, slots=True)
class _Compaction:
    revision: int


class Writer:
    """Call it from one event loop."""

    def __init__(self, journal: Journal, publish: Callable[[Sequence[Event]], None]) -> None:
        """``publish`` is called in the event loop with every change, before its writer hears of it."""
        self._journal = journal
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Waiting | _Compaction | None] = queue.SimpleQueue()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="store writer", daemon=True)
        self._thread.start()

    async def write(self, write: Write) -> Outcome:
        """The outcome, once it is durable. Raises StoreUnavailable."""
        if self._stopped:
            raise StoreUnavailable("the store is closed")
        if self._queue.qsize() >= LONGEST_QUEUE:
            raise StoreUnavailable(f"{LONGEST_QUEUE} writes wait for the disk already: try again later")
        waiting = _Waiting(write, self._loop.create_future())
        self._queue.put(waiting)
        return await waiting.outcome

    def compact(self, revision: int) -> None:
        """Ask for compaction; nobody waits for it."""
        self._queue.put(_Compaction(revision))

    async def stop(self) -> None:
        """Finish what waits, then close the journal."""
        if not self._stopped:
            self._stopped = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        batch: list[_Waiting] = []
        running = True
        while running:
            item = self._queue.get()
            while True:
                match item:
                    case _Waiting():
                        batch.append(item)
                    case _Compaction(revision):
                        self._commit(batch)
                        batch = []
                        self._journal.compact(revision)
                    case None:
                        running = False
                if not running or len(batch) >= LARGEST_BATCH or self._queue.empty():
                    break
                item = self._queue.get()
            self._commit(batch)
            batch = []
        self._journal.close()

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        if not batch:
            return
        try:
            committed = self._journal.commit([waiting.write for waiting in batch])
        except StoreUnavailable as error:
            # One that is too large for the disk must not fail the others; a lock fails them all.
            if len(batch) > 1 and not isinstance(error, StoreLocked):
                for waiting in batch:
                    self._commit([waiting])
                return
            committed = Committed(tuple(error for _ in batch), ())
        except Exception as error:  # a mistake of ours must not leave writers waiting for ever
            self._journal.close()
            failure = StoreUnavailable(f"the store failed on its own account: {error!r}. Please report this")
            committed = Committed(tuple(failure for _ in batch), ())
        self._loop.call_soon_threadsafe(self._report, batch, committed)

    def _report(self, batch: Sequence[_Waiting], committed: Committed) -> None:
        self._publish(committed.events)
        for waiting, outcome in zip(batch, committed.outcomes, strict=True):
            if not waiting.outcome.done():  # it is when the caller was cancelled
                waiting.outcome.set_result(outcome)
