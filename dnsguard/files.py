"""Files of our own: readable by their owner only, and replaced as a whole."""

import os
from collections.abc import Iterable
from pathlib import Path

from dnsguard.errors import DnsguardError


class UnusableDirectory(DnsguardError):
    """A directory that we keep files in cannot be made."""


def make_directory(path: Path) -> None:
    """The directory with those above it, 0700 where it is made here. Raises UnusableDirectory."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableDirectory(f"the directory {path} cannot be made: {error.strerror}") from error


def replace_file(path: Path, pieces: Iterable[bytes]) -> None:
    """Write the pieces in place of what the file holds, mode 0600. They are on the disk when this returns.

    A reader sees the old file or the new one. Blocks. Raises OSError, the old file being as it was then.
    """
    new = path.with_name(path.name + ".new")
    try:
        new.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
