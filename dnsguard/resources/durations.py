"""Durations as fields of a resource, in the form of Go: `3s`, `1m30s`, `250ms`."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from dnsguard.resources.model import AS_TEXT
from dnsguard.resources.problems import kind_of_value, refused
from dnsguard.resources.reading import reads, string

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(h|ms|m|s|us|µs|μs|ns)", re.ASCII)
_MOST = 2**63 / 1e9
"""What fits into Go's 64 bits of nanoseconds, in seconds: about 292 years."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time, and how the user wrote it."""

    text: str
    seconds: float

    def __str__(self) -> str:
        return self.text


def read_duration(value: Any) -> Duration:
    """One or more numbers, each with a unit, none of them negative; `0` alone may go without a unit."""
    if not isinstance(value, str):
        hint = f': write "{value}s"' if isinstance(value, int | float) and not isinstance(value, bool) else ""
        raise refused("type", f"must be a duration in quotes, as 3s or 1m30s, not {kind_of_value(value)}{hint}")
    parts = _PART.findall(value)
    if value != "0" and (not parts or "".join(number + unit for number, unit in parts) != value):
        raise refused("type", f"{value[:60]!r} is no duration: write numbers with h, m, s or ms, as 3s or 1m30s")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds >= _MOST:
        raise refused("type", f"{value[:60]!r} is too long: at most 292 years")
    return Duration(value, seconds)


DURATION = string(rf"0|(?:{_PART.pattern})+")
DurationField = Annotated[Duration, reads(read_duration, DURATION), AS_TEXT]
