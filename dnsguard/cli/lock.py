"""One supervisor at a time for a run directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from dnsguard.cli.errors import CommandError
from dnsguard.settings import Settings


class AlreadyRunningError(CommandError):
    """Another `dnsguard run` uses the same run directory."""


@contextmanager
def hold_run_dir(settings: Settings) -> Iterator[None]:
    """Hold the run directory for this process; the kernel lets go of it however the process ends.

    Both directories are made where they are missing, readable by their owner only. Raises CommandError.
    """
    try:
        for directory in (settings.state_dir, settings.run_dir):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(settings.run_dir / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CommandError(f"{error.filename or settings.run_dir} cannot be used: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            raise AlreadyRunningError(
                f"dnsguard runs already (pid {holder}, run_dir {settings.run_dir}): stop it first"
            ) from None
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)
