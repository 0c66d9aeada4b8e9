"""What the test runner must do for us."""

import subprocess
import sys
from pathlib import Path

GROUPED = """
import os, pytest

@pytest.mark.xdist_group("one lab")
@pytest.mark.parametrize("number", range(8))
def test_grouped(number):
    with open("ran-in", "a") as file:
        print(os.getpid(), file=file)
"""


def test_tests_of_a_group_run_in_one_process(tmp_path: Path) -> None:
    """Otherwise each process makes what the group shares, a lab mostly, for itself."""
    (tmp_path / "test_group.py").write_text(GROUPED)
    words = ["-q", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider", "-p", "no:asyncio"]
    subprocess.run([sys.executable, "-m", "pytest", *words], cwd=tmp_path, check=True, capture_output=True)
    ran_in = (tmp_path / "ran-in").read_text().split()
    assert len(ran_in) == 8
    assert len(set(ran_in)) == 1
