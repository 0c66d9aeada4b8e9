"""The audit log: written by a thread of its own, and on the disk before whoever made the change hears of it.

Records that wait together share one look at the disk, as the store's writes do. Where the log cannot be written nothing
is changed any more, unless `audit` is Try; what was changed already when it failed is written once it can be.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, Literal

from dnsguard.api.audit import AuditQuestion, AuditRecord, AuditUnavailable
from dnsguard.controller.auditing.file import AuditFile
from dnsguard.controller.auditing.refusals import MINUTE, Refusals
from dnsguard.controller.auditing.shown import ShownAudit
from dnsguard.observe.exposition import Metric, number

log = logging.getLogger(__name__)

FULL: Final = 64 * 1024 * 1024
"""Bytes of one file: about 20 000 changes."""

KEPT: Final = 3
"""Full files beside the one that is written: with it a quarter of a gigabyte."""

LARGEST_BATCH: Final = 256

MOST_OWED: Final = 1_000
"""Records kept in memory while the log cannot be written; the oldest go to the process's own log."""

ROOM: Final = 48 * 1024
"""Bytes that the record of one change may take: two objects and what stands around them."""


@dataclass(frozen=True, slots=True)
class _Entry:
    event: Mapping[str, Any]
    revision: int
    written: asyncio.Future[None] | None = None
    """Somebody waits for it."""


class AuditLog:
    """A ``dnsguard.api.services.Audit``; belongs to the event loop it was made in."""

    def __init__(
        self,
        path: Path,
        mode: Literal["Require", "Try"] = "Require",
        clock: Callable[[], float] = time.monotonic,
        *,
        full: int = FULL,
    ) -> None:
        """Raises UnusableStateError: a change that cannot be recorded must not be taken."""
        self._path = path
        self._mode = mode
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._file = AuditFile(path, full, KEPT)
        self._refusals = Refusals()
        self._telling: asyncio.TimerHandle | None = None
        self._shown = ShownAudit(path)
        self._admitted = 0
        self._written = 0
        self._owed: list[_Entry] = []
        self._queue: SimpleQueue[_Entry | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="audit", daemon=True)
        self.problem = ""
        """Why records cannot be written; empty when all is well."""

        self._thread.start()
        if self._file.torn:
            self.say(f"the last line was torn, {len(self._file.torn)} bytes; they stand in {path.name}.torn")

    @property
    def revision(self) -> int:
        """The newest that was acknowledged when the log was opened, or since."""
        return self._file.revision

    def metrics(self) -> Iterator[Metric]:
        """What there is to measure."""
        yield number("dnsguard_audit_records_total", "counter", "Records on the disk.", self._written)
        yield number("dnsguard_audit_unwritten_records", "gauge", "Records that wait until the log can be written.",
                     len(self._owed))  # fmt: skip

    def say(self, message: str, revision: int = 0) -> None:
        """Write down something that nobody asked for, at ``revision`` where that is new."""
        log.warning("audit log %s: %s", self._path, message)
        event = own_event(message, time.time())
        self._queue.put(_Entry(event, revision))

    def admit(self) -> None:
        """See Audit."""
        if self._mode == "Require":
            if self._owed:
                self._queue.put(_RETRY)
                raise AuditUnavailable(
                    f"{self.problem}. Nothing was changed: changes are taken once their record can be"
                )
            try:
                self._file.keep((self._admitted + 1) * ROOM)
            except OSError as error:
                raise AuditUnavailable(
                    f"the audit log {self._path} has no room for the record of this change: {error.strerror}."
                    " Nothing was changed; try again"
                ) from error
        self._admitted += 1

    async def record(self, record: AuditRecord, *, admitted: int = 0) -> None:
        """See Audit."""
        waiting = [_Entry(each.event(), each.revision) for each in self._refusals.admitted(record, self._clock())]
        if record.refused and self._telling is None:
            self._telling = self._loop.call_later(MINUTE, self._tell_counted)
        try:
            if waiting:
                written = self._loop.create_future()
                for entry in waiting[:-1]:
                    self._queue.put(entry)
                self._queue.put(_Entry(waiting[-1].event, waiting[-1].revision, written))
                await written
        finally:
            self._admitted -= admitted

    async def recent(self, question: AuditQuestion) -> list[str]:
        """See Audit."""
        return await self._shown.recent(question)

    async def follow(self, question: AuditQuestion) -> AsyncIterator[str]:
        """See Audit."""
        return await self._shown.follow(question)

    def end_following(self) -> None:
        """Call it before the server waits for its connections."""
        self._shown.close()

    def close(self) -> None:
        """Write what waits, then close. No record may come after it."""
        if self._telling is not None:
            self._telling.cancel()
        for each in self._refusals.counted():
            self._queue.put(_Entry(each.event(), each.revision))
        self._queue.put(None)
        self._thread.join()
        self._file.close()

    def _tell_counted(self) -> None:
        self._telling = None
        for each in self._refusals.ended(self._clock()):
            self._queue.put(_Entry(each.event(), each.revision))
        if self._refusals.are_counting:
            self._telling = self._loop.call_later(MINUTE, self._tell_counted)

    def _run(self) -> None:
        running = True
        while running:
            batch = [self._queue.get()]
            while len(batch) < LARGEST_BATCH and not self._queue.empty():
                batch.append(self._queue.get())
            running = None not in batch
            self._write([entry for entry in batch if entry is not None and entry is not _RETRY])

    def _write(self, entries: Sequence[_Entry]) -> None:
        every = [*self._owed, *entries]
        if not every:
            return
        try:
            lines = self._file.write([(entry.event, entry.revision) for entry in every])
        except OSError as error:
            problem = f"the audit log {self._path} cannot be written: {error.strerror}"
            if not self.problem:
                log.error("%s", problem)
            for lost in every[: max(0, len(every) - MOST_OWED)]:
                log.error("lost: %s", lost.event)
            self.problem = problem
            self._owed = every[-MOST_OWED:]
            lines = []
        else:
            self._written += len(lines)
            self._owed = []
            self.problem = ""
        self._loop.call_soon_threadsafe(self._report, entries, lines)

    def _report(self, entries: Sequence[_Entry], lines: Sequence[str]) -> None:
        for entry in entries:
            if entry.written is not None and not entry.written.done():  # it is when the caller was cancelled
                entry.written.set_result(None)
        for line in lines:
            self._shown.put(line)


_RETRY: Final = _Entry({}, 0)
"""Asks for what is owed to be written."""


def own_event(message: str, now: float) -> dict[str, Any]:
    """Something that dnsguard itself, or who administers it, did."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1_000_000):06}+00:00"
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "stage": "ResponseComplete",
        "stageTimestamp": stamp,
        "verb": "note",
        "user": {"username": "dnsguard"},
        "responseStatus": {"code": 200, "message": message},
    }
