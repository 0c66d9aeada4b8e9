"""The rule that says which elements stand, and what the kernel lacks of them.

An element (set, client, address) stands until ``t`` when a name of the client's own graph, or of the node's, matches a
pattern of the set, the client's endpoint uses the set, and the name leads to the address until ``t``. Where several
names do, the latest counts. Nothing else puts an element into the kernel, and no other reason keeps it there.

Node-wide look-ups are written out for every endpoint that uses the set, for those that come later too: the kernel's
sets are ``client . destination`` and have no wildcard. A client that is no known endpoint has what its own look-ups
lead to, in the sets that policy names for outsiders.
"""

from collections.abc import Collection, Iterable

from dnsguard.leases.changes import NOTHING, Changes, Debt, Element, Place
from dnsguard.leases.graph import Graph
from dnsguard.leases.held import Held
from dnsguard.leases.library import Library
from dnsguard.leases.roster import Roster
from dnsguard.leases.scope import NODE, OUTSIDERS, Scope
from dnsguard.leases.terms import KERNEL_FULL, LimitReached, Limits

Places = tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]
"""(kernel set, client): those of IPv4, those of IPv6."""

_REMEMBERED = 65_536


class _Due:
    """What an endpoint is due in a lease set: address → expiry, and the names behind it."""

    __slots__ = ("addresses", "names")

    def __init__(self) -> None:
        self.addresses: dict[bytes, float] = {}
        self.names: list[tuple[Scope, bytes]] = []


class Rule:
    """The rule over one roster, library and record of what the kernel holds."""

    def __init__(self, limits: Limits, roster: Roster, library: Library, held: Held) -> None:
        self._limits = limits
        self._roster = roster
        self._library = library
        self._held = held
        self.serial = 0
        """Of the last debts."""

        self._places: dict[tuple[Scope, frozenset[str]], Places | None] = {}
        self.generation = 0
        """Counts the times that what the rule says may have changed by anything but learning."""

    def owed(self, scope: Scope, graph: Graph, owners: set[bytes], now: float) -> Changes:
        """The elements that edges of these owners are good for and the kernel lacks: those of all names above them too.

        Raises ``LimitReached`` when the kernel's sets may not take so many; the owners stay in debt.
        """
        wanted: dict[Place, float] = {}
        for name in graph.with_ancestors(owners):
            feeds = self._library.serves(scope, self._library.names.feeds(name))
            if not feeds:
                continue
            reached, _ = graph.reach(name, now)
            for feed in feeds:
                for client in self._roster.served_by(scope, feed):
                    self._want(wanted, self._roster.feeds[feed].kernel_set(client), client, reached)
        if not wanted:
            for owner in owners:
                graph.unsettled.pop(owner, None)
            return NOTHING
        debts = self._indebt(scope, graph, owners)
        self.make_room(wanted)
        return Changes(tuple([Element(*each) for each in wanted.items()]), (), debts, self.generation)

    def settle(self, touched: Iterable[tuple[str, bytes]], now: float, *, spare_inherited: bool = False) -> Changes:
        """What these (kernel set, client) lack, and what they hold without reason.

        Elements beyond the limit are left out, and stay owed to whoever asks for their names again.
        """
        self.generation += 1
        self._places.clear()
        wanted: dict[Place, float] = {}
        unjustified: list[Place] = []
        behind: dict[Scope, set[bytes]] = {}
        known: dict[tuple[Scope, str], _Due] = {}
        for kernel_set, client in touched:
            held = self._held.of(kernel_set, client)
            due = self._due(kernel_set, client, known, now)
            # An element that lost the reason for the last part of its time is written anew with what is left.
            for address in [a for a, expires in held.items() if 0.0 < due.addresses.get(a, 0.0) < expires]:
                place = Place(kernel_set, client, address)
                if not (spare_inherited and self._held.inherited_until(place) >= held[address]):
                    self._held.doom(place)
            held = self._held.of(kernel_set, client)
            before = len(wanted)
            self._want(wanted, kernel_set, client, due.addresses)
            if len(wanted) > before:
                for scope, name in due.names:
                    behind.setdefault(scope, set()).add(name)
            unfounded = {address: None for address in held if address not in due.addresses}
            if not spare_inherited:
                inherited = self._held.disown(kernel_set, client)
                unfounded.update({address: None for address in inherited if address not in due.addresses})
            unjustified.extend(Place(kernel_set, client, address) for address in unfounded)
        for place in unjustified:
            self._held.doom(place)
        debts: list[Debt] = []
        for scope, names in behind.items():
            if (graph := self._library.get(scope)) is not None:
                debts.extend(self._indebt(scope, graph, names))
        room, new = self._room(), [place for place in wanted if self._is_new(place)]
        for place in new[room:]:
            del wanted[place]
        add = tuple(Element(place, expires) for place, expires in wanted.items())
        return Changes(add, tuple(unjustified), tuple(debts) if len(new) <= room else (), self.generation)

    def places(self, scope: Scope, feeds: frozenset[str]) -> Places | None:
        """The (kernel set, client) that names which feed these sets are good for in this scope."""
        key = scope, feeds
        if key in self._places:
            return self._places[key]
        places: Places = ([], [])
        for feed in self._library.serves(scope, feeds):
            for client in self._roster.served_by(scope, feed):
                places[len(client) == 16].append((self._roster.feeds[feed].kernel_set(client), client))
        found = places if places[0] or places[1] else None
        if scope != NODE:  # of the node it may be all endpoints, for each combination of sets
            if len(self._places) >= _REMEMBERED:
                self._places.clear()
            self._places[key] = found
        return found

    def make_room(self, wanted: Collection[Place]) -> None:
        """Raise ``LimitReached`` when the kernel's sets may not take so many."""
        if not self.has_room(wanted):
            raise LimitReached(KERNEL_FULL, self._limits.elements)

    def has_room(self, wanted: Collection[Place]) -> bool:
        """Whether the kernel's sets may take these."""
        room = self._room()
        return len(wanted) <= room or sum(map(self._is_new, wanted)) <= room

    def lasts(self, place: Place, now: float, wanted: float, debts: Iterable[Debt]) -> float:
        """Until when the rule wants this element, or some time from ``wanted`` on; 0 where it does not.

        ``debts``: names that it was wanted for, which are looked at first: all that the client has learned may be much.
        """
        kernel_set, client, address = place
        user, feed = self._roster.uses(client), self._roster.feed_of(kernel_set)
        if user is None or feed is None or feed.id not in user.feeds or feed.kernel_set(client) != kernel_set:
            return 0.0
        own: Scope = client if user.endpoint == OUTSIDERS else user.endpoint
        for scope, name, _ in debts:
            graph = self._library.get(scope)
            if graph is None or (scope != own and (scope != NODE or own is client)):
                continue
            for each in graph.with_ancestors((name,)):
                if feed.id in self._library.names.feeds(each):
                    until = graph.reach(each, now)[0].get(address, 0.0)
                    if until >= wanted:
                        return until
        return self._due(kernel_set, client, {}, now).addresses.get(address, 0.0)

    def everything(self) -> set[tuple[str, bytes]]:
        """Every (kernel set, client) that holds something or may."""
        places = set(self._held.keys())
        outsiders = self._library.outsiders()
        for feed in self._roster.feeds.values():
            users = self._roster.users(feed.id)
            for endpoint in users:
                places.update((feed.kernel_set(client), client) for client in self._roster.owned(endpoint))
            if OUTSIDERS in users:
                places.update((feed.kernel_set(client), client) for client in outsiders)
        return places

    def _due(self, kernel_set: str, client: bytes, known: dict[tuple[Scope, str], _Due], now: float) -> _Due:
        user, feed = self._roster.uses(client), self._roster.feed_of(kernel_set)
        if user is None or feed is None or feed.id not in user.feeds or feed.kernel_set(client) != kernel_set:
            return _Due()
        scope: Scope = client if user.endpoint == OUTSIDERS else user.endpoint
        if (scope, feed.id) not in known:
            due = known[scope, feed.id] = self._part(scope, feed.id, now)
            if scope is client:
                return due
            # What the node's look-ups are good for is the same for all endpoints that use the set.
            if (NODE, feed.id) not in known:
                known[NODE, feed.id] = self._part(NODE, feed.id, now)
            shared = known[NODE, feed.id]
            for address, expires in shared.addresses.items():
                due.addresses[address] = max(expires, due.addresses.get(address, 0.0))
            due.names += shared.names
        return known[scope, feed.id]

    def _part(self, scope: Scope, feed: str, now: float) -> _Due:
        """What one scope's graph alone is good for."""
        part = _Due()
        graph, members = self._library.get(scope), self._library.names.members(feed)
        if graph is None or not members:
            return part
        if len(members) < graph.edges:
            mine = [name for name in members if name in graph]
        else:
            mine = [name for name in graph.owners() if name in members]
        for name in mine:
            reached, visited = graph.reach(name, now)
            for address, expires in reached.items():
                part.addresses[address] = max(expires, part.addresses.get(address, 0.0))
            if reached:
                part.names.extend((scope, owner) for owner in visited)
        return part

    def _want(self, wanted: dict[Place, float], kernel_set: str, client: bytes, reached: dict[bytes, float]) -> None:
        held = self._held.of(kernel_set, client)
        for address, expires in reached.items():
            if len(address) == len(client) and held.get(address, 0.0) < expires:
                place = Place(kernel_set, client, address)
                wanted[place] = max(expires, wanted.get(place, 0.0))

    def _is_new(self, place: Place) -> bool:
        return place.address not in self._held.of(place.kernel_set, place.client)

    def _room(self) -> int:
        return max(0, self._limits.elements - self._held.count)

    def _indebt(self, scope: Scope, graph: Graph, owners: Iterable[bytes]) -> tuple[Debt, ...]:
        self.serial += 1
        debts = tuple([Debt(scope, owner, self.serial) for owner in owners if owner in graph])
        for debt in debts:
            graph.unsettled[debt.name] = self.serial
        return debts
