"""Searches in what was learned, in the words of the link: answered a little at a time between DNS answers."""

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from itertools import islice
from typing import Final

from dnsguard.domains import DomainPattern, name_text
from dnsguard.forwarder.reports import learned_lease, scope_text, scopes_of
from dnsguard.leases import LeaseBook, Scope
from dnsguard.leases.search import FoundNames, find_names
from dnsguard.link.messages import (
    KnownAddress,
    KnownName,
    LearnedAlias,
    LearnedLease,
    LeasesReply,
    LeasesSearch,
    NameClient,
    NamesFound,
    NamesSearch,
)

MOST: Final = 5_000
"""Names or leases in one answer, whatever is asked for."""

MOST_CLIENTS: Final = 20
"""Told of one name."""

MOST_TARGETS: Final = 64
"""Aliases, and addresses, told of a name that a client knows."""

STEP: Final = 64
"""Leases that are looked at in one step."""


def search_leases(
    book: LeaseBook, search: LeasesSearch, now: Callable[[], float], reply: Callable[[LeasesReply], None]
) -> Iterator[None]:
    """Step by step; ``reply`` is called at the end. Raises DomainPatternError, ValueError for what is no address."""
    matches = _matcher(search.name)
    address = ip_address(search.address).packed if search.address else b""
    limit = min(search.limit, MOST)
    found: list[LearnedLease] = []
    truncated = False
    for looked_at, lease in enumerate(book.leases(scopes_of(book, search.client), now())):
        if looked_at % STEP == STEP - 1:
            yield
        if (
            (not address or lease.address == address)
            and (not search.lease_set or search.lease_set in lease.feeds)
            and (not search.name or any(map(matches, lease.names)))
            and (not search.client or not lease.client or str(ip_address(lease.client)) == search.client)
        ):
            if len(found) >= limit:
                truncated = True
                break
            found.append(learned_lease(lease, now()))
    reply(LeasesReply(search.request, tuple(found), truncated))


def search_names(
    book: LeaseBook, search: NamesSearch, now: Callable[[], float], reply: Callable[[NamesFound], None]
) -> Iterator[None]:
    """Step by step; ``reply`` is called at the end. Raises DomainPatternError."""
    found = FoundNames(min(search.limit, MOST))
    yield from find_names(book.library, _matcher(search.pattern), found)
    told: list[KnownName] = []
    for name, scopes in sorted(found.scopes.items(), key=lambda item: name_text(item[0])):
        clients = [client for scope in scopes if (client := _client(book, name, scope, now())) is not None]
        if clients:  # else it expired meanwhile
            left_out = max(0, len(clients) - MOST_CLIENTS)
            told.append(KnownName(name_text(name), tuple(clients[:MOST_CLIENTS]), left_out))
        yield
    reply(NamesFound(search.request, tuple(told), found.truncated))


def _client(book: LeaseBook, name: bytes, scope: Scope, now: float) -> NameClient | None:
    """What a scope knows of a name; None where that is nothing any more."""
    graph = book.library.get(scope)
    if graph is None:
        return None
    aliases = [(target, expires) for target, expires in graph.aliases.get(name, {}).items() if expires > now]
    addresses = graph.reach(name, now)[0]
    if not aliases and not addresses:
        return None
    text = name_text(name)
    return NameClient(
        client=scope_text(scope),
        aliases=tuple(
            LearnedAlias(text, name_text(target), round(expires - now, 3))
            for target, expires in islice(aliases, MOST_TARGETS)
        ),
        addresses=tuple(
            KnownAddress(str(ip_address(address)), round(expires - now, 3))
            for address, expires in islice(addresses.items(), MOST_TARGETS)
        ),
        lease_sets=tuple(sorted(book.library.serves(scope, book.library.names.feeds(name)))),
    )


def _matcher(pattern: str) -> Callable[[bytes], bool]:
    return DomainPattern.parse(pattern).matches if pattern else lambda _: True
