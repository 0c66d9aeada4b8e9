"""The figures as a table for people, with the conditions they were measured under on top."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dnsguard.calc.compiled import Compiled
from dnsguard.dataplane.rules import Plan
from loadtest.probes import STEPS
from loadtest.samples import Outcome, Row

_WIDTH = 44


def machine() -> dict[str, str]:
    """What the figures depend on besides the program."""
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def shape(compiled: Compiled, plan: Plan) -> dict[str, int]:
    """How large the installation is where it counts."""
    classes = {id(each) for endpoint in compiled.endpoints.values() for each in endpoint.classes.values()}
    return {
        "endpoints": len(compiled.endpoints),
        "policies": len(compiled.policies),
        "classes": len(classes),
        "chains": len(plan.chains),
        "rules": sum(len(chain.rules) for chain in plan.chains),
        "kernel sets": len(plan.sets),
        "member sets": len(compiled.member_sets),
        "port sets": len(compiled.port_sets),
        "lease sets": len(compiled.lease_sets),
    }


def listed(facts: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def lines(conditions: Mapping[str, str], outcome: Outcome) -> Iterator[str]:
    """The whole report."""
    yield listed(conditions)
    for name, note in outcome.notes.items():
        yield f"{name}: {note}"
    yield ""
    yield from table(outcome.rows)
    yield ""
    yield LEGEND
    if outcome.disagreements:
        yield "WRONG: what the changes led to is not what the objects ask for:"
        yield from (f"  {each}" for each in outcome.disagreements)
    else:
        yield "after all changes: compiled policy, plan, snapshot and kernel are what a start from nothing gives"


def as_json(conditions: Mapping[str, str], outcome: Outcome) -> dict[str, Any]:
    """The same for programs."""
    return {
        "conditions": dict(conditions),
        "notes": outcome.notes,
        "rows": [row.as_json() for row in outcome.rows],
        "disagreements": outcome.disagreements,
    }


def table(rows: Sequence[Row]) -> Iterator[str]:
    """One line a row; times in milliseconds."""
    titles = ("n", "p50", "p99", "max", "cpu", *STEPS, "txns", "msgs", "KB", "/scratch", "10x:1x")
    yield f"{'change':<{_WIDTH}}" + "".join(f"{title[:8]:>9}" for title in titles)
    for row in rows:
        if row.problem:
            yield f"{row.name:<{_WIDTH}} NOT MEASURED: {row.problem}"
            continue
        times = [row.wall(0.5), row.wall(0.99), row.wall(1.0), row.typical(row.samples, "cpu")]
        cells = [f"{len(row.samples)}", *(_ms(each) for each in (*times, *(row.step(step) for step in STEPS)))]
        cells += [f"{row.typical(row.samples, name):.0f}" for name in ("transactions", "messages")]
        cells.append(f"{row.typical(row.samples, 'bytes') / 1024:.1f}")
        cells += [_ratio(row.against_scratch), _ratio(row.against_small)]
        yield f"{row.name:<{_WIDTH}}" + "".join(f"{cell:>9}" for cell in cells)


LEGEND = (
    "ms. p50, p99, max: from the store's event to the kernel's acknowledgement, on the clock. cpu: of the process,\n"
    "the sweep included; the steps and the messages to the kernel likewise, medians. /scratch: cpu as a share of\n"
    "computing everything anew. 10x:1x: cpu against a tenth of the endpoints under the same policy, in turn."
)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.0f}" if seconds >= 1 else f"{seconds * 1e3:.2f}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if value < 1 else f"{value:.2f}"


def memory() -> tuple[float, float]:
    """Resident megabytes now, and at most since `forget_peak`."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    now, peak = (int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return now, peak


def forget_peak() -> None:
    """The highest use of memory is counted from now on."""
    Path("/proc/self/clear_refs").write_text("5")
