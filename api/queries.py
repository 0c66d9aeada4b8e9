"""What stands behind the question mark of an address."""

from collections.abc import Mapping
from typing import Final

from api.failures import bad_request

SWITCHES: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "True", "TRUE", "t", "T", "1"), True),
    **dict.fromkeys(("false", "False", "FALSE", "f", "F", "0"), False),
}
"""As Go reads them, and so Kubernetes; its client in Python writes ``True``."""


def is_true(query: Mapping[str, str], key: str) -> bool:
    """Whether a switch is on; it is off where it is not there. Raises Failure 400 for what is neither."""
    value = query.get(key, "false")
    if value not in SWITCHES:
        raise bad_request(f"{key}: {value[:40]!r} is neither true nor false")
    return SWITCHES[value]
