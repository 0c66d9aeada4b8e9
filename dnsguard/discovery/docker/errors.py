"""What goes wrong between us and Docker."""

from dnsguard.errors import DnsguardError


class DockerUnavailable(DnsguardError):
    """Docker cannot be asked, or its answer is not understood: what it told last stays in force."""


class ContainerGone(DnsguardError):
    """There is no such container any more."""
