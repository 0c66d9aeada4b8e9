"""What others did to the table, how soon it was noticed, and how long it took to make up for. Times are seconds."""

from dnsguard.dataplane.sentinel import Harm, Sighting


class Restorations:
    """A count, and the length of the last one."""

    def __init__(self) -> None:
        self.count = 0
        self.unnoticed = 0.0
        """Until what was open was closed again."""

        self.took = 0.0
        """From then on, until policy was in force as before."""

        self.unnoticed_in_all = 0.0
        self.took_in_all = 0.0
        self._since: float | None = None
        self._ended = 0.0

    def is_past(self, sighting: Sighting) -> bool:
        """What it saw has been made up for: a whole look found it at the same time."""
        return self._since is None and sighting.noticed <= self._ended

    def began(self, now: float, sighting: Sighting | None = None) -> str:
        """Others changed something, which was seen by ``sighting`` or else just now; what is to be said of it. What
        comes while something is being made up for is part of that."""
        if self._since is not None:
            return "somebody else changed the table again, which is not restored yet"
        self.count += 1
        self._since = now if sighting is None else sighting.noticed
        self.unnoticed = 0.0 if sighting is None else sighting.unnoticed
        self.unnoticed_in_all += self.unnoticed
        if sighting is None:
            return "somebody else changed the table: restoring it"
        return f"somebody else {sighting.harm.value}: closed within {_written(self.unnoticed)}, restoring the rest"

    def ended(self, now: float) -> str:
        """All is in force again; what is to be said of that."""
        self.took = 0.0 if self._since is None else now - self._since
        self.took_in_all += self.took
        self._since, self._ended = None, now
        return f"the table is restored, after {_written(self.took)}"

    @property
    def summary(self) -> str:
        """For people; empty where there was none."""
        if not self.count:
            return ""
        seen = f"noticed and closed within {_written(self.unnoticed)}, " if self.unnoticed else ""
        often = "once, " if self.count == 1 else f"{self.count} times, the last time "
        return (
            f"others removed the table or parts of it, which was restored: {often}{seen}"
            f"restored after {_written(self.took)}"
        )


def is_of_rules(sighting: Sighting | None) -> bool:
    """Whether more than leases is to be restored."""
    return sighting is not None and sighting.harm is Harm.RULES


def _written(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
