"""What the read models ask of the link."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from dnsguard.calc.compiled import Address
from dnsguard.controller.explain.learned import Learned
from dnsguard.link.messages import LeasesReply, NamesFound
from dnsguard.link.server import ForwarderState

LEASES_SECONDS = 2.0
"""How long forwarders may take to list leases."""

SEARCH_SECONDS = 10.0
"""How long they may take to look through all that they learned, a million names between DNS answers."""


class Forwarders(Protocol):
    """See LinkServer, which is one."""

    @property
    def forwarders(self) -> tuple[ForwarderState, ...]: ...

    @property
    def listen(self) -> frozenset[str]: ...

    async def leases(self, client: str, seconds: float) -> tuple[LeasesReply, ...]: ...

    async def search_leases(
        self, client: str, name: str, address: str, lease_set: str, limit: int, seconds: float
    ) -> tuple[LeasesReply, ...]: ...

    async def search_names(self, pattern: str, limit: int, seconds: float) -> tuple[NamesFound, ...]: ...


async def learned_by(link: Forwarders, addresses: Iterable[Address], notes: list[str], who: str) -> Learned:
    """What the addresses of one client have learned; with a note where that cannot be known. ``who``: in notes."""
    if not link.forwarders:
        notes.append("no forwarder is connected: what was learned from DNS is not known")
        return Learned()
    asked = [str(address) for address in addresses]
    answers = await asyncio.gather(*(link.leases(client, LEASES_SECONDS) for client in asked))
    if asked and not all(answers):
        notes.append(f"no forwarder answered within {LEASES_SECONDS:g} s: what was learned from DNS is not known")
    learned = Learned.of(reply for replies in answers for reply in replies)
    if learned.truncated:
        notes.append(f"{who} learned more than forwarders tell: some of it is not counted here")
    return learned
