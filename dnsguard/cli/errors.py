"""How commands fail: what is said, and the exit code."""

import re
from collections.abc import Iterable

from dnsguard.errors import DnsguardError

REFUSED = 1
BAD_INPUT = 2
UNWANTED = 3
UNREACHABLE = 4
FORBIDDEN = 5
INTERRUPTED = 128 + 2
PIPE_CLOSED = 128 + 13

EXIT_CODES = {
    0: "done",
    REFUSED: "refused, not found, not ready; with diff: it differs",
    BAD_INPUT: "bad input, nothing was done",
    UNWANTED: "with --exit-code: the answer is one that was not hoped for",
    UNREACHABLE: "the server does not answer",
    FORBIDDEN: "who asks is not known, or may not do that",
    INTERRUPTED: "interrupted",
    PIPE_CLOSED: "nobody reads the output any more",
}
"""What the exit codes of all commands mean."""


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
