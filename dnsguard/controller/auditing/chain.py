"""Lines of which each carries the SHA-256 of the one before: who changes, adds or removes one breaks the chain."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

START: Final = "0" * 64
"""What the first line of all carries."""

LONGEST: Final = 256 * 1024
"""Bytes of a line; what is longer is none of ours."""


def line_hash(line: bytes) -> str:
    """Of a line without its newline."""
    return hashlib.sha256(line).hexdigest()


def chained(event: Mapping[str, Any], revision: int, previous: str) -> bytes:
    """The line, without its newline. ``revision``: the newest that was acknowledged up to it."""
    return json.dumps({**event, "revision": revision, "previousLine": previous}, separators=(",", ":")).encode("ascii")


@dataclass(frozen=True, slots=True)
class End:
    """Where the chain goes on."""

    previous: str = START
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Verified:
    """What is to be said of a log."""

    lines: int
    files: int
    unchained: int
    """Lines at the beginning that an earlier version wrote, which made no chain."""

    begins: str
    """What the first line that is there carries: `START`, or the hash of one that is gone with its file."""

    ends: str
    """Of the last line. Write it down elsewhere: that later ones were taken off is seen by nothing else."""

    faults: tuple[str, ...] = ()
    """File, line and what is wrong; the first hundred."""


MOST_FAULTS: Final = 100


def verified(path: Path) -> Verified:
    """Read the log with all its full files, the oldest first. Raises OSError."""
    faults: list[str] = []
    expected = begins = ""
    count = unchained = 0
    files = files_of(path)
    for file in files:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                count += 1
                at = f"{file}:{number}"
                previous = _previous(line)
                if previous is None and not begins and _is_object(line):
                    unchained += 1
                elif previous is None:
                    faults.append(f"{at}: is no line of an audit log" if line.endswith(b"\n") else f"{at}: is torn")
                elif not begins:
                    begins = previous
                elif previous != expected:
                    faults.append(f"{at}: does not follow the line before it: something was changed, added or removed")
                expected = line_hash(line.removesuffix(b"\n"))
                if len(faults) >= MOST_FAULTS:
                    return Verified(count, len(files), unchained, begins, expected, tuple(faults))
    return Verified(count, len(files), unchained, begins or START, expected or START, tuple(faults))


def files_of(path: Path) -> list[Path]:
    """The files of a log that are there, the oldest first."""
    numbered: list[Path] = []
    while (full := path.with_name(f"{path.name}.{len(numbered) + 1}")).exists():
        numbered.append(full)
    return [*reversed(numbered), *([path] if path.exists() else [])]


def end_of(lines: Iterable[bytes]) -> End | None:
    """Where the chain goes on after the last of some whole lines; None where that is none of ours."""
    last = b""
    for line in lines:
        last = line
    try:
        found = json.loads(last)
        return End(line_hash(last), int(found["revision"]))
    except (ValueError, KeyError, TypeError):
        return None


def _is_object(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _previous(line: bytes) -> str | None:
    if not line.endswith(b"\n"):
        return None
    try:
        previous = json.loads(line)["previousLine"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return previous if isinstance(previous, str) else None
