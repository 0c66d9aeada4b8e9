"""A plugin of pytest: at its end it says in one line what passed and what was left out."""

import json
from collections.abc import Iterable

import pytest

MARK = "OUTCOMES "
_passed: list[str] = []
_left_out: dict[str, str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _left_out[report.nodeid] = reason.removeprefix("Skipped: ")
    elif report.when == "call" and report.passed:
        _passed.append(report.nodeid)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    said = json.dumps({"passed": _passed, "left_out": _left_out})
    terminalreporter.write_line(f"{MARK}{said}")


def outcomes(lines: Iterable[str]) -> tuple[frozenset[str], dict[str, str]]:
    """What passed, and what was left out with its reason, from what pytest printed. Raises StopIteration where it did
    not come to its end."""
    said = json.loads(next(line for line in lines if line.startswith(MARK)).removeprefix(MARK))
    return frozenset(said["passed"]), said["left_out"]
