"""What is measured: a program that can forward DNS."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.socket import NetfilterSocket
from loadtest.dns.query import until_answered
from loadtest.dns.site import LISTEN, Site, ended, started
from loadtest.dns.task import Task

MANY = 64
"""Workers, where there may be any number."""


@dataclass(frozen=True, slots=True)
class Running:
    """A forwarder that answers."""

    pids: tuple[int, ...]
    """Their descendants belong to it, too."""

    leases: Callable[[], int]
    """Elements that it has written to the kernel by now."""

    server: str = LISTEN


@dataclass(frozen=True, slots=True)
class Contender:
    """One program, set up in one way."""

    name: str
    program: str
    """What must be on the PATH."""

    package: str
    """Of Debian, which brings it; empty where it is our own."""

    start: Callable[[Site, Task], AbstractContextManager[Running]]
    leases: bool = False
    """Whether it writes what it answers to kernel sets."""

    most_workers: int = 1


@contextmanager
def serving(
    place: Site, log: Path, commands: list[list[str]], leases: Callable[[], int] = lambda: 0
) -> Iterator[Running]:
    """These processes, once the forwarder that they are together answers."""
    with ExitStack() as stack:
        processes: list[subprocess.Popen[bytes]] = []
        for command in commands:
            processes.append(started(place.node, command, log))
            stack.callback(ended, processes[-1])
        for process in processes:
            until_answered(place, LISTEN, process, log)
        yield Running(tuple(process.pid for process in processes), leases)


def count_elements(kernel: NetfilterSocket, table: str, kernel_set: str) -> int:
    """How many elements a set has."""
    request = nftables.list_request(nftables.GET_ELEMENT, table, kernel_set)
    return kernel.dump(request, lambda bodies: sum(1 for _ in dumps.elements(bodies)))
