"""The record of every attempted change: who, from where, what, when, with which result."""

import json
import logging
from dataclasses import asdict, dataclass
from typing import TextIO

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One attempted change, refused ones included."""

    time: str
    """RFC 3339, UTC, microseconds."""

    caller: str
    """Name of the token; empty when there was none or it was wrong."""

    address: str
    """The client's address."""

    verb: str
    """``create``, ``update``, ``patch``, ``delete``, ``deletecollection``."""

    resource: str
    """``plural/namespace/name``; empty where the request did not get that far."""

    status: int
    """HTTP status of the answer."""

    message: str = ""
    """Why it was refused."""

    before: str = ""
    """resourceVersion that was replaced or deleted."""

    after: str = ""
    """resourceVersion that was written."""

    dry_run: bool = False

    def line(self) -> str:
        """One line of JSON, without the newline. Control characters are escaped, so a name cannot forge a line."""
        return json.dumps(asdict(self))


class AuditLines:
    """An audit sink that writes JSON lines to a text stream and flushes each.

    A log that cannot be written (disk full) stops no request, since the change is made already; what is lost is
    counted, and said in the program's own log.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = 0
        """Records that could not be written."""

    def __call__(self, record: AuditRecord) -> None:
        """See AuditSink."""
        try:
            self._stream.write(record.line() + "\n")
            self._stream.flush()
        except (OSError, ValueError) as error:
            self.lost += 1
            log.error("the audit log cannot be written (%s): %s", error, record.line())
