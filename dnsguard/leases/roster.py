"""The policy the book works for: feeds, local clients, and who uses what."""

from collections.abc import Iterable, Iterator, Mapping

from dnsguard.leases.feeds import Feed, LocalClient
from dnsguard.leases.scope import NODE, OUTSIDERS, Scope


class Roster:
    """Feeds and clients by their identifiers, with the reverse of every reference.

    An address that two clients list belongs to the one whose name sorts first, whichever came first; the other has it
    once that one gives it up.
    """

    def __init__(self) -> None:
        self.feeds: dict[str, Feed] = {}
        self.clients: dict[str, LocalClient] = {}
        self._by_kernel_set: dict[str, str] = {}
        self._users: dict[str, set[str]] = {}
        self._claims: dict[bytes, set[str]] = {}
        self._owner: dict[bytes, str] = {}
        self._owned: dict[str, tuple[bytes, ...]] = {}

    @property
    def owners(self) -> Mapping[bytes, str]:
        """Address → endpoint."""
        return self._owner

    def users(self, feed: str) -> set[str]:
        """The endpoints whose policies refer to a lease set. Not to be changed."""
        return self._users.get(feed, _NOBODY)

    def feed_of(self, kernel_set: str) -> Feed | None:
        found = self._by_kernel_set.get(kernel_set)
        return None if found is None else self.feeds[found]

    def owned(self, endpoint: str) -> tuple[bytes, ...]:
        """The addresses of an endpoint that are really its own."""
        return self._owned.get(endpoint, ())

    def uses(self, client: bytes) -> LocalClient | None:
        """What policy says of the endpoint that has this address, or of outsiders where none has it."""
        return self.clients.get(self._owner.get(client, OUTSIDERS))

    def served_by(self, scope: Scope, feed: str) -> Iterator[bytes]:
        """The clients whose elements of a lease set look-ups in this scope account for. Node-wide ones do not account
        for outsiders: nobody knows who they are before they ask."""
        if scope == NODE:
            for endpoint in self.users(feed):
                yield from self.owned(endpoint)
        elif isinstance(scope, bytes):
            yield scope
        else:
            yield from self.owned(scope)

    def put_feed(self, feed: Feed) -> None:
        self.drop_feed(feed.id)
        self.feeds[feed.id] = feed
        self._by_kernel_set[feed.kernel_set_v4] = self._by_kernel_set[feed.kernel_set_v6] = feed.id

    def drop_feed(self, feed: str) -> None:
        if (known := self.feeds.pop(feed, None)) is not None:
            for kernel_set in (known.kernel_set_v4, known.kernel_set_v6):
                if self._by_kernel_set.get(kernel_set) == feed:
                    del self._by_kernel_set[kernel_set]

    def put_client(self, client: LocalClient) -> None:
        self.drop_client(client.endpoint)
        self.clients[client.endpoint] = client
        for feed in client.feeds:
            self._users.setdefault(feed, set()).add(client.endpoint)
        for address in client.addresses:
            self._claims.setdefault(address, set()).add(client.endpoint)
        self._decide(client.addresses)

    def drop_client(self, endpoint: str) -> None:
        if (known := self.clients.pop(endpoint, None)) is None:
            return
        for feed in known.feeds:
            users = self._users[feed]
            users.discard(endpoint)
            if not users:
                del self._users[feed]
        for address in set(known.addresses):
            claims = self._claims[address]
            claims.discard(endpoint)
            if not claims:
                del self._claims[address]
        self._decide(known.addresses)

    def _decide(self, addresses: Iterable[bytes]) -> None:
        concerned: set[str] = set()
        for address in addresses:
            concerned.add(self._owner.pop(address, ""))
            if claims := self._claims.get(address):
                self._owner[address] = min(claims)
                concerned |= claims
        for endpoint in concerned:
            client = self.clients.get(endpoint)
            if client is None:
                self._owned.pop(endpoint, None)
            else:
                self._owned[endpoint] = tuple(a for a in client.addresses if self._owner.get(a) == endpoint)


_NOBODY: set[str] = set()
