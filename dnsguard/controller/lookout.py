"""The thread that has the sentinel look."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Protocol, Self

from dnsguard.dataplane.sentinel import Sighting
from dnsguard.errors import DnsguardError

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.01
"""Between two looks. One costs 6 µs while nobody changes anything, 60 to 100 µs while leases are written."""


class Looks(Protocol):
    """The sentinel."""

    def look(self) -> Sighting | None: ...


class Lookout:
    """A context manager; looks while it is entered."""

    def __init__(self, sentinel: Looks, seen: Callable[[Sighting], None], pause: float = LOOK_SECONDS) -> None:
        """``seen`` is called in the thread."""
        self._sentinel = sentinel
        self._seen = seen
        self._pause = pause
        self._ended = Event()
        self._thread = Thread(target=self._run, name="lookout", daemon=True)
        self._trouble = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        _come_first()
        while not self._ended.wait(self._pause):
            trouble = ""
            try:
                sighting = self._sentinel.look()
            except DnsguardError as error:  # the enforcement loop looks, too, and says what comes of it
                trouble = str(error)
            except Exception as error:
                # A mistake of ours must not be the last thing that this thread does.
                trouble = f"internal error: {error!r}"
            else:
                if sighting is not None:
                    self._seen(sighting)
            if trouble and trouble != self._trouble:
                log.warning("whether others changed the table cannot be seen at once: %s", trouble)
            self._trouble = trouble


def _come_first() -> None:
    """Have this thread run as soon as it wakes, where that is permitted. On a node that is busy with other things it
    would look several times later than it should."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
