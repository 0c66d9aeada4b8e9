"""What stands behind the question mark of an address."""

from collections.abc import Mapping
from typing import Final

from dnsguard.api.failures import bad_request

SWITCHES: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "True", "TRUE", "t", "T", "1"), True),
    **dict.fromkeys(("false", "False", "FALSE", "f", "F", "0"), False),
}
"""As Go reads them, and so Kubernetes; its client in Python writes ``True``."""


def is_true(query: Mapping[str, str], key: str) -> bool:
    """Whether a switch is on; it is off where it is not there, or has no value. Raises Failure 400 for nonsense."""
    value = query.get(key) or "false"
    if value not in SWITCHES:
        raise bad_request(f"{key}: {value[:40]!r} is neither true nor false")
    return SWITCHES[value]


def require_known(query: Mapping[str, str], *known: str) -> None:
    """Raises Failure 400 for a parameter that is none of these: what it was to choose would not be chosen."""
    if unknown := query.keys() - set(known):
        raise bad_request(f"{min(unknown)[:40]}: there are {', '.join(known[:-1])} and {known[-1]}")
