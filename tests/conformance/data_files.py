"""The conformance data as Python values."""

from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "data"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # each process that collects tests reads all of them


def load(name: str) -> Any:
    """The content of one data file."""
    return yaml.load((DATA / name).read_text(encoding="utf-8"), LOADER)


def case_files() -> list[str]:
    """The names of the files that hold verdicts, in order."""
    return sorted(path.name for path in DATA.glob("case-*.yaml"))
