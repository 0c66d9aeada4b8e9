"""A kernel that counts what it is told."""

from collections.abc import Iterable

from dnsguard.dataplane.counted import Counted
from dnsguard.errors import DnsguardError


class FakeCounters:
    """A `CounterKernel`."""

    def __init__(self, counts: dict[str, Counted]) -> None:
        self.counts = counts
        self.broken = False
        self.reads = 0
        self.resets: list[str] = []

    def counters(self) -> dict[str, Counted]:
        self._answer()
        self.reads += 1
        return dict(self.counts)

    def reset(self, names: Iterable[str]) -> dict[str, Counted]:
        self._answer()
        found = {name: self.counts[name] for name in names if name in self.counts}
        self.resets += found
        self.counts.update(dict.fromkeys(found, Counted(0, 0)))
        return found

    def _answer(self) -> None:
        if self.broken:
            raise DnsguardError("refused")
