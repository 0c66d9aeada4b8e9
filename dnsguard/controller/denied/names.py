"""Which names led clients to addresses, asked of the forwarders."""

from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Final, Protocol

from dnsguard.link.messages import NamesReply, Visited

SECONDS: Final = 0.5
"""How long forwarders may take; a record without names is better than one that comes too late."""

_Pair = tuple[bytes, bytes]


class Knowing(Protocol):
    """See LinkServer, which is one."""

    async def names(self, visited: tuple[Visited, ...], seconds: float) -> tuple[NamesReply, ...]: ...


class AskedNames:
    """Asks. Calls wait for each other only where they must."""

    def __init__(self, link: Knowing) -> None:
        self._link = link

    async def __call__(self, pairs: Collection[_Pair]) -> Mapping[_Pair, tuple[str, ...]]:
        """(Client, address) → the names that led there. Pairs about which no forwarder answered are left out."""
        asked = {(str(ip_address(pair[0])), str(ip_address(pair[1]))): pair for pair in pairs}
        replies = await self._link.names(tuple(Visited(*texts) for texts in asked), SECONDS)
        found: dict[_Pair, tuple[str, ...]] = {}
        for reply in replies:
            for each in reply.visited:
                pair = asked.get((each.client, each.address))
                if pair is not None:
                    found[pair] = tuple(dict.fromkeys((*found.get(pair, ()), *each.names)))
        return found
