"""The file of learned data: saved now and then in small steps, and at stop; loaded at start."""

import asyncio
import logging
import time
from itertools import islice
from pathlib import Path

from dnsguard.files import replace_file
from dnsguard.leases import LeaseBook
from dnsguard.leases.statefile import UnusableStateFile, header, load, scope_lines

log = logging.getLogger(__name__)

_STEP = 100
"""Lines made between two looks at the event loop: about a millisecond."""


async def save(book: LeaseBook, path: Path) -> None:
    """Write the file whole, mode 0600, the old one standing until then. Raises OSError."""
    loop = asyncio.get_running_loop()
    wall = time.time()
    pieces = [header(book.epoch, wall)]
    for scope in book.library.scopes():
        lines = scope_lines(book, scope, loop.time(), time.time())
        while piece := b"".join(islice(lines, _STEP)):
            pieces.append(piece)
            await asyncio.sleep(0)
    await asyncio.to_thread(replace_file, path, pieces)


def load_into(book: LeaseBook, path: Path, now: float) -> None:
    """Take over what the file says; one that cannot be used is left alone, and the log says so."""
    try:
        with path.open("rb") as file:
            taken = load(book, file, now, time.time())
    except FileNotFoundError:
        return
    except (OSError, UnusableStateFile) as error:
        log.warning("%s is ignored, learning starts from nothing: %s", path, error)
        return
    log.info("%s: %d records learned before are still valid", path, taken)
