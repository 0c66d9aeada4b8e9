"""`dnsguard backup`: the store in one file, while everything runs."""

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from dnsguard.cli.archive import Index, entry_of, read_archive, write_archive
from dnsguard.cli.errors import CommandError, UsageError
from dnsguard.cli.statefiles import SECRETS, add_state_flag, state_dir
from dnsguard.locations import STORE_FILE

LARGE = 64 * 1024 * 1024
"""Bytes from which on it is said how far it is."""


def main(argv: Sequence[str]) -> int:
    """Write a backup and read it back."""
    parser = argparse.ArgumentParser(
        prog="dnsguard backup",
        description="Write everything that is stored into one file, as it is at one moment, while dnsguard runs; then"
        " read it back and compare. Logs are not in it, the audit log neither.",
    )
    parser.add_argument(
        "file", metavar="FILE", help="what is written, readable by its owner only; - for standard output"
    )
    parser.add_argument(
        "--with-secrets",
        action="store_true",
        help="with the admin token and the keys of certificates: whoever has the file may do everything",
    )
    add_state_flag(parser)
    arguments = parser.parse_args(argv)
    state = state_dir(arguments)
    target = None if arguments.file == "-" else Path(arguments.file).resolve()  # a link stays one
    if target is not None and target.exists() and not target.is_file():  # nothing takes the place of a device
        raise UsageError(f"{arguments.file}: is no file; - writes to standard output")
    try:
        index = _back_up(state, target, with_secrets=arguments.with_secrets)
    except OSError as error:
        raise CommandError(f"{error.filename or arguments.file}: {error.strerror}; no backup was made") from error
    secrets = f", and {', '.join(name for name in index.files if name != STORE_FILE)}" if len(index.files) > 1 else ""
    print(
        f"{arguments.file}: {index.objects} objects at revision {index.revision}{secrets}; read back and compared",
        file=sys.stderr if target is None else sys.stdout,
    )
    return 0


def _back_up(state: Path, target: Path | None, *, with_secrets: bool) -> Index:
    """Raises OSError, StoreUnusable; no file of that name is changed then."""
    from dnsguard.cli.version import (
        program_version,  # only here: these take longer than to read the words of the command
    )
    from dnsguard.store.snapshot import take_snapshot

    store = state / STORE_FILE
    where = state if target is None else target.parent
    with tempfile.TemporaryDirectory(prefix=".dnsguard-backup-", dir=where) as made:
        folder = Path(made)
        large = store.exists() and store.stat().st_size >= LARGE
        found = take_snapshot(store, folder / STORE_FILE, _said if large else lambda _done, _all: None)
        files = {STORE_FILE: folder / STORE_FILE}
        if with_secrets:
            files |= {name: state / name for name in SECRETS if (state / name).is_file()}
        made_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        entries = {name: entry_of(path) for name, path in files.items()}
        index = Index(program_version(), made_at, platform.node(), found.revision, found.objects, entries)
        new = folder / "backup"
        with os.fdopen(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b") as out:
            write_archive(out, index, files)
            out.flush()
            os.fsync(out.fileno())
            out.seek(0)
            if read_archive(out, None) != index:
                raise CommandError("what was written does not read back as it was; no backup was made")
            if target is None:
                out.seek(0)
                shutil.copyfileobj(out, sys.stdout.buffer)
                sys.stdout.buffer.flush()
            else:
                new.replace(target)
    return index


def _said(done: int, pages: int) -> None:
    share = 100 * done // max(pages, 1)
    end = "\r" if sys.stderr.isatty() and done < pages else "\n"
    print(f"copied {share} %", end=end, file=sys.stderr, flush=True)
