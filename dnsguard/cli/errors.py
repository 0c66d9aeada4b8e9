"""How commands fail: what is said, and the exit code."""

import re
from collections.abc import Iterable

from dnsguard.errors import DnsguardError

REFUSED = 1
"""The server refused, or does not know what was asked for."""
BAD_INPUT = 2
"""What the user gave is wrong; nothing was done."""


class CommandError(DnsguardError):
    """A command cannot do what was asked; `exit_code` says whose turn it is."""

    exit_code = REFUSED


class UsageError(CommandError):
    """What the user gave is wrong; nothing was done."""

    exit_code = BAD_INPUT


def code_hint(codes: Iterable[str]) -> str:
    """Where to read what a code asks for; empty where none of these has a number to look up."""
    first = next((code for code in codes if re.match(r"[VD]-[0-9]", code)), None)
    return f"`dnsguard codes {first}` says more about a code" if first else ""
