"""Log lines that anybody can provoke, kept to a few."""

import logging
from collections.abc import Hashable

_SECONDS = 10.0
_REMEMBERED = 1024


class Complaints:
    """At most one line for each subject in ten seconds, and it says how many were left out."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._said: dict[Hashable, tuple[float, int]] = {}
        """Subject → (when, left out since)."""

    def complain(self, subject: Hashable, now: float, message: str, *values: object) -> None:
        """Log the message unless there was one of this subject just now."""
        said, left_out = self._said.get(subject, (-_SECONDS, 0))
        if now - said < _SECONDS:
            self._said[subject] = said, left_out + 1
            return
        if len(self._said) >= _REMEMBERED:
            self._said.clear()
        self._said[subject] = now, 0
        self._log.warning(message + (f" ({left_out} more like it)" if left_out else ""), *values)
