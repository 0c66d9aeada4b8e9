"""The demo shows what policy says; and it fails, naming the rows, when enforcement is broken on purpose."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo.acts import Connection, Question
from tests.demo.script import SCRIPT

ROOT = Path(__file__).parents[2]
ROWS = [act for act in SCRIPT if isinstance(act, Connection | Question)]

# Loaded by every Python of the demo before anything else: dnsguard with one thing taken away. Its self-test is, too, or
# it would notice by itself and not be ready.
BREAKAGES = {
    "answers are released without their leases": (
        "from dnsguard.forwarder.committer import Committer\n"
        "Committer._commit = lambda self, batch, *, missing_is_done=False: ''\n",
        {row.key for row in ROWS if isinstance(row, Connection) and row.allowed and row.lookups},
    ),
    "the deny at the end of a tier is left out": (
        "from dnsguard.dataplane.classes import ClassBuilder\n"
        "from dnsguard.dataplane.rules import Rule, Verdict\n"
        "ClassBuilder.end = lambda self, policy_class, counted, comment: (Rule((counted, Verdict.ACCEPT)),)\n",
        {row.key for row in ROWS if isinstance(row, Connection) and row.counter.startswith("tier-")},
    ),
}


def demo(path: Path | None = None) -> tuple[int, str]:
    environment = os.environ | ({"PYTHONPATH": str(path), "DNSGUARD_SELF_TEST": "Off"} if path else {})
    done = subprocess.run(
        [sys.executable, "-m", "tests.demo"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def different(output: str) -> set[str]:
    """Keys of the rows that the end of the demo names."""
    return set(re.findall(r"^  row \d+ \[([a-z0-9-]+)\]", output, re.MULTILINE))


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("demo")
def test_every_row_is_as_policy_says() -> None:
    status, output = demo()
    assert (status, different(output)) == (0, set()), output
    assert f"{len(ROWS)} rows" in output


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "breakage",
    [
        pytest.param(
            "answers are released without their leases", marks=pytest.mark.soak
        ),  # every look-up waits for its time
        "the deny at the end of a tier is left out",
    ],
)
def test_broken_enforcement_is_noticed_and_named(breakage: str, tmp_path: Path) -> None:
    shim, expected = BREAKAGES[breakage]
    (tmp_path / "sitecustomize.py").write_text(shim)
    status, output = demo(tmp_path)
    assert status == 1, output
    assert different(output) >= expected, output


def test_every_denied_row_has_an_allowed_twin() -> None:
    allowed = {row.key for row in ROWS if row.allowed}
    assert len({row.key for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert (row.twin in allowed and bool(row.differs)) is not row.allowed, row.key
