"""Tests as an ordinary user, from outside."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.ordinary.dropping import CHECKOUT, HOME
from tests.ordinary.outcomes import MARK, outcomes

LEFT_OUT = Path(__file__).with_name("left_out.yaml")
_WORDS = "-q", "--tb=short", "-p", "no:cacheprovider", "-p", "tests.ordinary.outcomes"


@dataclass(frozen=True, slots=True)
class Run:
    """What came of it."""

    code: int
    """pytest's."""

    passed: frozenset[str] = field(repr=False)
    left_out: dict[str, str]
    """Test and reason."""

    output: str = field(repr=False)
    """What it printed for people."""


def written() -> dict[str, dict[str, str]]:
    """Directory of tests → what is left out of them, and why."""
    found: dict[str, dict[str, str]] = yaml.safe_load(LEFT_OUT.read_text())
    return found


def run(*words: str) -> Run:
    """pytest with these words, as a user who is not root of this machine: nobody where we are, else ourselves."""
    # Short, for the sockets of tests lie below it: an address of theirs has 107 octets at most.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="o-") as stage:
        Path(stage).chmod(0o755)
        Path(stage, HOME).mkdir()
        done = subprocess.run(
            [*_command(Path(stage)), *_WORDS, f"--basetemp={stage}/{HOME}/t", *words],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
        )
    output = "\n".join(line for line in done.stdout.splitlines() if not line.startswith(MARK)) + done.stderr
    try:
        passed, left_out = outcomes(done.stdout.splitlines())
    except StopIteration:
        raise AssertionError(f"pytest ended with {done.returncode} before it could say anything:\n{output}") from None
    return Run(done.returncode, passed, left_out, output)


def _command(stage: Path) -> list[str]:
    if not is_root_of_the_machine():
        return [sys.executable, "-m", "pytest"]
    return ["unshare", "--mount", "--", sys.executable, "-m", "tests.ordinary.dropping", str(stage)]


def is_root_of_the_machine() -> bool:
    """Root of a user namespace is an ordinary user: of that namespace only some users are known, not all."""
    users = Path("/proc/self/uid_map").read_text().split()
    return os.geteuid() == 0 and users == ["0", "0", "4294967295"]
