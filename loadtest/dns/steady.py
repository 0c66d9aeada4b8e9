"""Look-ups that go on beside something else, for as long as that takes."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from loadtest.dns import openloop
from loadtest.dns.dnsperf import LoadError
from loadtest.dns.openloop import Found, Plan
from tests.support.netns import Namespace


@contextmanager
def going_on(place: Namespace, plan: Plan) -> Iterator[subprocess.Popen[str]]:
    """The questions have begun when the context does; see `ended`."""
    with place.entered():
        running = subprocess.Popen(
            openloop.command(replace(plan, announced=True)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        assert running.stderr is not None
        running.stderr.readline()
        yield running
    finally:
        running.kill()
        running.communicate()


def ended(running: subprocess.Popen[str]) -> Found:
    """No more questions are asked; what came of those that were, once they are answered or given up.
    Raises LoadError."""
    running.terminate()
    said, problem = running.communicate()
    if running.returncode:
        raise LoadError(f"the load generator: {problem.strip()}")
    return openloop.found_in(said)


def between(found: Found, rate: float, began: int, ended: int) -> list[int]:
    """Of the questions that were due in this time: see `Found.answered`. Both are on the clock of `time.time_ns`."""
    first, last = (max(int((each - found.first) * rate / 1e9), 0) for each in (began, ended))
    return found.answered[first:last]
