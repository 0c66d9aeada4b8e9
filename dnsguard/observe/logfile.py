"""A file of whole lines that takes no more than its share of the disk, whoever else moves it or fills the disk."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

MODE: Final = 0o600
"""Who asked what is nobody else's business. A file that is there keeps its mode, and hands it on when it is full, but
never beyond what ``WIDEST`` has."""

WIDEST: Final = 0o640
_TAIL: Final = 64 * 1024
"""Bytes at the end in which a line that was cut off is looked for: no line is longer."""


class LogFile:
    """Appends lines. When full the file becomes ``NAME.1``, what was that becomes ``NAME.2``, and so on; the last is
    gone. Where others rename or remove it, as logrotate does, the next line begins a new one under the old name.

    For one writer. Every method blocks.
    """

    def __init__(self, path: Path, full: int, files: int) -> None:
        """``full``: bytes that a file never exceeds, one longer write apart; ``files``: how many there are at most, the
        one that is written among them. Opens nothing."""
        self.path = path
        self.full = full
        self.files = files
        self._fd = -1
        self._size = 0
        self._regular = True

    def write(self, lines: bytes) -> None:
        """Hand whole lines to the kernel; all of them, or none. Raises OSError: nothing of them is in the file then."""
        self._find()
        if self._regular and self._size and self._size + len(lines) > self.full:
            self._rotate()
        done = 0
        try:
            while done < len(lines):
                done += os.write(self._fd, lines[done:] if done else lines)
        except OSError:
            self._undo(done)
            raise
        self._size += len(lines)

    def close(self) -> None:
        """The next write opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _find(self) -> None:
        """Have the file open that bears the name now, at its present size."""
        if self._fd >= 0:
            mine = os.fstat(self._fd)
            with suppress(FileNotFoundError):
                named = self.path.stat()
                if (named.st_dev, named.st_ino) == (mine.st_dev, mine.st_ino):
                    self._size = mine.st_size
                    return
            self.close()
        self._open()

    def _open(self) -> None:
        # Of a FIFO both ends: opening it must not wait for a reader, nor writing fail when that one goes.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
        self._fd = os.open(self.path, flags, MODE)
        found = os.fstat(self._fd)
        self._regular = stat.S_ISREG(found.st_mode)
        self._size = found.st_size if self._regular else 0
        if self._regular:
            self._cut_unfinished()

    def _cut_unfinished(self) -> None:
        """Take off the beginning of a line that whoever wrote it could not finish."""
        start = max(0, self._size - _TAIL)
        tail = os.pread(self._fd, _TAIL, start)
        if tail and not tail.endswith(b"\n"):
            self._size = start + tail.rfind(b"\n") + 1
            os.ftruncate(self._fd, self._size)

    def _undo(self, done: int) -> None:
        """Take off the part of the lines that still found room."""
        if done and self._regular:
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)

    def _rotate(self) -> None:
        """Raises OSError, with the file open that bears the name."""
        old = os.fstat(self._fd)
        for number in range(self.files - 1, 0, -1):
            with suppress(FileNotFoundError):
                self._numbered(number - 1).replace(self._numbered(number))
        beyond = self.files  # there where more were kept once; with one file alone it is the full one
        if beyond == 1:
            self.path.replace(self._numbered(beyond))
        while (path := self._numbered(beyond)).exists():
            path.unlink()
            beyond += 1
        self.close()
        self._open()
        with suppress(OSError):  # where the group is not ours to give
            os.fchown(self._fd, -1, old.st_gid)
            os.fchmod(self._fd, stat.S_IMODE(old.st_mode) & WIDEST)

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}") if number else self.path
