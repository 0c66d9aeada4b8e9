"""One process at a time has a store open."""

import fcntl
import os
from pathlib import Path

from dnsguard.store.interface import StoreUnusable


class FileLock:
    """Held while a process has the store open. On a file of its own: closing any descriptor of the database would drop
    SQLite's own locks on it."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnusable(f"{path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 20).decode("ascii", "replace")
            os.close(self._descriptor)
            raise StoreUnusable(
                f"{path.with_suffix('')} is in use by process {holder or '?'}: stop it first"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, str(os.getpid()).encode())

    def release(self) -> None:
        """May be repeated."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
