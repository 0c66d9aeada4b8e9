"""Sockets that outlive the process which serves them, handed down by whoever starts it: ``sd_listen_fds(3)``.

The starter holds them open, so what arrives while nobody serves waits in the kernel for the next process. They come as
descriptors from 3 on, with ``LISTEN_FDS`` (how many), ``LISTEN_PID`` (for whom) and ``LISTEN_FDNAMES`` (their names,
joined by colons).
"""

import fcntl
import os
import socket
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from dnsguard.errors import DnsguardError

FIRST: Final = 3
"""Number of the first descriptor: the protocol says so."""

_PID, _COUNT, _NAMES = "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"


class BadHandover(DnsguardError):
    """What was handed down is not what is needed. The text says which descriptor, and what is expected."""


@dataclass(frozen=True, slots=True)
class Handed:
    """One socket and what its giver calls it."""

    name: str
    """Without a colon."""

    socket: socket.socket


def handed_down(environ: MutableMapping[str, str] = os.environ) -> list[Handed]:
    """What was handed to this very process, none to its children; nothing where it was started in another way.

    The variables are removed, and the descriptors closed at exec, so that no child takes them for its own. For once.
    Raises BadHandover.
    """
    pid, count, names = environ.pop(_PID, ""), environ.pop(_COUNT, ""), environ.pop(_NAMES, None)
    if not count or pid != str(os.getpid()):
        return []
    if not count.isascii() or not count.isdigit():
        raise BadHandover(f"{_COUNT}: {count!r} is no number of sockets")
    # The kernel has no more descriptors for one process than an int can count; a longer number is nonsense, too.
    descriptors = range(FIRST, FIRST + min(int(count), 1 << 20))
    called = [""] * len(descriptors) if names is None else names.split(":")
    if len(called) != len(descriptors):
        raise BadHandover(f"{_NAMES}: {len(called)} names for {count} sockets")
    return [_taken(descriptor, name) for descriptor, name in zip(descriptors, called, strict=True)]


def _taken(descriptor: int, name: str) -> Handed:
    try:
        os.set_inheritable(descriptor, False)
        return Handed(name, socket.socket(fileno=descriptor))
    except OSError as error:
        raise BadHandover(f"descriptor {descriptor} ({name or 'no name'}) is no socket: {error.strerror}") from None


@contextmanager
def descriptors_kept_free(count: int) -> Iterator[range]:
    """Descriptors 3 and up, ``count`` of them, all in use meanwhile: what is opened now lies above.

    For around a fork whose child calls ``become_handed``: what ``subprocess`` opens for itself is not overwritten then.
    """
    places = range(FIRST, FIRST + count)
    fillers: list[int] = []
    try:
        while not fillers or fillers[-1] < places.stop:
            fillers.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        yield places
    finally:
        for each in fillers:
            os.close(each)


def become_handed(sockets: Sequence[Handed]) -> None:
    """Between fork and exec: put the sockets where the new program looks for them, and tell it so."""
    above = FIRST + len(sockets)
    moved = [fcntl.fcntl(each.socket.fileno(), fcntl.F_DUPFD_CLOEXEC, above) for each in sockets]
    for place, descriptor in enumerate(moved, FIRST):
        os.dup2(descriptor, place)
    os.environ.update({
        _PID: str(os.getpid()), _COUNT: str(len(sockets)), _NAMES: ":".join(each.name for each in sockets),
    })  # fmt: skip
