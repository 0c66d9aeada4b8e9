"""One change of policy: what it puts into the roster, and where elements have to be looked at anew."""

from collections.abc import Mapping

from dnsguard.leases.feeds import Feed, LocalClient
from dnsguard.leases.library import Library
from dnsguard.leases.roster import Roster
from dnsguard.leases.scope import NODE, OUTSIDERS

Touched = set[tuple[str, bytes]]
"""(kernel set, client)."""


def revise(
    roster: Roster, library: Library, feeds: Mapping[str, Feed | None], clients: Mapping[str, LocalClient | None]
) -> Touched:
    """Put feeds and clients in place, ``None`` takes one away. Nothing outside the places returned can change."""
    touched: Touched = set()
    _revise_feeds(roster, library, feeds, touched)
    _revise_clients(roster, library, clients, touched)
    return touched


def _revise_feeds(roster: Roster, library: Library, feeds: Mapping[str, Feed | None], touched: Touched) -> None:
    flipped: dict[str, set[bytes] | None] = {}
    for key, feed in feeds.items():
        old = roster.feeds.get(key)
        names = library.names.change(key, old.patterns if old else (), feed.patterns if feed else ())
        if old and feed and (old.kernel_set_v4, old.kernel_set_v6) == (feed.kernel_set_v4, feed.kernel_set_v6):
            flipped[key] = names
        else:
            flipped[key] = None
            _touch(roster, library, key, None, touched)
        roster.drop_feed(key)
    for key, feed in feeds.items():
        if feed is not None:
            roster.put_feed(feed)
            _touch(roster, library, key, flipped[key], touched)


def _touch(roster: Roster, library: Library, key: str, names: set[bytes] | None, touched: Touched) -> None:
    """Mark the users of a feed: all of them, or those who learned one of the names."""
    feed = roster.feeds.get(key)
    if feed is None or names == set():
        return
    everyone = names is None or library.knows(NODE, names)
    for endpoint in roster.users(key):
        if everyone or (names is not None and library.knows(endpoint, names)):
            touched.update((feed.kernel_set(address), address) for address in roster.owned(endpoint))
    if OUTSIDERS in roster.users(key):
        touched.update(
            (feed.kernel_set(client), client)
            for client in library.outsiders()
            if names is None or library.knows(client, names)
        )


def _revise_clients(
    roster: Roster, library: Library, clients: Mapping[str, LocalClient | None], touched: Touched
) -> None:
    addresses = {a for client in clients.values() if client for a in client.addresses}
    addresses |= {a for key in clients if key in roster.clients for a in roster.clients[key].addresses}
    if OUTSIDERS in clients:
        addresses.update(library.outsiders())
    before = {address: _uses(roster, address) for address in addresses}
    for key, client in clients.items():
        if client is None:
            roster.drop_client(key)
            library.close(key)
        else:
            roster.put_client(client)
    for key in clients:
        # What its addresses learned before anybody knew whose they were is the client's.
        for address in roster.owned(key):
            if library.move(address, key):
                touched.update((kernel_set, a) for a in roster.owned(key) for _, kernel_set in _uses(roster, a))
    for address in addresses:
        touched.update((kernel_set, address) for _, kernel_set in before[address] ^ _uses(roster, address))


def _uses(roster: Roster, address: bytes) -> set[tuple[str, str]]:
    """(endpoint, kernel set) for every lease set that the owner of an address uses."""
    user, feeds = roster.uses(address), roster.feeds
    if user is None:
        return set()
    return {(user.endpoint, feeds[feed].kernel_set(address)) for feed in user.feeds if feed in feeds}
