"""Requests without a known token, in the audit: anybody can send them, so nobody may fill a disk with them."""

from dataclasses import replace

from api.audit import AuditRecord

MOST_A_MINUTE = 10
"""Written each. With the longest paths this is 10 MB a day, so strangers cannot soon push the record of real changes
out of a log of bounded size either."""

MINUTE = 60.0


class Strangers:
    """Lets every record of a known caller through, and a few of all others; the rest become a number."""

    def __init__(self) -> None:
        self._minute_ends = 0.0
        self._left = MOST_A_MINUTE
        self._counted = 0
        self._last: AuditRecord | None = None
        """Of those that were counted."""

    def admitted(self, record: AuditRecord, now: float) -> list[AuditRecord]:
        """What is to be written when this record comes, in order. ``now``: seconds of a clock that never goes back."""
        told: list[AuditRecord] = []
        if now >= self._minute_ends:
            told = self.counted()
            self._minute_ends = now + MINUTE
            self._left = MOST_A_MINUTE
        if record.caller:
            return [*told, record]
        if self._left > 0:
            self._left -= 1
            return [*told, record]
        self._counted += 1
        self._last = record
        return told

    def counted(self) -> list[AuditRecord]:
        """The one record that says how many were counted since it was last asked; none where that is nobody."""
        if self._last is None:
            return []
        others = f"{self._counted - 1} other requests without a known token before this one are not written"
        told = [replace(self._last, message=f"{self._last.message} ({others})")]
        self._counted, self._last = 0, None
        return told
