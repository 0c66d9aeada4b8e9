"""What fuzzing found, kept in ``found.txt``: a line is the message in hexadecimal, and what was wrong with it."""

from pathlib import Path

FILE = Path(__file__).with_name("found.txt")


def found() -> list[bytes]:
    """The messages."""
    lines = [line.split(maxsplit=1) for line in FILE.read_text().splitlines() if line and line[0] != "#"]
    return [bytes.fromhex(line[0]) for line in lines]
