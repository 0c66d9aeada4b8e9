"""A log of lines that never takes more than its share of the disk."""

import os
from contextlib import suppress
from pathlib import Path

from dnsguard.controller.files import append_to


class RotatedFile:
    """Appends lines to a file that only its owner may read. When it is full it becomes ``NAME.1``, what was that
    becomes ``NAME.2``, and so on; what was the last is gone."""

    def __init__(self, path: Path, full: int, kept: int) -> None:
        """``full``: bytes from which on the next line begins a new file; ``kept``: how many full ones stay.

        Raises UnusableStateError.
        """
        self._path = path
        self._full = full
        self._kept = kept
        self._file = append_to(path)

    def write(self, line: str) -> None:
        """Hand one line, without its newline, to the kernel. Raises OSError, UnusableStateError."""
        if os.fstat(self._file.fileno()).st_size >= self._full:
            self._rotate()
        self._file.write(line + "\n")
        self._file.flush()

    def close(self) -> None:
        """Nothing is written after it."""
        self._file.close()

    def _rotate(self) -> None:
        for number in range(self._kept - 1, -1, -1):
            with suppress(FileNotFoundError):
                self._numbered(number).replace(self._numbered(number + 1))
        full, self._file = self._file, append_to(self._path)
        full.close()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
