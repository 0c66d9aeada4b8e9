"""`dnsguard restore`: a backup in place of the store, as a new history."""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dnsguard.cli.archive import BadBackup, read_archive
from dnsguard.cli.errors import CommandError
from dnsguard.cli.statefiles import SECRETS, add_state_flag, state_dir
from dnsguard.files import make_directory
from dnsguard.locations import AUDIT_FILE, STORE_FILE

SQLITE = b"SQLite format 3\0"


def main(argv: Sequence[str]) -> int:
    """Put a backup in place; refused while a controller runs."""
    parser = argparse.ArgumentParser(
        prog="dnsguard restore",
        description="Put a backup in place of what is stored. What it replaces is kept beside it. Clients that watched"
        " before are told to list again: the revision goes up by a thousand million and the history before it counts as"
        " compacted, so that nobody takes the old history for the new one.",
        epilog="FILE may be a store.db too, also the one in place: that accepts what it lacks of acknowledged changes."
        " Stop dnsguard first. Where it is refused, nothing has changed.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="a backup, or a store.db")
    parser.add_argument("--with-secrets", action="store_true", help="the backup's token and keys, too")
    add_state_flag(parser)
    arguments = parser.parse_args(argv)
    state = state_dir(arguments)
    make_directory(state)
    try:
        said = _restore(arguments.file, state, with_secrets=arguments.with_secrets)
    except OSError as error:
        raise CommandError(f"{error.filename or arguments.file}: {error.strerror}; nothing was restored") from error
    print(said)
    return 0


def _restore(source: Path, state: Path, *, with_secrets: bool) -> str:
    """What is to be said. Raises StoreUnusable, BadBackup, OSError."""
    from dnsguard.controller.auditing.file import AuditFile
    from dnsguard.controller.auditing.log import FULL, KEPT, ROOM, own_event
    from dnsguard.store.filelock import FileLock
    from dnsguard.store.interface import StoreUnusable
    from dnsguard.store.snapshot import begin_new_history, contents, revision_of

    place = state / STORE_FILE
    lock = FileLock(place.with_name(f"{STORE_FILE}.lock"))
    try:
        with tempfile.TemporaryDirectory(prefix=".restoring-", dir=state) as made:
            folder = Path(made)
            origin = _unpacked(source, folder)
            try:
                found = contents(folder / STORE_FILE)
            except StoreUnusable as error:
                said = str(error).replace(str(folder / STORE_FILE), str(source))
                raise BadBackup(f"{said}; nothing was restored") from error
            audit = AuditFile(state / AUDIT_FILE, FULL, KEPT)
            try:
                audit.keep(ROOM)  # nothing is done that no record can tell of
                known = max(audit.revision, revision_of(place) if place.exists() else 0)
                revision = begin_new_history(folder / STORE_FILE, known)
                stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
                kept = _set_aside(state, stamp)
                (folder / STORE_FILE).replace(place)
                taken = [name for name in SECRETS if with_secrets and (folder / name).exists()]
                for name in taken:
                    if (state / name).exists():
                        (state / name).replace(state / f"{name}.replaced-{stamp}")
                    (folder / name).replace(state / name)
                _sync(state)
                said = (
                    f"{place}: {found.objects} objects of {origin}, restored as revision {revision}"
                    + (f"; what it replaced is {kept}" if kept else "")
                    + (f"; {', '.join(taken)} restored, too" if taken else "")
                )
                event = own_event(f"restored: {said}", time.time())
                user = {"username": f"system:local:{os.getuid()}", "groups": ["system:masters"]}
                audit.write([({**event, "verb": "restore", "user": user}, revision)])
            finally:
                audit.close()
    finally:
        lock.release()
    return said


def _unpacked(source: Path, folder: Path) -> str:
    """The files in a folder; what they are, for people."""
    with source.open("rb") as opened:
        if opened.read(len(SQLITE)) == SQLITE:
            for end in ("", "-wal"):  # with what is not folded into it yet
                if (part := source.with_name(source.name + end)).exists():
                    shutil.copyfile(part, folder / (STORE_FILE + end))
            return str(source)
        opened.seek(0)
        try:
            index = read_archive(opened, folder)
        except BadBackup as error:
            raise BadBackup(f"{source} {error}; nothing was restored") from error
    if STORE_FILE not in index.files:
        raise BadBackup(f"{source} holds no {STORE_FILE}; nothing was restored")
    return f"the backup of {index.node}, made {index.made} at revision {index.revision}"


def _set_aside(state: Path, stamp: str) -> str:
    """Where what is there now is kept; empty where nothing is."""
    kept = state / f"{STORE_FILE}.replaced-{stamp}"
    place = state / STORE_FILE
    if place.exists() and not any((state / (STORE_FILE + end)).exists() for end in ("-wal", "-journal")):
        with suppress(OSError):  # a file system without links
            os.link(place, kept)  # killed at any moment, there is the old store or the new one
            return str(kept)
    for end in ("", "-wal", "-shm"):
        if (part := state / (STORE_FILE + end)).exists():
            part.replace(kept.with_name(kept.name + end))
    return str(kept) if kept.exists() else ""


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
