"""What a process and all that descend from it use, from ``/proc``."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_UTIME, _CSTIME = 11, 15
"""Places in ``/proc/PID/stat`` behind the name of the program: utime, stime, cutime, cstime (proc(5))."""


def tree(pid: int) -> Iterator[int]:
    """The process and its descendants that live."""
    yield pid
    for tasks in _lines(Path(f"/proc/{pid}/task").glob("*/children")):
        for child in tasks.split():
            yield from tree(int(child))


def cpu_seconds(pids: Iterable[int]) -> float:
    """Seconds of a processor so far, in user and kernel mode, with children that have ended and were waited for."""
    stats = _lines(Path(f"/proc/{each}/stat") for pid in pids for each in tree(pid))
    return sum(_ticks(stat) for stat in stats) / _TICKS


def resident_megabytes(pids: Iterable[int]) -> float:
    """Memory of all of them; what processes share counts for each."""
    found = 0
    for status in _lines(Path(f"/proc/{each}/status") for pid in pids for each in tree(pid)):
        found += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return found / 1024


def _ticks(stat: str) -> int:
    fields = stat.rpartition(")")[2].split()
    return sum(map(int, fields[_UTIME : _CSTIME + 1]))


def _lines(files: Iterable[Path]) -> Iterator[str]:
    for file in files:
        try:
            text = file.read_text()
        except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
            continue
        yield text
