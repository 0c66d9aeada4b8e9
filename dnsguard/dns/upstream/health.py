"""Which trusted server is asked next, judged by results alone: no timer declares a server dead, only silence does."""

from collections.abc import Sequence
from typing import Final

FAILURES_TO_DOWN: Final = 3
FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 30.0
DOWN: Final = "down"


class Health:
    """One server's record. Down after ``FAILURES_TO_DOWN`` unanswered attempts in a row, up again with any answer."""

    __slots__ = ("_pause", "down_since", "failures", "has_answered", "probe_at", "why")

    def __init__(self) -> None:
        self.failures = 0
        self.has_answered = False
        self.down_since: float | None = None
        self.probe_at = 0.0
        self.why = ""
        self._pause = FIRST_PAUSE

    def answered(self) -> None:
        """Any well-formed answer came, whatever its rcode."""
        self.has_answered = True
        if self.failures:
            self.failures = 0
            self.down_since = None
            self.why = ""
            self._pause = FIRST_PAUSE

    def failed(self, now: float, why: str) -> None:
        """An attempt stayed unanswered, or its packet could not be sent."""
        self.failures += 1
        self.why = why
        if self.failures >= FAILURES_TO_DOWN and self.down_since is None:
            self.down_since = now
            self.probe_at = now + self._pause

    @property
    def state(self) -> str:
        """For people: ``up``, ``not asked yet``, ``no answer yet: …``, or ``down: …`` with the reason."""
        if self.down_since is not None:
            return f"{DOWN}: {self.why}"
        if self.has_answered:
            return "up"
        return f"no answer yet: {self.why}" if self.failures else "not asked yet"

    def probe_due(self, now: float) -> bool:
        """Whether a down server should be asked something now; asking is counted, each pause twice the last."""
        if self.down_since is None or now < self.probe_at:
            return False
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self.probe_at = now + self._pause
        return True


def preference(healths: Sequence[Health], tried: Sequence[int]) -> int:
    """Index of the server to ask next: up before down, untried before tried, then in the order of the list.

    Never nothing: with all of them down they are asked all the same.
    """
    return min(
        range(len(healths)),
        key=lambda i: (tried.count(i), healths[i].down_since is not None, i),
    )
