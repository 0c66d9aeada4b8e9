"""Programs that people start and that need the lab: they move into namespaces of their own before anything else."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from types import FrameType

from tests.support.lab import isolate
from tests.support.lab.guard import GuardError

INSIDE = "--inside"
CANNOT_ISOLATE = 3
FAILED = 2


def enclosed(module: str, inside: Callable[[], int]) -> int:
    """Run ``inside`` in namespaces of its own and return its exit status. ``module`` is what was started.

    Interrupted, terminated or killed, it ends everything inside and leaves nothing behind.
    """
    if INSIDE not in sys.argv:
        return _outside(module)
    if os.getpid() != 1:
        print(f"{INSIDE} is for the program's own use", flush=True)
        return FAILED
    isolate.prepare()
    try:
        return inside()
    except GuardError as problem:
        print(f"dnsguard failed: {problem}", flush=True)
        return FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _outside(module: str) -> int:
    try:
        isolate.check()
    except isolate.IsolationError as problem:
        print(problem, flush=True)
        return CANNOT_ISOLATE
    command = isolate.isolating([sys.executable, "-m", module, *sys.argv[1:], INSIDE])
    child = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command])

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end)
    try:
        return child.wait()
    finally:
        child.kill()
        child.wait()
