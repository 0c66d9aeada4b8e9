"""How commands fail: what is said, and the exit code."""

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
