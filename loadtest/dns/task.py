"""What a forwarder is asked to do in one measurement."""

from dataclasses import dataclass
from pathlib import Path

from loadtest.dns import names
from loadtest.dns.names import Kind


@dataclass(frozen=True, slots=True)
class Task:
    """The same for every contender."""

    directory: Path
    """Empty, for whatever it writes."""

    kind: Kind
    """Of the names that will be asked."""

    workers: int
    cached: bool
    """Whether it may keep answers."""

    leased: bool
    """Whether what the answers hold has to be in a kernel set, where it can do that."""

    patterns: int
    """Of names that nobody will ask, spread over the sets."""

    sets: int
    """Of patterns; the last one also has the pattern of the names that are asked."""

    clients: int = 1
    """How many ask, each from an address of its own."""

    churn: bool = False
    """Whether policy and endpoints change meanwhile, where it has such."""

    profile: Path | None = None
    """Where dnsguard's profile goes."""

    def patterns_of(self, number: int) -> tuple[str, ...]:
        """The patterns of one set, sorted."""
        others = (f"*.site-{each}.example.org" for each in range(number, self.patterns, self.sets))
        asked = [names.pattern(self.kind)] if self.leased and number == self.sets - 1 else []
        return tuple(sorted([*others, *asked]))
