"""Names of ports."""

import re

PORT_NAME_RULE = "1 to 15 of a-z, 0-9 and '-', at least one letter, no '-' at the ends or twice in a row"

_PORT_NAME = re.compile(r"(?!-)(?!.*--)(?=.*[a-z])[a-z0-9-]{1,15}(?<!-)")


def is_port_name(text: str) -> bool:
    """V-27: 1 to 15 of a-z, 0-9 and '-', at least one letter, no hyphen at the ends and no two in a row."""
    return _PORT_NAME.fullmatch(text) is not None
