"""Refused requests in the audit: who can send them can send many, so nobody may fill a disk with them."""

from dataclasses import dataclass, replace

from dnsguard.api.audit import AuditRecord
from dnsguard.api.services import ANONYMOUS

STRANGERS = 10
"""Written each of a minute's requests that nobody was authenticated for. With the longest paths this is 10 MB a day, so
strangers cannot soon push the record of real changes out of a log of bounded size either."""

KNOWN = 60
"""Of each known caller."""

MOST_CALLERS = 1_000
"""Counted apart; more share one count."""

MINUTE = 60.0


@dataclass(slots=True)
class _Minute:
    ends: float
    left: int
    counted: int = 0
    last: AuditRecord | None = None
    """Of those that were counted."""


class Refusals:
    """Lets every record of a change through, and some of what was refused; the rest become a number."""

    def __init__(self) -> None:
        self._minutes: dict[str, _Minute] = {}

    @property
    def are_counting(self) -> bool:
        """Whether `ended` will have something to say."""
        return bool(self._minutes)

    def admitted(self, record: AuditRecord, now: float) -> list[AuditRecord]:
        """What is to be written when this record comes, in order. ``now``: seconds of a clock that never goes back."""
        told = self.ended(now)
        if not record.refused:
            return [*told, record]
        minute = self._minute(record, now)
        if minute.left > 0:
            minute.left -= 1
            return [*told, record]
        minute.counted += 1
        minute.last = record
        return told

    def ended(self, now: float) -> list[AuditRecord]:
        """What is to be said of minutes that are over."""
        over = [caller for caller, minute in self._minutes.items() if now >= minute.ends]
        return [record for caller in over for record in _told(self._minutes.pop(caller))]

    def counted(self) -> list[AuditRecord]:
        """What is to be said at the end."""
        minutes, self._minutes = self._minutes, {}
        return [record for minute in minutes.values() for record in _told(minute)]

    def _minute(self, record: AuditRecord, now: float) -> _Minute:
        stranger = record.user in ("", ANONYMOUS.name)
        caller = "" if stranger else record.user
        if caller not in self._minutes and len(self._minutes) >= MOST_CALLERS:
            caller = "others"
        if caller not in self._minutes:
            self._minutes[caller] = _Minute(now + MINUTE, STRANGERS if stranger else KNOWN)
        return self._minutes[caller]


def _told(minute: _Minute) -> list[AuditRecord]:
    if minute.last is None:
        return []
    alike = minute.counted - 1
    more = f" (and {alike} more like this within a minute)" if alike else ""
    return [replace(minute.last, message=f"{minute.last.message}{more}", alike=alike)]
