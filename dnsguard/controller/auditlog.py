"""The audit file: appended to by a thread of its own, so that a slow disk delays no request and no policy."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from api.audit import AuditRecord
from dnsguard.controller.files import UnusableStateError
from dnsguard.controller.rotation import RotatedFile
from dnsguard.controller.strangers import Strangers

log = logging.getLogger(__name__)

FULL = 64 * 1024 * 1024
"""Bytes of one file: about 200 000 changes."""

KEPT = 3
"""Full files beside the one that is written: with it a quarter of a gigabyte."""


class AuditLog:
    """An ``api.services.AuditSink``; records are written in the order of calls."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises UnusableStateError: a change that cannot be recorded must not be taken."""
        self._path = path
        self._clock = clock
        self._file = RotatedFile(path, FULL, KEPT)
        self._strangers = Strangers()
        self._queue: SimpleQueue[AuditRecord | None] = SimpleQueue()
        self._thread = Thread(target=self._write, name="audit", daemon=True)
        self.problem = ""
        """Why records are being lost; empty when all is well."""

        self._thread.start()

    def __call__(self, record: AuditRecord) -> None:
        for each in self._strangers.admitted(record, self._clock()):
            self._queue.put(each)

    def close(self) -> None:
        """Write what waits, then close. No record may come after it."""
        for each in (*self._strangers.counted(), None):
            self._queue.put(each)
        self._thread.join()
        self._file.close()

    def _write(self) -> None:
        while (record := self._queue.get()) is not None:
            try:
                self._file.write(record.line())
            except (OSError, UnusableStateError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                self.problem = f"the audit log {self._path} cannot be written: {reason}"
                log.error("%s; lost: %s", self.problem, record.line())
            else:
                self.problem = ""
