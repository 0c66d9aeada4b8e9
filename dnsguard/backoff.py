"""How soon a process that has died is started again."""

from dataclasses import dataclass
from typing import Final

FIRST_DELAY: Final = 0.1
"""Seconds before a process starts again that has just been started again."""

LAST_DELAY: Final = 5.0
SETTLED_AFTER: Final = 2.0
"""Seconds of life after which a death counts as the first. A start costs a third of a second, so one that dies as often
as this and is started at once takes a sixth of a processor: less than it costs to have nobody answer."""


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start: not at all once, then 0.1 s, doubled to 5 s while it keeps dying."""

    delay: float = 0.0

    def after(self, lived: float) -> float:
        """Seconds to wait after a life of ``lived`` seconds."""
        wait = 0.0 if lived >= SETTLED_AFTER else self.delay
        self.delay = min(wait * 2, LAST_DELAY) or FIRST_DELAY
        return wait
