"""The rule of leases once more, said plainly: no increments, no caches. And short ways to write answers."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import NamedTuple

from dnsguard.domains import DomainPattern, wire_name
from dnsguard.leases import NODE, OUTSIDERS, Changes, Feed, LeaseBook, LocalClient, Scope, Terms
from dnsguard.leases.prolonging import Pair


class Address(NamedTuple):
    address: bytes
    ttl: int
    names: tuple[bytes, ...]


class Alias(NamedTuple):
    owner: bytes
    target: bytes
    ttl: int


class Answer(NamedTuple):
    addresses: tuple[Address, ...]
    aliases: tuple[Alias, ...] = ()


def packed(text: str) -> bytes:
    return ip_address(text).packed


def answer(*records: str) -> Answer:
    """``a.example.org CNAME b.example.org 60``, ``b.example.org A 192.0.2.1 30``, in the order of the chain."""
    aliases, addresses, chain = [], [], []
    for record in records:
        owner, kind, to, ttl = record.split()
        name = wire_name(owner)
        if name not in chain:
            chain.append(name)
        if kind == "CNAME":
            aliases.append(Alias(name, wire_name(to), int(ttl)))
        else:
            addresses.append(Address(packed(to), int(ttl), tuple(chain)))
    return Answer(tuple(addresses), tuple(aliases))


def feed(name: str, *patterns: str) -> Feed:
    return Feed(name, f"{name}-4", f"{name}-6", frozenset(map(DomainPattern.parse, patterns)))


def client(name: str, addresses: str, *feeds: str) -> LocalClient:
    return LocalClient(name, tuple(map(packed, addresses.split())), frozenset(feeds))


@dataclass
class Naive:
    """Everything that was ever said, in lists; the elements are worked out from nothing each time."""

    terms: Terms
    edges: dict[tuple[Scope, bytes, bytes, bool], float] = field(default_factory=dict)
    """(scope, owner, to, is alias) → expiry."""

    feeds: dict[str, Feed] = field(default_factory=dict)
    clients: dict[str, LocalClient] = field(default_factory=dict)

    def learn(self, scope: Scope, facts: Answer, now: float) -> None:
        edges = [(r.names[-1], r.address, False, r.ttl) for r in facts.addresses]
        edges += [(a.owner, a.target, True, a.ttl) for a in facts.aliases]
        for owner, to, is_alias, ttl in edges:
            needed = now + self.terms.lease(ttl)
            if self.edges.get((scope, owner, to, is_alias), 0.0) < needed:
                self.edges[scope, owner, to, is_alias] = needed + self.terms.slack

    def elements(self, now: float) -> dict[tuple[str, bytes, bytes], float]:
        """(kernel set, client, address) → expiry."""
        found: dict[tuple[str, bytes, bytes], float] = {}
        for endpoint, local in self.clients.items():
            for name in local.feeds & self.feeds.keys():
                for scope in (endpoint, NODE):
                    for owner in {o for s, o, _, _ in self.edges if s == scope}:
                        if any(pattern.matches(owner) for pattern in self.feeds[name].patterns):
                            self._collect(found, scope, owner, local, self.feeds[name], now)
        outsiders = self.clients.get(OUTSIDERS)
        for name in outsiders.feeds & self.feeds.keys() if outsiders is not None else ():
            for outsider, owner in {(s, o) for s, o, _, _ in self.edges if isinstance(s, bytes) and s != NODE}:
                if any(pattern.matches(owner) for pattern in self.feeds[name].patterns):
                    itself = LocalClient(OUTSIDERS, (outsider,), frozenset())
                    self._collect(found, outsider, owner, itself, self.feeds[name], now)
        return found

    def move(self) -> None:
        """What an address learned before somebody had it becomes its owner's."""
        for (scope, owner, to, is_alias), expires in list(self.edges.items()):
            if isinstance(scope, bytes) and scope != NODE and (whose := self.owner(scope)):
                del self.edges[scope, owner, to, is_alias]
                key = whose, owner, to, is_alias
                self.edges[key] = max(expires, self.edges.get(key, 0.0))

    def _collect(
        self,
        found: dict[tuple[str, bytes, bytes], float],
        scope: Scope,
        start: bytes,
        local: LocalClient,
        to: Feed,
        now: float,
    ) -> None:
        for target, lasts in self._reached(scope, start, now).items():
            for address in local.addresses:
                if self.owner(address) == local.endpoint and len(address) == len(target):
                    place = to.kernel_set(address), address, target
                    found[place] = max(lasts, found.get(place, 0.0))

    def _reached(self, scope: Scope, start: bytes, now: float) -> dict[bytes, float]:
        found: dict[bytes, float] = {}

        def walk(name: bytes, until: float, seen: frozenset[bytes]) -> None:
            for (edge_scope, owner, target, is_alias), expires in self.edges.items():
                if edge_scope != scope or owner != name or expires <= now:
                    continue
                lasts = min(until, expires)
                if is_alias and target not in seen:
                    walk(target, lasts, seen | {target})
                if not is_alias:
                    found[target] = max(lasts, found.get(target, 0.0))

        walk(start, float("inf"), frozenset({start}))
        return found

    def prolong(self, pairs: list[Pair], until: float, now: float) -> None:
        """Every name that policy wants for a client and that leads to its address leads there longer, for it alone."""
        raised = []
        for client, address in pairs:
            whose: Scope = self.owner(client) or client
            local = self.clients.get(whose if isinstance(whose, str) else OUTSIDERS)
            if local is None:
                continue
            patterns = [p for name in local.feeds & self.feeds.keys() for p in self.feeds[name].patterns]
            for scope in (whose, NODE) if isinstance(whose, str) else (whose,):
                for owner in {o for s, o, _, _ in self.edges if s == scope}:
                    wanted = any(pattern.matches(owner) for pattern in patterns)
                    if wanted and address in self._reached(scope, owner, now):
                        raised.append((whose, owner, address, False))
        for edge in raised:
            self.edges[edge] = max(until, self.edges.get(edge, 0.0))

    def owner(self, address: bytes) -> str:
        """Empty: nobody."""
        return min((c.endpoint for c in self.clients.values() if address in c.addresses), default=OUTSIDERS)


class Kernel:
    """What a kernel would hold that is given every change at once."""

    def __init__(self) -> None:
        self.elements: dict[tuple[str, bytes, bytes], float] = {}
        self.writes = 0

    def take(self, book: LeaseBook, changes: Changes, now: float) -> None:
        """Write and acknowledge."""
        due = book.due(changes, now)
        for place in due.remove:
            self.elements.pop(place, None)
        for element in due.add:
            self.elements[element.place] = element.expires
            self.writes += 1
        book.acknowledged(due)

    def rewrite(self, book: LeaseBook, now: float) -> None:
        """All that is due, in portions, as for a kernel that may have lost it."""
        portions = list(book.portions())
        book.doubt()
        for portion in portions:
            self.take(book, book.reconcile_part(portion, now), now)
            self.take(book, book.settle_doubts(portion), now)
        book.believe()
        self.take(book, book.owed_removals(), now)

    def live(self, now: float) -> dict[tuple[str, bytes, bytes], float]:
        return {place: expires for place, expires in self.elements.items() if expires > now}
