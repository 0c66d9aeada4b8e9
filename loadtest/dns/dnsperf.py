"""Closed-loop load: as many questions as get answered, by ``dnsperf``."""

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loadtest.dns.site import FIRST_PORT, client
from tests.support.netns import Namespace

_FIELDS = {
    "sent": re.compile(r"Queries sent:\s+(\d+)"),
    "completed": re.compile(r"Queries completed:\s+(\d+)"),
    "lost": re.compile(r"Queries lost:\s+(\d+)"),
    "seconds": re.compile(r"Run time \(s\):\s+([\d.]+)"),
}
_CODES = re.compile(r"(\w+) (\d+) \(")


class LoadError(Exception):
    """dnsperf did not do its work; the text has its words."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it."""

    sent: int
    completed: int
    lost: int
    seconds: float
    codes: dict[str, int]
    """Rcode → answers."""

    @property
    def answered(self) -> int:
        """With NOERROR."""
        return self.codes.get("NOERROR", 0)

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.answered / self.seconds

    @property
    def failed(self) -> int:
        """Not answered, or not with NOERROR."""
        return self.sent - self.answered


def write_questions(file: Path, names: Iterable[str]) -> None:
    """The file that dnsperf reads."""
    file.write_text("".join(f"{name} A\n" for name in names))


def load(
    place: Namespace,
    server: str,
    questions: Path,
    *,
    repeats: int = 1,
    seconds: float = 60.0,
    sockets: int = 64,
    outstanding: int = 100,
) -> Load:
    """Ask all of the file, that many times over, at most for so many seconds. Raises LoadError."""
    source = {"-a": client(), "-x": FIRST_PORT}
    limits = {"-n": repeats, "-l": seconds, "-c": sockets, "-q": outstanding, "-T": 1, "-t": 5}
    words = [str(word) for pair in (source | limits).items() for word in pair]
    with place.entered():
        done = subprocess.run(
            ["dnsperf", "-s", server, "-d", str(questions), *words], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise LoadError(f"dnsperf: {done.stderr.strip() or done.stdout.strip()}")
    return parsed(done.stdout)


def parsed(text: str) -> Load:
    """The figures in what dnsperf prints. Raises LoadError where one is not there."""
    found = {name: field.search(text) for name, field in _FIELDS.items()}
    if missing := [name for name, match in found.items() if match is None]:
        raise LoadError(f"dnsperf does not say {', '.join(missing)}: {text}")
    values = {name: float(match[1]) for name, match in found.items() if match is not None}
    codes = next((line for line in text.splitlines() if "Response codes:" in line), "")
    return Load(
        int(values["sent"]),
        int(values["completed"]),
        int(values["lost"]),
        values["seconds"],
        {code: int(count) for code, count in _CODES.findall(codes.partition(":")[2])},
    )
