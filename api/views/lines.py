"""Logs over HTTP: records as lines, one JSON object each."""

from collections.abc import Mapping
from typing import Final

from dnsguard.api.failures import bad_request

LINES: Final = "application/x-ndjson"
USUAL: Final = 100
MOST: Final = 1_024
"""Records that are asked for at a time, and about as many as are kept."""


def last_asked(query: Mapping[str, str]) -> int:
    """How many of the newest records ``last`` asks for. Raises Failure."""
    last = query.get("last") or str(USUAL)
    if not (last.isascii() and last.isdigit() and len(last) < 6 and int(last) <= MOST):
        raise bad_request(f"last: {last!r} is no number of records: write 0 to {MOST}")
    return int(last)
