"""The audit file: appended to by a thread of its own, so that a slow disk delays no request and no policy."""

import logging
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from api.audit import AuditRecord
from dnsguard.controller.files import append_to

log = logging.getLogger(__name__)


class AuditLog:
    """An ``api.services.AuditSink``; records are written in the order of calls."""

    def __init__(self, path: Path) -> None:
        """Raises UnusableStateError: a change that cannot be recorded must not be taken."""
        self._path = path
        self._file = append_to(path)
        self._queue: SimpleQueue[AuditRecord | None] = SimpleQueue()
        self._thread = Thread(target=self._write, name="audit", daemon=True)
        self._thread.start()
        self.problem = ""
        """Why records are being lost; empty when all is well."""

    def __call__(self, record: AuditRecord) -> None:
        self._queue.put(record)

    def close(self) -> None:
        """Write what waits, then close. No record may come after it."""
        self._queue.put(None)
        self._thread.join()
        self._file.close()

    def _write(self) -> None:
        while (record := self._queue.get()) is not None:
            try:
                self._file.write(record.line() + "\n")
                self._file.flush()
            except OSError as error:
                self.problem = f"the audit log {self._path} cannot be written: {error.strerror}"
                log.error("%s; lost: %s", self.problem, record.line())
            else:
                self.problem = ""
