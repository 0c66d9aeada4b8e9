"""What a counter says. Pure."""

from typing import NamedTuple


class Counted(NamedTuple):
    """What a named counter says."""

    packets: int
    bytes: int
