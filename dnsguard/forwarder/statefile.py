"""The file of learned data: loaded after the start, saved now and then and at stop, while answers go out."""

import asyncio
import logging
import time
from itertools import islice
from pathlib import Path
from typing import Protocol

from dnsguard.files import replace_file
from dnsguard.leases import NODE, LeaseBook
from dnsguard.leases.lapsed import any_ended, lapsed
from dnsguard.leases.statefile import (
    Clocks,
    Entry,
    UnusableStateFile,
    entries,
    header,
    header_in,
    scope_lines,
    take,
)

log = logging.getLogger(__name__)

_STEP = 100
"""Lines made or read between two looks at the event loop: about a millisecond."""


_BOOT, _CLOCK = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/time")


def this_boot() -> str:
    """What the loop's clock counts from: this start of the machine, in a container with a clock of its own that one.
    Empty where nobody says."""
    try:
        return f"{_BOOT.read_text().strip()} {_CLOCK.readlink() if _CLOCK.is_symlink() else ''}"
    except OSError:
        return ""


class Talking(Protocol):
    """See FlowKeeper, which is one."""

    @property
    def longer(self) -> float: ...

    async def talks(self, clients: frozenset[bytes]) -> dict[bytes, frozenset[bytes]]: ...


class LearnedFile:
    """One file, and the book that is kept in it. Belongs to one event loop."""

    def __init__(self, book: LeaseBook, path: Path, boot: str | None = None, flows: Talking | None = None) -> None:
        """``boot``: by default ``this_boot``. ``flows``: who looks for leases that ended under connections; without
        that they stay ended."""
        self._flows = flows
        self._boot = this_boot() if boot is None else boot
        self._book = book
        self.path = path
        self._loop = asyncio.get_running_loop()
        self._loaded = False

    def open(self) -> None:
        """See of what epoch it is, before policy is asked whether that is still the one."""
        try:
            with self.path.open("rb") as file:
                self._book.epoch = header_in(file.readline()).epoch
        except (OSError, UnusableStateFile):
            pass  # said when it is loaded

    async def load(self) -> None:
        """Take over what the file says, in small steps; one that cannot be used is left alone, and the log says so.

        What the book learns meanwhile stays. What was learned in another epoch than the book's is not taken.
        """
        try:
            taken = await self._taken()
        except FileNotFoundError:
            pass
        except (OSError, UnusableStateFile) as error:
            log.warning("%s is ignored, learning starts from nothing: %s", self.path, error)
        else:
            log.info("%s: %d records learned before are still valid", self.path, taken)
        self._loaded = True

    async def _taken(self) -> int:
        book = self._book
        found: list[Entry] = []
        with self.path.open("rb") as file:
            head = header_in(file.readline())
            if head.epoch != book.epoch:
                return 0
            clocks = self._clocks()
            saved = entries(file, head.later(clocks), clocks.now + book.terms.longest)
            while step := list(islice(saved, _STEP)):
                found += step
                await asyncio.sleep(0)
        ended = await self._ended(found, head.saved.now + head.later(clocks))
        epoch, taken = book.epoch, 0
        for at in range(0, len(found), _STEP):
            if book.epoch != epoch:
                return 0
            taken += sum(take(book, entry, self._loop.time()) for entry in found[at : at + _STEP])
            await asyncio.sleep(0)
        return taken + sum(take(book, entry, self._loop.time()) for entry in ended)

    async def _ended(self, saved: list[Entry], then: float) -> list[Entry]:
        """What ended under live connections since it was saved, with more time."""
        flows, book, now = self._flows, self._book, self._loop.time()
        if flows is None or not any_ended(saved, now):
            return []
        strangers = {scope for scope, *_ in saved if isinstance(scope, bytes) and scope != NODE}
        talks = await flows.talks(frozenset(strangers.union(book.roster.owners)))
        until = self._loop.time() + flows.longer
        return [
            (each.scope, each.name, {each.address: until}, {}) for each in lapsed(saved, talks, book.roster, then, now)
        ]

    async def save(self) -> None:
        """Write the file whole, mode 0600, the old one standing until then. Raises OSError.

        Before it was loaded it stays as it is: there is more in it than in the book.
        """
        if not self._loaded:
            return
        pieces = [header(self._book.epoch, self._clocks())]
        for scope in self._book.library.scopes():
            lines = scope_lines(self._book, scope, self._loop.time())
            while piece := b"".join(islice(lines, _STEP)):
                pieces.append(piece)
                await asyncio.sleep(0)
        await asyncio.to_thread(replace_file, self.path, pieces)

    def _clocks(self) -> Clocks:
        return Clocks(self._boot, self._loop.time(), time.time())
