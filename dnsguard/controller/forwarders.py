"""What the read models ask of the link."""

from typing import Protocol

from dnsguard.link.messages import LeasesReply
from dnsguard.link.server import ForwarderState

LEASES_SECONDS = 2.0
"""How long forwarders may take to list leases."""


class Forwarders(Protocol):
    """See LinkServer, which is one."""

    @property
    def forwarders(self) -> tuple[ForwarderState, ...]: ...

    @property
    def listen(self) -> frozenset[str]: ...

    async def leases(self, client: str, seconds: float) -> tuple[LeasesReply, ...]: ...
