"""Why the forwarder cannot start."""

from dnsguard.errors import DnsguardError


class CannotStart(DnsguardError):
    """Something the forwarder cannot do without is missing. The text says what, in one line."""
