"""What is asked of the contenders, and in what order of questions: one row for each budget of look-ups."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loadtest.dns import names
from loadtest.dns.contender import Contender
from loadtest.dns.names import Kind
from loadtest.dns.task import Task

CLIENTS = 32
"""Pods of a node. dnsguard bounds what one client may make it learn, so one alone could not ask for all names."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    names: int = 100_000
    hot: int = 1_000
    patterns: int = 100_000
    sets: int = 1_000


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way of asking."""

    name: str
    meaning: str
    kind: Kind = Kind.PLAIN
    is_hot: bool = False
    """Few names, over and over, instead of each once."""

    cached: bool = True
    leased: bool = True
    many_patterns: bool = False
    few_patterns: bool = False
    churn: bool = False

    def takes(self, contender: Contender) -> bool:
        """Whether that one can do it, and does not do the same thing under another name as well."""
        if self.churn or self.many_patterns or self.few_patterns:
            return contender.leases and (not self.churn or not contender.package)
        return self.leased or not (contender.leases and contender.package)

    def task(self, size: Size, directory: Path, workers: int, profile: Path | None = None) -> Task:
        patterns, sets = (size.patterns, size.sets) if self.many_patterns else (9 if self.few_patterns else 0, 1)
        return Task(
            directory,
            self.kind,
            workers,
            cached=self.cached,
            leased=self.leased,
            patterns=patterns,
            sets=sets,
            clients=1 if self.is_hot else CLIENTS,
            churn=self.churn,
            profile=profile,
        )

    def distinct(self, size: Size) -> int:
        """How many names are asked."""
        return size.hot if self.is_hot else size.names

    def questions(self, size: Size) -> Iterator[str]:
        """Each once."""
        return (names.name(self.kind, number) for number in range(self.distinct(size)))

    def repeats(self, size: Size) -> int:
        """How often all of them are asked."""
        return max(size.names // size.hot, 1) if self.is_hot else 1


SCENARIOS = (
    Scenario("first", "every name for the first time, leased before the answer where that is done"),
    Scenario("chains", "the same at the end of two aliases", Kind.CHAIN),
    Scenario("hot", "few names over and over, leases asserted again", is_hot=True),
    Scenario(
        "relay", "answers that nobody may keep, and no policy is about", Kind.FLEETING, cached=False, leased=False
    ),
    Scenario("patterns-few", "as first, with 10 patterns", few_patterns=True),
    Scenario("patterns", "as first, with very many patterns in many sets", many_patterns=True),
    Scenario("churn", "as first, with 10 policy and 50 endpoint changes a second", churn=True),
)
