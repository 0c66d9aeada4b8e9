"""A shell, and what is typed into it."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class Shell:
    """A bash in a directory, or what ``command`` starts there."""

    def __init__(self, directory: Path, command: Sequence[str] = ("bash",), *, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=environment,
        )  # fmt: skip

    def typed(self, command: str) -> tuple[int, str]:
        """Exit code and what it says."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f'{command.rstrip()}\necho "<$?>"\n')
        self._process.stdin.flush()
        said = ""
        for line in self._process.stdout:
            if found := re.search(r"<(\d+)>\n\Z", line):  # curl ends no line
                return int(found[1]), said + line[: found.start()]
            said += line
        raise AssertionError(said)

    def close(self) -> None:
        self.typed("kill $(jobs -p); wait")
        self._process.communicate()
