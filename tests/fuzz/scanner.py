"""``python -m tests.fuzz.scanner --seconds 3600``: the scanner against a naive reading and dnslib, guided by coverage.

Ends with status 1 at the first message on which they differ, or on which the scanner raises what it may not. Needs
``requirements/fuzz.txt``; ``make fuzz`` installs it.
"""

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import coverage

from tests.fuzz.found import FILE

LONGEST = 4096
FIGURES = {
    "messages": r"number_of_executed_units: (\d+)",
    "a second": r"average_exec_per_sec: +(\d+)",
    "branches": r"cov: (\d+)",
    "features": r"ft: (\d+)",
}
PARTS = ("dnsguard/dns/scan.py", "dnsguard/dns/wire.py")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.scanner", description=__doc__)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument(
        "--corpus", type=Path, help="directory that is kept; by default every run starts from the seeds"
    )
    return parser.parse_args()


def sow(corpus: Path) -> None:
    """One file for each seed."""
    from tests.fuzz.seeds import seeds

    corpus.mkdir(parents=True, exist_ok=True)
    for number, message in enumerate(seeds()):
        (corpus / f"seed-{number:02}").write_bytes(message)


def reached(corpus: Path) -> str:
    """The share of the scanner's lines and branches that the corpus runs through, and where it does not."""
    measured = coverage.Coverage(branch=True, data_file=None, include=[f"*/{part}" for part in PARTS])
    measured.start()
    from tests.fuzz.opinions import check

    for each in corpus.iterdir():
        check(each.read_bytes())
    measured.stop()
    lines = []
    for part in PARTS:
        _, statements, _, missing, spelled = measured.analysis2(part)
        lines.append(
            f"  {part}: {len(statements) - len(missing)} of {len(statements)} lines"
            + f"; never {spelled}" * bool(missing)
        )
    return "\n".join(lines)


def run(seconds: int, corpus: Path, artifacts: Path) -> int:
    """Fuzz for that long. Returns the exit status."""
    command = [
        sys.executable, "-m", "tests.fuzz.guided", str(corpus), f"-max_total_time={seconds}", f"-max_len={LONGEST}",
        f"-artifact_prefix={artifacts}/", "-print_final_stats=1", "-timeout=10",
    ]  # fmt: skip
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    kept = list(artifacts.iterdir())
    figures = {name: ([*re.findall(pattern, done.stdout)] or ["?"])[-1] for name, pattern in FIGURES.items()}
    print("\n".join(f"{name:<12}{value}" for name, value in figures.items()))
    print(f"corpus      {len(list(corpus.iterdir()))}\nfindings    {len(kept)}")
    if done.returncode or kept or "?" in figures.values():
        print("\n".join(done.stdout.splitlines()[-60:]))
        for each in kept:
            print(f"to be kept in {FILE.name}:\n{each.read_bytes().hex()} {each.name}")
        return 1
    print(reached(corpus))
    return 0


def main() -> int:
    given = arguments()
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: make fuzz", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        corpus, artifacts = given.corpus or Path(scratch, "corpus"), Path(scratch, "artifacts")
        artifacts.mkdir()
        sow(corpus)
        return run(given.seconds, corpus, artifacts)


if __name__ == "__main__":
    sys.exit(main())
