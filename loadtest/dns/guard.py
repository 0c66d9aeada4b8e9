"""dnsguard's forwarder as a contender: with policy over the link and its sets in the kernel."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

from dnsguard.netlink.socket import NetfilterSocket
from loadtest.dns.contender import MANY, Contender, Running, count_elements, serving
from loadtest.dns.policy import Controller, make_sets, said
from loadtest.dns.site import LISTEN, UPSTREAM, Site
from loadtest.dns.task import Task

NAME = "dnsguard"
COMPILED = Path(__file__).resolve().parents[2] / "build" / "compiled"
"""Where `make compiled` leaves its work."""


@contextmanager
def _running(place: Site, task: Task, *, compiled: bool = False) -> Iterator[Running]:
    run = task.directory / "run"
    run.mkdir(mode=0o700)
    policy = said(task)
    with ExitStack() as stack:
        with place.node.entered():
            kernel = stack.enter_context(closing(NetfilterSocket()))
        make_sets(kernel, policy)
        controller = Controller(run / "link.sock", policy)
        controller.start()
        stack.callback(controller.close)
        log = task.directory / "log"
        asked = policy.feeds[-1].kernel_set_v4
        command = _command(task, compiled=compiled)
        running = stack.enter_context(
            serving(place, log, [command], lambda: count_elements(kernel, policy.snapshot.table, asked))
        )
        controller.enforced()
        if task.churn:
            stack.enter_context(controller.changing())
        yield running


def _command(task: Task, *, compiled: bool) -> list[str]:
    settings = {
        "state-dir": task.directory / "state",
        "run-dir": task.directory / "run",
        "upstreams": UPSTREAM,
        "listen": LISTEN,
        "workload-cidrs": "10.9.0.0/24",
    }
    if task.workers > 1:
        settings["workers"] = str(task.workers)
    words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    profiled = ["-m", "cProfile", "-o", str(task.profile)] if task.profile else []
    elsewhere = ["env", f"PYTHONPATH={COMPILED}"] if compiled else []
    # -P: not what lies in the current directory.
    return [*elsewhere, sys.executable, "-P", *profiled, "-m", "dnsguard", "forwarder", *words]


_PYTHON = shutil.which(sys.executable) or sys.executable
CONTENDER = Contender(NAME, _PYTHON, "", _running, leases=True, most_workers=MANY)


def compiled() -> list[Contender]:
    """The same in machine code, where that has been made."""
    start = partial(_running, compiled=True)
    contender = Contender(f"{NAME} compiled", _PYTHON, "", start, leases=True, most_workers=MANY)
    return [contender] if COMPILED.exists() else []
