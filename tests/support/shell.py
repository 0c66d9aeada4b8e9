"""A shell, and what is typed into it."""

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE = 60.0


class Shell:
    """A bash. ``command`` starts another one than that of where the calling thread is."""

    def __init__(
        self, directory: Path, command: Sequence[str] = ("bash",), environment: Mapping[str, str] = os.environ
    ) -> None:
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

    def typed_until(self, command: str, expected: str) -> None:
        """Again and again, until it says that."""
        give_up = time.monotonic() + PATIENCE
        while not re.search(expected, said := self.typed(command)[1]):
            assert time.monotonic() < give_up, f"{command}\n{said}"
            time.sleep(0.2)

    def close(self) -> None:
        self.typed("kill $(jobs -p); wait")
        self._process.communicate()
