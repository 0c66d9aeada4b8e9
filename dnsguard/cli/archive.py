"""Backups: a tar file that says first what is in it."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final, Self

from dnsguard.cli.errors import CommandError
from dnsguard.cli.statefiles import SECRETS
from dnsguard.locations import STORE_FILE

FORMAT: Final = 1
KNOWN: Final = frozenset({STORE_FILE, *SECRETS})
"""All files that a backup may hold."""

INDEX: Final = "dnsguard-backup.json"
LARGEST_INDEX: Final = 1024 * 1024
PIECE: Final = 1024 * 1024


class BadBackup(CommandError):
    """The file is no backup of ours, or damaged, or of a later version."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a backup."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Index:
    """What a backup says of itself."""

    version: str
    """Of the dnsguard that made it."""

    made: str
    """RFC 3339, UTC."""

    node: str
    revision: int
    objects: int
    files: Mapping[str, Entry]
    """Name → what it must be."""

    def text(self) -> bytes:
        return json.dumps({"backup": FORMAT, **asdict(self)}, indent=1).encode()

    @classmethod
    def read(cls, text: bytes) -> Self:
        """Raises ValueError, KeyError, TypeError, BadBackup."""
        found: Any = json.loads(text)
        if found["backup"] > FORMAT:
            raise BadBackup(
                f"is a backup of format {found['backup']}, this version reads format {FORMAT}: use the dnsguard that"
                f" made it ({found.get('version')}) or a later one"
            )
        files = {name: Entry(int(each["bytes"]), str(each["sha256"])) for name, each in found["files"].items()}
        return cls(
            str(found["version"]), str(found["made"]), str(found["node"]), found["revision"], found["objects"], files
        )


def entry_of(path: Path) -> Entry:
    """Raises OSError."""
    with path.open("rb") as file:
        return Entry(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def write_archive(out: IO[bytes], index: Index, files: Mapping[str, Path]) -> None:
    """Raises OSError."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        text = index.text()
        archive.addfile(_member(INDEX, len(text)), io.BytesIO(text))
        for name, path in files.items():
            with path.open("rb") as file:
                archive.addfile(_member(name, index.files[name].bytes), file)


def read_archive(source: IO[bytes], into: Path | None) -> Index:
    """Check every file of a backup against what it says of itself; put them into a directory, 0600, where one is named.

    Raises BadBackup, OSError.
    """
    try:
        with tarfile.open(fileobj=source, mode="r|") as archive:
            members = iter(archive)
            first = next(members, None)
            if first is None or first.name != INDEX or not first.isreg() or first.size > LARGEST_INDEX:
                raise BadBackup("is no backup that dnsguard made")
            index = Index.read(_opened(archive, first).read())
            left = dict(index.files)
            if strange := left.keys() - KNOWN:  # SQLite would do what a journal beside the store says, also to others
                raise BadBackup(f"is damaged: {min(strange)!r} does not belong into it")
            for member in members:
                wanted = left.pop(member.name, None)
                if wanted is None or not member.isreg() or Path(member.name).name != member.name:
                    raise BadBackup(f"is damaged: {member.name!r} does not belong into it")
                if _taken(_opened(archive, member), None if into is None else into / member.name) != wanted:
                    raise BadBackup(f"is damaged: {member.name} is not as it was written")
            if left:
                raise BadBackup(f"is damaged: {', '.join(left)} is missing")
    except (tarfile.TarError, EOFError) as error:
        raise BadBackup(f"is no backup, or damaged: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadBackup("is damaged: what it says of itself cannot be read") from error
    return index


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    opened = archive.extractfile(member)
    if opened is None:
        raise BadBackup(f"is damaged: {member.name!r} is no file")
    return opened


def _taken(source: IO[bytes], target: Path | None) -> Entry:
    digest, size = hashlib.sha256(), 0
    out = None
    if target is not None:
        out = os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
    try:
        for piece in _pieces(source):
            digest.update(piece)
            size += len(piece)
            if out is not None:
                out.write(piece)
        if out is not None:
            out.flush()
            os.fsync(out.fileno())
    finally:
        if out is not None:
            out.close()
    return Entry(size, digest.hexdigest())


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    while piece := source.read(PIECE):
        yield piece
