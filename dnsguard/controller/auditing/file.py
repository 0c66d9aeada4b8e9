"""The file of the audit log: whole lines in a chain, room kept for those to come, a bounded share of the disk."""

import ctypes
import errno
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final

from dnsguard.controller.auditing.chain import LONGEST, START, End, chained, end_of, files_of, line_hash
from dnsguard.controller.files import UnusableStateError

_KEEP_SIZE: Final = 1
"""FALLOC_FL_KEEP_SIZE: blocks beyond the end of the file, whose size stays."""

_UNSUPPORTED: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})

AHEAD: Final = 256 * 1024
"""Bytes of room that are taken at a time."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


class AuditFile:
    """Appends to a file that only its owner may read. When it is full it becomes ``NAME.1``, what was that becomes
    ``NAME.2``, and so on; what was the last is gone. One thread writes; any may call `keep`."""

    def __init__(self, path: Path, full: int, kept: int) -> None:
        """``full``: bytes from which on the next line begins a new file; ``kept``: how many full ones stay.

        Raises UnusableStateError.
        """
        self._path = path
        self._full = full
        self._kept = kept
        self._lock = Lock()
        self._room = 0
        """Offset up to which the file has blocks."""

        self.torn = b""
        """The part of a line at the end of the file that whoever wrote it could not finish. It was put apart, into
        ``NAME.torn``."""

        try:
            self._fd = _opened(path)
            self._size = os.fstat(self._fd).st_size
            self._end = self._take_over()
        except OSError as error:
            raise UnusableStateError(f"{path} cannot be written: {error.strerror}") from error
        self.keep(0)

    @property
    def revision(self) -> int:
        """The newest that was acknowledged, as far as this file knows."""
        return self._end.revision

    def write(self, records: Sequence[tuple[Mapping[str, Any], int]]) -> list[str]:
        """Put events, each with the revision that it took (0: none), on the disk; their lines. Raises OSError: none of
        them is in the file then, or, where only the disk did not confirm them, all."""
        lines: list[bytes] = []
        end = self._end
        for event, revision in records:
            newest = max(end.revision, revision)
            lines.append(chained(event, newest, end.previous))
            end = End(line_hash(lines[-1]), newest)
        text = b"\n".join(lines) + b"\n"
        self._append(text)
        self._end = end
        os.fdatasync(self._fd)
        if self._size >= self._full:
            self._rotate()
        self.keep(0)
        return [line.decode("ascii") for line in lines]

    def keep(self, needed: int) -> None:
        """Have room for so many bytes beyond what is written. Raises OSError where the disk has none, and where 0 are
        needed not even then."""
        with self._lock:
            left = max(0, self._room - self._size)
            if left < max(needed, AHEAD // 2):
                room = self._size + needed + AHEAD
                try:
                    _allocate(self._fd, self._size, room - self._size)
                except OSError:
                    if left < needed:
                        raise
                else:
                    self._room = room

    def close(self) -> None:
        """Give back the room that was kept."""
        with suppress(OSError):
            os.ftruncate(self._fd, self._size)
        os.close(self._fd)

    def _append(self, text: bytes) -> None:
        done = 0
        try:
            while done < len(text):
                done += os.write(self._fd, text[done:])
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)
            self._room = 0
            raise
        self._size += done

    def _take_over(self) -> End:
        """Where the chain of an earlier process goes on."""
        start = max(0, self._size - 2 * LONGEST)
        tail = os.pread(self._fd, 2 * LONGEST, start)
        whole, _, self.torn = tail.rpartition(b"\n")
        if self.torn:
            _put_apart(self._path.with_name(f"{self._path.name}.torn"), self.torn)
            self._size -= len(self.torn)
            os.ftruncate(self._fd, self._size)
        if whole:
            return end_of(whole.split(b"\n")) or End(line_hash(whole.rpartition(b"\n")[2]))
        for full in reversed(files_of(self._path)[:-1]):
            with full.open("rb") as file:
                return end_of(line.removesuffix(b"\n") for line in file) or End()
        return End(START)

    def _rotate(self) -> None:
        """Where it fails the file goes on growing, and the next line tries again."""
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            new.unlink(missing_ok=True)
            fd = _opened(new)
        except OSError:
            return
        try:
            self._numbered(self._kept).unlink(missing_ok=True)  # first, so that a full disk has room for the next
            _allocate(fd, 0, AHEAD)
            os.ftruncate(self._fd, self._size)
            for number in range(self._kept - 1, -1, -1):
                with suppress(FileNotFoundError):
                    self._numbered(number).replace(self._numbered(number + 1))
            new.replace(self._path)
        except OSError:
            os.close(fd)
            new.unlink(missing_ok=True)
            return
        with self._lock:
            full, self._fd = self._fd, fd
            self._size, self._room = 0, AHEAD
        os.close(full)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path


def _opened(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.fchmod(fd, 0o600)
    return fd


def _put_apart(path: Path, torn: bytes) -> None:
    """In place of an earlier one: that was said in its time."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, torn)
    finally:
        os.close(fd)


def _allocate(fd: int, start: int, length: int) -> None:
    """Take blocks. Where the file system cannot, see that it has as many free. Raises OSError."""
    if _libc.fallocate(fd, _KEEP_SIZE, start, length) == 0:
        return
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        free = os.fstatvfs(fd)
        if free.f_bavail * free.f_frsize >= length:
            return
        number = errno.ENOSPC
    raise OSError(number, os.strerror(number))
