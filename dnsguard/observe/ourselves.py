"""What this process is, and what it takes of the machine: under the names that Prometheus' own libraries give it."""

import os
import platform
import resource
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from dnsguard.observe.exposition import Metric, number

_PROC: Final = Path("/proc")
_START, _USER, _SYSTEM, _VIRTUAL, _RESIDENT = 19, 11, 12, 20, 21
"""Fields of ``/proc/self/stat`` behind the command's name (``proc_pid_stat(5)``, numbers less three)."""


def build_info(version: str) -> Metric:
    """What runs here, and on what."""
    labels = (("version", version), ("python", platform.python_version()), ("kernel", platform.release()))
    return Metric("dnsguard_build_info", "gauge", "Always 1.", {labels: 1})


def own_process() -> Iterator[Metric]:
    """Nothing where there is no ``/proc``."""
    try:
        stat = (_PROC / "self/stat").read_text().rpartition(")")[2].split()
        descriptors = sum(1 for _ in (_PROC / "self/fd").iterdir()) - 1  # one is that of the listing
        booted = _booted()
    except OSError:
        return
    ticks = os.sysconf("SC_CLK_TCK")
    yield number("process_start_time_seconds", "gauge", "When the process started, in seconds since 1970.",
                 booted + int(stat[_START]) / ticks)  # fmt: skip
    yield number("process_cpu_seconds_total", "counter", "Processor time, the kernel's on its behalf included.",
                 (int(stat[_USER]) + int(stat[_SYSTEM])) / ticks)  # fmt: skip
    yield number("process_resident_memory_bytes", "gauge", "Memory that it holds.",
                 int(stat[_RESIDENT]) * resource.getpagesize())  # fmt: skip
    yield number("process_virtual_memory_bytes", "gauge", "Addresses that it has mapped.", int(stat[_VIRTUAL]))
    yield number("process_open_fds", "gauge", "Open file descriptors.", descriptors)
    yield number("process_max_fds", "gauge", "How many it may open.", resource.getrlimit(resource.RLIMIT_NOFILE)[0])


@cache
def _booted() -> float:
    """When the machine started, in seconds since 1970. Read once: of many processors that takes milliseconds."""
    lines = (_PROC / "stat").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("btime "))
