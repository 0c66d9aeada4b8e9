"""What stands behind the question mark of an address."""

from collections.abc import Mapping

from api.failures import bad_request


def is_true(query: Mapping[str, str], key: str) -> bool:
    """Whether a switch is on; it is off where it is not there. Raises Failure 400 for what is neither."""
    value = query.get(key, "false")
    if value not in ("true", "false", "1", "0"):
        raise bad_request(f"{key}: {value!r} is neither true nor false")
    return value in ("true", "1")
