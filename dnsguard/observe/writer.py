"""Lines on their way to a file, which may be as slow as it likes: nobody waits for it.

Lines are put by one thread, and written in batches by another that spends its time in the kernel, without the
interpreter's lock. While a batch is being written the next lines wait in a bounded ring.
"""

import logging
import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread
from typing import Final

from dnsguard.observe.logfile import LogFile
from dnsguard.observe.ring import Ring

log = logging.getLogger(__name__)

MAX_LINES: Final = 65_536
"""Lines that wait while a batch is being written."""

MAX_BYTES: Final = 16 * 1024 * 1024
"""The same in bytes; beyond it the oldest go, too."""

BATCH: Final = 1_024
"""Lines of one batch, at most: half a megabyte, which is put together in a fifth of a millisecond."""


class LineWriter:
    """Belongs to one thread, which calls everything here and never waits, ``close`` apart: that blocks."""

    def __init__(self, file: LogFile, unlogged: Callable[[int], str], called: str = "DNS log") -> None:
        """``unlogged``: the line that stands for so many lines which were lost; ``called``: for people."""
        self.written = 0
        """Lines that the kernel has taken."""

        self.problem = ""
        """Why the last batch could not be written; empty when all is well."""

        self._file = file
        self._unlogged = unlogged
        self._called = called
        self._ring: Ring[bytes] = Ring(MAX_LINES)
        self._bytes = 0
        self._refused = 0
        self._told = 0
        self._batches: SimpleQueue[tuple[bytes, int, int] | None] = SimpleQueue()
        self._idle = Event()
        self._idle.set()
        self._thread: Thread | None = None

    @property
    def lost(self) -> int:
        """Lines that were not written, for lack of room in the ring or because the file did not take them."""
        return self._ring.lost + self._refused

    @property
    def waiting(self) -> int:
        """Lines in the ring."""
        return len(self._ring)

    def put(self, line: str) -> None:
        """Have a line written, soon after the next ``flush``."""
        data = line.encode("ascii") + b"\n"
        ring = self._ring
        if len(ring) == ring.most or self._bytes + len(data) > MAX_BYTES:
            self._make_room(len(data))
        self._bytes += len(data)
        ring.put(data)

    def flush(self) -> None:
        """Hand on what waits, if the file is done with what it was given."""
        if not self._ring or not self._idle.is_set():
            return
        lines = self._ring.take(BATCH)
        self._bytes -= sum(map(len, lines))
        lost = self.lost
        missing = lost - self._told
        data = b"".join(lines)
        if missing:
            data = self._unlogged(missing).encode("ascii") + b"\n" + data
        if self._thread is None:
            self._thread = Thread(target=self._write, name=self._called, daemon=True)
            self._thread.start()
        self._idle.clear()
        self._batches.put((data, len(lines), lost))

    def close(self, seconds: float) -> None:
        """Write what waits, for so long at most; then give up on it. Nothing may be put after it."""
        give_up = time.monotonic() + seconds
        while self._ring and self._idle.wait(give_up - time.monotonic()):
            self.flush()
        self._batches.put(None)
        if self._thread is not None:
            self._thread.join(max(0.0, give_up - time.monotonic()))

    def _make_room(self, needed: int) -> None:
        ring = self._ring
        while ring and (len(ring) == ring.most or self._bytes + needed > MAX_BYTES):
            self._bytes -= len(ring.take(1)[0])
            ring.lost += 1

    def _write(self) -> None:
        while (batch := self._batches.get()) is not None:
            data, lines, lost = batch
            try:
                self._file.write(data)
            except OSError as error:
                self._refused += lines
                problem = f"{self._file.path} cannot be written: {error.strerror or error}"
                if not self.problem:
                    log.error("the %s has gaps: %s", self._called, problem)
                self.problem = problem
            else:
                self._told = lost
                self.written += lines
                if self.problem:
                    log.info("the %s is written again", self._called)
                self.problem = ""
            self._idle.set()
        self._file.close()
