"""The names that forwarders have learned, as the API shows them."""

from collections.abc import Iterable

from dnsguard.api.services import ReadModelUnavailable
from dnsguard.api.views.models import NameAddress, NameAlias, NameClientState, NameState, NameStates
from dnsguard.controller.forwarders import SEARCH_SECONDS, Forwarders
from dnsguard.link.messages import KnownName, NameClient, NamesFound


class NamesModel:
    """``dnsguard.api.services.Names``."""

    def __init__(self, link: Forwarders) -> None:
        self._link = link

    async def __call__(self, pattern: str, limit: int) -> NameStates:
        if not self._link.forwarders:
            raise ReadModelUnavailable("no forwarder is connected: names are known to forwarders only")
        replies = await self._link.search_names(pattern, limit, SEARCH_SECONDS)
        if not replies:
            raise ReadModelUnavailable(f"no forwarder answered within {SEARCH_SECONDS:g} s")
        names = _joined(replies)
        truncated = len(names) > limit or any(reply.truncated for reply in replies)
        return NameStates(names=tuple(names[:limit]), truncated=truncated)


def _joined(replies: Iterable[NamesFound]) -> list[NameState]:
    """Each name once, in order, with the clients that any forwarder knows of."""
    found: dict[str, list[KnownName]] = {}
    for reply in replies:
        for known in reply.names:
            found.setdefault(known.name, []).append(known)
    return [
        NameState(
            name=name,
            clients=tuple(_client(client) for known in several for client in known.clients),
            clients_left_out=sum(known.clients_left_out for known in several),
        )
        for name, several in sorted(found.items())
    ]


def _client(client: NameClient) -> NameClientState:
    return NameClientState(
        client=client.client,
        aliases=tuple(NameAlias(target=each.target, seconds_left=each.seconds_left) for each in client.aliases),
        addresses=tuple(NameAddress(address=each.address, seconds_left=each.seconds_left) for each in client.addresses),
        sets=client.lease_sets,
    )
