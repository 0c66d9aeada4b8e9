"""Become a user who may nothing, and run pytest as one. Started as root, in mounts of its own.

That user can read what we can: where the interpreter, its packages or the checkout lie below a directory that is closed
to others, as root's home is, an open one is put in the place of that directory, with nothing but them in it.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

NOBODY = 65_534
CHECKOUT = Path(__file__).parents[2]
HOME = "home"
"""In the stage: the one place where that user may write."""


def needed() -> list[Path]:
    """The directories that have to be read: each once, none below another."""
    interpreter = Path(sys.executable).resolve().parents[1]
    found: list[Path] = []
    for path in sorted({CHECKOUT, Path(sys.prefix), Path(sys.base_prefix), interpreter}):
        if not any(path.is_relative_to(other) for other in found):
            found.append(path)
    return found


def closed_above(path: Path) -> Path | None:
    """The topmost directory on the way to ``path`` that others may not pass."""
    above = [*reversed(path.parents)]
    return next((each for each in above if not each.stat().st_mode & 0o001), None)


def open_way(paths: Iterable[Path], stage: Path) -> None:
    """Make ``paths`` reachable for everybody, in these mounts only. ``stage``: an empty directory that is."""
    kept = {path: stage / f"kept-{number}" for number, path in enumerate(paths)}
    for path, place in kept.items():
        place.mkdir()
        _mount("--rbind", str(path), str(place))
    for closed in dict.fromkeys(filter(None, map(closed_above, kept))):
        _mount("-t", "tmpfs", "-o", "mode=755", "open", str(closed))
        for path, place in kept.items():
            if path.is_relative_to(closed):
                path.mkdir(parents=True)
                _mount("--rbind", str(place), str(path))


def main(stage: Path, words: list[str]) -> None:
    """Does not return. ``words``: pytest's."""
    _mount("-t", "tmpfs", "-o", "mode=755", "stage", str(stage))
    open_way(needed(), stage)
    home = stage / HOME
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    os.chdir(CHECKOUT)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    os.execve(sys.executable, [sys.executable, "-m", "pytest", *words], {**os.environ, **dict(_environment(home))})


def _environment(home: Path) -> Iterator[tuple[str, str]]:
    """Where what is written may go; the checkout is not that user's."""
    yield from (("HOME", str(home)), ("TMPDIR", str(home)), ("USER", "nobody"), ("PYTHONDONTWRITEBYTECODE", "1"))
    yield "HYPOTHESIS_STORAGE_DIRECTORY", str(home / "hypothesis")


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
