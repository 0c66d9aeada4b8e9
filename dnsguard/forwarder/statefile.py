"""The file of learned data: loaded after the start, saved now and then and at stop, while answers go out."""

import asyncio
import logging
import time
from itertools import islice
from pathlib import Path

from dnsguard.files import replace_file
from dnsguard.leases import LeaseBook
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


class LearnedFile:
    """One file, and the book that is kept in it. Belongs to one event loop."""

    def __init__(self, book: LeaseBook, path: Path, boot: str | None = None) -> None:
        """``boot``: by default ``this_boot``."""
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
        epoch, taken = book.epoch, 0
        for at in range(0, len(found), _STEP):
            if book.epoch != epoch:
                return 0
            taken += sum(take(book, entry, self._loop.time()) for entry in found[at : at + _STEP])
            await asyncio.sleep(0)
        return taken

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
