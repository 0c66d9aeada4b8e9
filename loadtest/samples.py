"""What was measured, and what it comes to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from loadtest.probes import STEPS


@dataclass(frozen=True, slots=True)
class Sample:
    """One change. Times in seconds."""

    wall: float
    """Until it is enforced; what is swept afterwards does not count."""

    cpu: float = 0.0
    """Of the whole process, the sweep included."""

    steps: dict[str, float] = field(default_factory=dict)
    transactions: float = 0
    messages: float = 0
    bytes: float = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of change."""

    name: str
    samples: Sequence[Sample]
    problem: str = ""
    """Why it could not be measured; then there may be no samples."""

    scratch: float | None = None
    """Seconds of a processor in which everything is computed from scratch, in the same run."""

    small: Sequence[Sample] = ()
    """The same changes, in between, in an installation with a tenth of the endpoints."""

    def wall(self, share: float) -> float:
        return quantile([sample.wall for sample in self.samples], share)

    def typical(self, samples: Sequence[Sample], name: str) -> float:
        """The median of one figure."""
        return median(float(getattr(sample, name)) for sample in samples)

    def step(self, name: str) -> float:
        """Median seconds in one step."""
        return median(sample.steps.get(name, 0.0) for sample in self.samples)

    @property
    def against_scratch(self) -> float | None:
        """CPU time as a share of what everything from scratch takes."""
        return self.typical(self.samples, "cpu") / self.scratch if self.scratch and self.samples else None

    @property
    def against_small(self) -> float | None:
        """How many times as much CPU as with a tenth of the endpoints; 1 is independent of their number."""
        if not self.small or not self.samples:
            return None
        return self.typical(self.samples, "cpu") / self.typical(self.small, "cpu")

    def as_json(self) -> dict[str, Any]:
        """Milliseconds, as the table has them, and every sample's wall time."""
        found: dict[str, Any] = {"name": self.name, "problem": self.problem, "repeats": len(self.samples)}
        if self.samples:
            found |= {
                "wall_ms": {
                    name: 1e3 * self.wall(share) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
                },
                "cpu_ms": 1e3 * self.typical(self.samples, "cpu"),
                "steps_ms": {name: 1e3 * self.step(name) for name in STEPS},
                **{name: self.typical(self.samples, name) for name in ("transactions", "messages", "bytes")},
                "against_scratch": self.against_scratch,
                "against_a_tenth_of_the_endpoints": self.against_small,
                "all_wall_ms": [1e3 * sample.wall for sample in self.samples],
            }
        return found


@dataclass(slots=True)
class Outcome:
    """All that a run found."""

    rows: list[Row] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    disagreements: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Something could not be measured, or what was measured is wrong."""
        return bool(self.disagreements) or any(row.problem for row in self.rows)


def quantile(values: Iterable[float], share: float) -> float:
    """The value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
