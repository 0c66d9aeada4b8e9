"""Log lines that anybody can provoke, kept to a few."""

import logging
from collections.abc import Hashable

_SECONDS = 10.0
_REMEMBERED = 1024
"""Subjects, and so lines in ten seconds at most: over IPv6 one client may ask with as many addresses as it likes."""


class Complaints:
    """At most one line for each subject in ten seconds, and it says how many were left out; a bounded number of all."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._said: dict[Hashable, tuple[float, int]] = {}
        """Subject → (when, left out since), in the order of when."""

        self._unsaid = 0
        """Those of subjects that there was no room for, since the last line."""

    def complain(self, subject: Hashable, now: float, message: str, *values: object) -> None:
        """Log the message unless there was one of this subject just now."""
        said, left_out = self._said.get(subject, (-_SECONDS, 0))
        if now - said < _SECONDS:
            self._said[subject] = said, left_out + 1
            return
        self._said.pop(subject, None)
        if not self._has_room(now):
            self._unsaid += 1
            return
        self._said[subject] = now, 0
        more = [f"{left_out} more like it"] * (left_out > 0) + [f"{self._unsaid} of others"] * (self._unsaid > 0)
        self._unsaid = 0
        self._log.warning(message + (f" ({', '.join(more)})" if more else ""), *values)

    def _has_room(self, now: float) -> bool:
        """Whether one more may be said; the one that was said longest ago is forgotten for it, if that is long ago."""
        if len(self._said) < _REMEMBERED:
            return True
        oldest = next(iter(self._said))
        if now - self._said[oldest][0] < _SECONDS:
            return False
        self._unsaid += self._said.pop(oldest)[1]
        return True
